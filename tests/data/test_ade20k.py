"""ADE20K's layout, written to disk in miniature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swinviz.data.ade20k import ADE20K, reduce_zero_label
from swinviz.data.labels import ADE20K_CLASSES, ADE20K_PALETTE
from swinviz.errors import DatasetError, ImageError


def write_pair(
    root: Path, name: str, numbers: np.ndarray, size: tuple[int, int] | None = None, split: str = "validation"
) -> None:
    images, masks = root / "images" / split, root / "annotations" / split
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(name))
    Image.fromarray(rng.integers(0, 256, (*(size or numbers.shape[:2]), 3), np.uint8)).save(
        images / f"{name}.jpg"
    )
    Image.fromarray(numbers.astype(np.uint8)).save(masks / f"{name}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_pair(tmp_path, "ADE_val_00000002", np.array([[3, 150], [0, 255]]))
    write_pair(tmp_path, "ADE_val_00000001", np.array([[0, 1, 2]]))
    write_pair(tmp_path, "ADE_train_00000001", np.array([[7]]), split="training")
    return tmp_path


def test_names_and_colors_are_the_150_of_the_challenge() -> None:
    assert len(ADE20K_CLASSES) == len(set(ADE20K_CLASSES)) == 150
    assert (ADE20K_CLASSES[0], ADE20K_CLASSES[-1]) == ("wall", "flag")
    assert len(ADE20K_PALETTE) == 150
    # mmsegmentation's own palette gives road and skyscraper (140, 140, 140), and no other two the same.
    assert len(set(ADE20K_PALETTE)) == 149
    assert (ADE20K_PALETTE[0], ADE20K_PALETTE[-1]) == ((120, 120, 120), (92, 0, 255))
    assert all(0 <= level <= 255 for color in ADE20K_PALETTE for level in color)


def test_label_0_is_ignored_and_the_others_count_from_0(root: Path) -> None:
    data = ADE20K(root)
    image, labels = data[1]
    assert labels.tolist() == [[2, 149], [255, 255]]
    assert labels.dtype == image.dtype == np.uint8
    assert image.shape == (2, 2, 3)
    assert reduce_zero_label(np.arange(256, dtype=np.uint8)).tolist() == [255, *range(254), 255]


def test_pairs_come_in_the_order_of_their_names(root: Path) -> None:
    data = ADE20K(root)
    assert [data.name(index) for index in range(len(data))] == ["ADE_val_00000001", "ADE_val_00000002"]
    assert len(ADE20K(root, "training")) == 1
    assert data.classes[2] == "sky"
    with pytest.raises(IndexError):
        data[2]


def test_the_folder_above_is_understood(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    above = tmp_path_factory.mktemp("above")
    (above / "ADEChallengeData2016").symlink_to(root)
    assert len(ADE20K(above)) == 2


def test_a_wrong_root_names_the_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"no folder '.*images/validation': give the folder ADEChallengeData2016"
    ):
        ADE20K(tmp_path)
    with pytest.raises(DatasetError, match="no split 'test': choose training or validation"):
        ADE20K(tmp_path, "test")  # type: ignore[arg-type]


def test_a_missing_partner_is_named(root: Path) -> None:
    (root / "annotations" / "validation" / "ADE_val_00000002.png").unlink()
    write_pair(root, "ADE_val_00000003", np.array([[1]]))
    (root / "images" / "validation" / "ADE_val_00000003.jpg").unlink()
    with pytest.raises(DatasetError) as error:
        ADE20K(root)
    assert "image 'ADE_val_00000002.jpg' has no mask 'ADE_val_00000002.png'" in str(error.value)
    assert "mask 'ADE_val_00000003.png' has no image" in str(error.value)
    assert len(ADE20K(root, strict=False)) == 1


def test_a_label_above_150_is_named(root: Path) -> None:
    write_pair(root, "ADE_val_00000003", np.array([[1, 151]]))
    with pytest.raises(DatasetError, match=r"mask 'ADE_val_00000003.png' holds the label 151, above 150"):
        ADE20K(root)[2]


def test_masks_of_the_full_ade20k_are_told_apart(root: Path) -> None:
    write_pair(root, "ADE_val_00000003", np.zeros((4, 5, 3)))
    with pytest.raises(DatasetError, match="is a color picture, as in the full ADE20K"):
        ADE20K(root)[2]


def test_a_mask_of_another_size_is_named_with_both_sizes(root: Path) -> None:
    write_pair(root, "ADE_val_00000003", np.ones((4, 5)), size=(5, 4))
    with pytest.raises(DatasetError, match="has 5 x 4 pixels and its mask 4 x 5"):
        ADE20K(root)[2]


def test_a_check_reports_everything_at_once(root: Path) -> None:
    write_pair(root, "a", np.array([[1, 200]]))
    write_pair(root, "b", np.ones((4, 5)), size=(5, 4))
    write_pair(root, "c", np.array([[1]]))
    write_pair(root, "d", np.array([[1]]))
    write_pair(root, "e", np.array([[1]]))
    (root / "annotations" / "validation" / "c.png").unlink()
    (root / "images" / "validation" / "d.jpg").write_bytes(b"")
    mask = root / "annotations" / "validation" / "e.png"
    mask.write_bytes(mask.read_bytes()[:40])
    check = ADE20K(root, strict=False).check(progress=False)
    assert not check.ok
    for said in (
        "image 'c.jpg' has no mask",
        "label 200",
        "5 x 4",
        "'d.jpg' is empty",
        "mask 'e.png' cannot be read",
    ):
        assert sum(said in problem for problem in check.problems) == 1, said
    assert len(check.problems) == 5
    assert check.pixels.sum() == 4  # labels 0 and 1, 2 and 149 of the two sound pairs
    assert check.ignored == 3
    assert "5 problems" in str(check)
    assert "door" in str(check), "absent classes are listed"


def test_a_sound_data_set_passes_its_check(root: Path) -> None:
    check = ADE20K(root).check(progress=False)
    assert check.ok
    assert str(check).startswith("2 images, 150 classes, 42.9 % of the pixels ignored; no problems.")


def test_an_unreadable_mask_is_an_error_that_names_it(root: Path) -> None:
    (root / "annotations" / "validation" / "ADE_val_00000001.png").write_text("not a picture")
    with pytest.raises(ImageError, match=r"mask 'ADE_val_00000001.png' cannot be read"):
        ADE20K(root)[0]
