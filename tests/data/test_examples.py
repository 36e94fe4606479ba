"""The photographs that the course looks at, and the masks drawn for them."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from swinviz.data import IGNORE_INDEX
from swinviz.data.examples import EXAMPLE_NAMES, ExamplePhotos, example_labels, example_subject

FOLDER = files("swinviz") / "data" / "examples"


def test_every_photograph_has_a_mask_of_its_size_and_known_classes() -> None:
    photos = ExamplePhotos()
    assert photos.names == EXAMPLE_NAMES
    for index, (image, labels) in enumerate(photos):
        assert image.shape == (*labels.shape, 3), photos.name(index)
        assert min(labels.shape) == 320
        assert set(np.unique(labels)) <= {*range(len(photos.classes)), IGNORE_INDEX}


@pytest.mark.parametrize(
    ("name", "y", "x", "expected"),
    [
        ("temple", 10, 300, "sky"),
        ("temple", 150, 150, "building"),
        ("temple", 200, 350, "water"),
        ("temple", 300, 450, "tree"),
        ("raccoon", 100, 100, "animal"),
        ("raccoon", 300, 30, "grass"),
        ("rocket", 200, 241, "object"),
        ("rocket", 100, 300, "sky"),
        ("astronaut", 60, 140, "person"),
        ("astronaut", 100, 260, "object"),
        ("cat", 120, 250, "animal"),
        ("hopper", 130, 160, "person"),
        ("hopper", 100, 20, "object"),
        ("dahlia", 160, 230, "object"),
    ],
)
def test_pixels_that_anybody_can_name(name: str, y: int, x: int, expected: str) -> None:
    assert ExamplePhotos([name]).classes[example_labels(name)[y, x]] == expected


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_the_subject_lies_inside_its_class(name: str) -> None:
    subject, labels = example_subject(name), example_labels(name)
    assert 0.03 < subject.mean() < 0.9
    assert len(np.unique(labels[subject])) == 1


def test_every_photograph_states_its_source_and_terms() -> None:
    masks = json.loads((FOLDER / "masks.json").read_text(encoding="utf-8"))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert tuple(masks) == EXAMPLE_NAMES
    for name, entry in masks.items():
        assert entry["source"]
        assert entry["license"] in {"CC BY 2.0", "CC0 1.0", "public domain"}
        assert f"| {name}.jpg |" in readme


def test_the_photographs_stay_small() -> None:
    assert sum(len((FOLDER / f"{name}.jpg").read_bytes()) for name in EXAMPLE_NAMES) < 300_000


def test_an_unknown_photograph_is_refused_with_the_names() -> None:
    with pytest.raises(KeyError, match="temple"):
        ExamplePhotos(["street"])
