"""People's own folders: indexed masks, RGB masks, with and without labels.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swinviz.data.folder import Folder, LabelTable
from swinviz.errors import DatasetError, ImageError

RED, GREEN, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 0)


def write(root: Path, name: str, mask: Image.Image, split: str = "") -> None:
    images, masks = root / "images" / split, root / "masks" / split
    for folder in (images, masks):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", mask.size, (9, 9, 9)).save(images / f"{name}.jpg")
    mask.save(masks / f"{name}.png")


def gray(rows: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def colors(rows: list[list[tuple[int, int, int]]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def test_indexed_masks_are_labels_with_255_ignored(tmp_path: Path) -> None:
    write(tmp_path, "one", gray([[0, 2, 255]]))
    (tmp_path / "labels.txt").write_text("# my classes\nsky\n\ntall tree\nsea\n")
    data = Folder(tmp_path)
    assert data.classes == ("sky", "tall tree", "sea")
    assert len(data.palette) == 3
    image, labels = data[0]
    assert labels.tolist() == [[0, 2, 255]]
    assert image.shape == (1, 3, 3)


def test_palette_masks_are_read_as_indices_not_as_colors(tmp_path: Path) -> None:
    mask = gray([[1, 0, 1]]).convert("P")
    mask.putpalette([*RED, *GREEN])
    write(tmp_path, "one", mask)
    data = Folder(tmp_path)
    assert data.classes == ("class_0", "class_1")
    assert data.palette == (RED, GREEN)
    assert data[0][1].tolist() == [[1, 0, 1]]


def test_rgb_masks_are_read_by_the_colors_of_labels_txt(tmp_path: Path) -> None:
    write(tmp_path, "one", colors([[GREEN, RED, BLACK, RED]]))
    (tmp_path / "labels.txt").write_text("255 0 0 roof\n0 255 0 garden\n0 0 0 ignore\n")
    data = Folder(tmp_path)
    assert data.classes == ("roof", "garden")
    assert data[0][1].tolist() == [[1, 0, 255, 0]]


def test_rgb_masks_without_labels_txt_take_their_colors_as_classes(tmp_path: Path) -> None:
    write(tmp_path, "one", colors([[GREEN, RED]]))
    write(tmp_path, "two", colors([[BLACK, RED]]))
    data = Folder(tmp_path)
    assert data.palette == (BLACK, GREEN, RED)
    assert data.classes == ("#000000", "#00ff00", "#ff0000")
    assert data[0][1].tolist() == [[1, 2]]
    assert data[1][1].tolist() == [[0, 2]]


def test_a_color_that_labels_txt_does_not_list_is_named(tmp_path: Path) -> None:
    write(tmp_path, "one", colors([[RED, (1, 2, 3), (1, 2, 3)]]))
    (tmp_path / "labels.txt").write_text("255 0 0 roof\n")
    with pytest.raises(DatasetError, match=r"'one.png' holds the color 1 2 3 in 2 pixels"):
        Folder(tmp_path)[0]


def test_an_index_beyond_the_classes_is_named(tmp_path: Path) -> None:
    write(tmp_path, "one", gray([[0, 1]]))
    (tmp_path / "labels.txt").write_text("only\n")
    with pytest.raises(DatasetError, match=r"'one.png' holds the label 1, but there are 1 classes"):
        Folder(tmp_path)[0]


def test_rgb_masks_with_names_but_no_colors_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "one", colors([[RED]]))
    (tmp_path / "labels.txt").write_text("only\n")
    with pytest.raises(DatasetError, match=r"labels\.txt gives no colors"):
        Folder(tmp_path)[0]


def test_blurred_color_masks_are_refused_before_they_become_classes(tmp_path: Path) -> None:
    levels = np.stack([np.arange(256), np.zeros(256), np.zeros(256)], axis=-1)[None]
    write(tmp_path, "one", Image.fromarray(levels.astype(np.uint8)))
    with pytest.raises(DatasetError, match="more than 255 colors, so they are blurred"):
        Folder(tmp_path)


def test_16_bit_numbers_beyond_what_labels_hold_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "one", Image.fromarray(np.array([[300]], np.uint16)))
    with pytest.raises(DatasetError, match="labels up to 300"):
        Folder(tmp_path)


def test_masks_with_transparency_in_gray_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "one", gray([[0, 1]]).convert("LA"))
    with pytest.raises(DatasetError, match="stored as LA, not as class numbers"):
        Folder(tmp_path)


def test_splits_subfolders_and_other_names_are_found(tmp_path: Path) -> None:
    write(tmp_path, "berlin/a", gray([[0]]), split="val")
    write(tmp_path, "aachen/b", gray([[1]]), split="val")
    (tmp_path / "images").rename(tmp_path / "leftImg8bit")
    data = Folder(tmp_path, "val", images="leftImg8bit")
    assert [data.name(index) for index in range(2)] == ["aachen/b", "berlin/a"]


def test_a_missing_partner_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"no folder '.*images': give a folder that holds images/ and masks/"
    ):
        Folder(tmp_path)
    write(tmp_path, "one", gray([[0]]))
    write(tmp_path, "two", gray([[0]]))
    (tmp_path / "masks" / "two.png").unlink()
    with pytest.raises(DatasetError, match=r"image 'two.jpg' has no mask 'two.png'"):
        Folder(tmp_path)
    check = Folder(tmp_path, strict=False).check(progress=False)
    assert len(check.problems) == 1
    assert check.images == 1
    (tmp_path / "masks" / "one.png").unlink()
    with pytest.raises(DatasetError, match="holds no image that has a mask"):
        Folder(tmp_path, strict=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sky\nsky\n", "line 2: 'sky' repeats"),
        ("1 2 3 sky\n1 2 3 sea\n", "line 2: '1 2 3 sea' repeats"),
        ("1 2 3\n", "line 1: '1 2 3' has no name"),
        ("1 2 3 sky\nsea\n", "colors for some classes only"),
        ("# nothing\n", "names 0 classes"),
        ("\n".join(f"c{k}" for k in range(256)), "names 256 classes"),
    ],
)
def test_a_labels_txt_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        LabelTable.read(path)


def test_a_labels_txt_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="not a text file in UTF-8"):
        LabelTable.read(path)


def test_a_huge_mask_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swinviz.data.pairs.MAX_PIXELS", 3)
    write(tmp_path, "one", gray([[0, 0], [1, 1]]))
    with pytest.raises(ImageError, match="2 x 2 pixels, more than the limit"):
        Folder(tmp_path)
