"""ADE20K as the scene parsing challenge gives it: 150 classes, on which the published models are measured.

Source: http://sceneparsing.csail.mit.edu, the folder ADEChallengeData2016 of its archive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.labels import ADE20K_CLASSES, ADE20K_PALETTE
from swinviz.data.pairs import LabeledImages, indices, require_folder
from swinviz.errors import DatasetError

__all__ = ["ADE20K", "reduce_zero_label"]

Split = Literal["training", "validation"]


class ADE20K(LabeledImages):
    """The challenge's images (H, W, 3) with labels (H, W) from 0 (wall) to 149 (flag), 255 ignored.

    Args:
        root: the folder ADEChallengeData2016, or the one that holds it.
        split: `training` (20,210 images) or `validation` (2,000).
        strict: as for `LabeledImages`.

    Raises:
        DatasetError: not the challenge's layout, or (if strict) images without a mask or masks without one.
    """

    recognized = "ADE20K"
    classes = ADE20K_CLASSES
    palette = ADE20K_PALETTE

    def __init__(
        self, root: str | os.PathLike[str], split: Split = "validation", *, strict: bool = True
    ) -> None:
        if split not in get_args(Split):
            raise DatasetError(f"ADE20K has no split {split!r}: choose training or validation.")
        self.root, self.split = Path(root), split
        if (self.root / "ADEChallengeData2016").is_dir():
            self.root /= "ADEChallengeData2016"
        images, masks = self.root / "images" / split, self.root / "annotations" / split
        for folder in (images, masks):
            require_folder(
                folder, "give the folder ADEChallengeData2016, which holds images/ and annotations/"
            )
        super().__init__(images, masks, strict=strict)

    def decode(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Turn the challenge's numbers, where 0 is no class, into labels (H, W).

        Raises:
            DatasetError: a color picture, which other releases of ADE20K have, or a number above 150.
        """
        if mask.mode in ("RGB", "RGBA"):
            raise DatasetError(
                f"mask {name!r} is a color picture, as in the full ADE20K: use the challenge's archive, "
                "ADEChallengeData2016, whose masks hold class numbers."
            )
        numbers = indices(mask, name)
        wrong = numbers[(numbers > len(self.classes)) & (numbers != IGNORE_INDEX)]
        if wrong.size:
            raise DatasetError(
                f"mask {name!r} holds the label {wrong.max()}, above {len(self.classes)}, the last class: "
                "use the masks of the challenge, not of another release."
            )
        return reduce_zero_label(numbers.astype(np.uint8))


def reduce_zero_label(numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make 0, which is no class in ADE20K's files, the ignored label, and count classes from 0.

    Args:
        numbers: of any shape, 0 to 150, or 255 for what is ignored already.

    Returns:
        Labels of the same shape, 0 to 149 or 255.

    >>> reduce_zero_label(np.array([0, 1, 150, 255], np.uint8))
    array([255,   0, 149, 255], dtype=uint8)
    """
    ignored = (numbers == 0) | (numbers == IGNORE_INDEX)
    return np.where(ignored, np.uint8(IGNORE_INDEX), numbers - np.uint8(1))
