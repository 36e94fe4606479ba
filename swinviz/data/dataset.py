"""The one form that every labeled data set has here, whoever reads, draws, trains on or evaluates it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from swinviz.model.config import Color

__all__ = ["IGNORE_INDEX", "LabeledDataset", "Sample", "name_of"]

IGNORE_INDEX = 255
"""Label of pixels that are neither learned from nor measured."""

Sample = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""An image (H, W, 3) and its labels (H, W), where `IGNORE_INDEX` counts for nothing."""


class LabeledDataset(Protocol):
    """Images with labels by index, and the names and colors of their classes.

    It may also have `name(index)`, which reports and messages then use.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the labels."""
        ...

    @property
    def palette(self) -> tuple[Color, ...]:
        """One RGB color (0..255) a class."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def name_of(dataset: LabeledDataset, index: int) -> str:
    """Return the name of an item in its data set; its number if it has no names."""
    name = getattr(dataset, "name", None)
    return str(name(index)) if callable(name) else str(index)
