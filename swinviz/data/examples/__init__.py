"""Eight real photographs with masks drawn by hand, small enough to ship: what the course looks at.

`masks.json` holds the masks as polygons, painted one over the other, and where each photograph comes from.
They are no test set: the shipped model was trained on some of them (its card says which).
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch.utils.data import Dataset

from swinviz.data.dataset import IGNORE_INDEX, Sample
from swinviz.data.photos.classes import OUTDOOR_CLASSES, OUTDOOR_PALETTE
from swinviz.images import read_image

__all__ = ["EXAMPLE_NAMES", "ExamplePhotos", "example_image", "example_labels", "example_subject"]

_FOLDER = Path(__file__).parent

EXAMPLE_NAMES = ("temple", "raccoon", "rocket", "astronaut", "cat", "cup", "hopper", "dahlia")
"""Names of the photographs; the short side of each is 320 pixels."""


class ExamplePhotos(Dataset[Sample]):
    """The photographs as a data set of the shipped photograph model's classes.

    Args:
        names: which of them, in this order; all by default.

    Raises:
        KeyError: there is no such photograph.

    >>> photos = ExamplePhotos(["temple"])
    >>> image, labels = photos[0]
    >>> image.shape, labels.shape, photos.classes[labels[0, 0]]
    ((320, 480, 3), (320, 480), 'sky')
    """

    def __init__(self, names: tuple[str, ...] | list[str] = EXAMPLE_NAMES) -> None:
        for name in names:
            _drawn(name)
        self.names = tuple(names)
        self.classes, self.palette = OUTDOOR_CLASSES, OUTDOOR_PALETTE

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return example_image(self.names[index]), example_labels(self.names[index])

    def name(self, index: int) -> str:
        """Return the name of a photograph by its number."""
        return self.names[index]


def example_image(name: str) -> NDArray[np.uint8]:
    """Read a photograph (H, W, 3).

    Raises:
        KeyError: there is no such photograph.
    """
    _drawn(name)
    return read_image(_FOLDER / f"{name}.jpg")


def example_labels(name: str) -> NDArray[np.uint8]:
    """Paint a photograph's mask (H, W): numbers of `OUTDOOR_CLASSES`, 255 where nothing was drawn.

    Raises:
        KeyError: there is no such photograph.
    """
    drawn = _drawn(name)
    canvas = Image.new("L", _size(name), _label(drawn["rest"]))
    painter = ImageDraw.Draw(canvas)
    for shape in drawn["shapes"]:
        painter.polygon([tuple(point) for point in shape["points"]], fill=_label(shape["class"]))
    return np.array(canvas)


def example_subject(name: str) -> NDArray[np.bool_]:
    """Paint where the thing is that a photograph was taken for (H, W): the temple, the raccoon, the cup.

    Raises:
        KeyError: there is no such photograph.

    >>> 0.3 < float(example_subject("cup").mean()) < 0.6
    True
    """
    shapes = _drawn(name)["shapes"]
    canvas = Image.new("1", _size(name), 0)
    painter = ImageDraw.Draw(canvas)
    for shape in shapes:
        painter.polygon([tuple(point) for point in shape["points"]], fill=int(shape["name"] == name))
    return np.array(canvas)


@lru_cache(maxsize=1)
def _masks() -> dict[str, Any]:
    masks: dict[str, Any] = json.loads((_FOLDER / "masks.json").read_text(encoding="utf-8"))
    return masks


def _drawn(name: str) -> dict[str, Any]:
    """The entry of one photograph."""
    if name not in _masks():
        raise KeyError(f"there is no example photograph {name!r}: choose one of {', '.join(EXAMPLE_NAMES)}.")
    entry: dict[str, Any] = _masks()[name]
    return entry


@lru_cache(maxsize=8)
def _size(name: str) -> tuple[int, int]:
    """(width, height) in pixels."""
    with Image.open(_FOLDER / f"{name}.jpg") as image:
        return image.size


def _label(name: str | None) -> int:
    return IGNORE_INDEX if name is None else OUTDOOR_CLASSES.index(name)
