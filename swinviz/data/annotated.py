"""Data sets in other people's formats, as training and evaluation take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX, Sample
from swinviz.data.pairs import FileDataset
from swinviz.errors import DatasetError
from swinviz.formats import AnnotatedSet
from swinviz.images import read_image

__all__ = ["AnnotatedImages"]


class AnnotatedImages(FileDataset):
    """Images (H, W, 3) and labels (H, W) of a set that `swinviz.formats.recognize` read, 255 ignored.

    Args:
        annotated: the set. Pixels that nothing covers are ignored.
        background: name of the class that pixels which nothing covers have instead; empty for none. It is
            the set's own class of this name, or one more.
        strict: refuse a set with something wrong at once; False leaves that to `check`.

    Raises:
        DatasetError: no picture is there, or (if strict) some annotated pictures are not, or a background
            where masks say themselves what is one.
    """

    def __init__(self, annotated: AnnotatedSet, *, background: str = "", strict: bool = True) -> None:
        self.recognized = self.title = annotated.recognized
        self.classes, self.palette = annotated.classes, annotated.palette
        self._background: int | None = None
        if background:
            self._background = self._add_background(annotated, background)
        self.names = [picture.name for picture in annotated.pictures]
        self.unpaired = list(annotated.problems)
        self._pictures = annotated.pictures
        self.refuse_problems(strict=strict)
        if not self._pictures:
            raise DatasetError(f"{annotated.recognized} holds no picture: check the folder.")

    def _add_background(self, annotated: AnnotatedSet, name: str) -> int:
        """Find or add the class, and return its label."""
        if not annotated.drawn:
            raise DatasetError(
                f"{annotated.recognized} has masks, which say themselves what is background: leave it out."
            )
        if name in self.classes:
            return self.classes.index(name)
        if len(self.classes) == IGNORE_INDEX:
            raise DatasetError(f"{annotated.recognized} leaves no number for a background: leave it out.")
        self.classes, self.palette = (*self.classes, name), (*self.palette, (0, 0, 0))
        return len(self.classes) - 1

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture and draw its labels.

        Raises:
            DatasetError: its annotation is damaged or does not fit the picture.
            ImageError: the picture cannot be read.
            IndexError: there is no such picture.
        """
        picture = self._pictures[index]
        image = read_image(picture.image)
        try:
            labels: NDArray[np.uint8] = picture.labels((image.shape[0], image.shape[1]))
        except DatasetError as error:
            raise DatasetError(f"picture {picture.name!r}: {error}") from error
        if self._background is not None:
            labels[labels == IGNORE_INDEX] = self._background
        return image, labels
