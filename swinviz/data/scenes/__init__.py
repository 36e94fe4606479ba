"""Procedural landscapes and streets with exact labels, built so that context decides.

`scene(seed, index, size)` draws one picture and its label map; `Scenes` is the data set of them. Some
things look alike close up and differ only by what surrounds them: a lake mirrors the sky and is enclosed
by land where the sea runs to the horizon; the same body is a boat on water and a car on a road; the same
grass is a field inside a fence.
"""

from typing import Literal

import numpy as np
from torch.utils.data import Dataset

from swinviz.data.dataset import Sample
from swinviz.data.scenes.classes import SCENE_CLASSES, SCENE_PALETTE
from swinviz.data.scenes.compose import compose

__all__ = ["SCENE_CLASSES", "SCENE_PALETTE", "Scenes", "scene"]

_SPLITS = {"train": 0, "val": 1}


def scene(seed: int, index: int, size: tuple[int, int] = (128, 128)) -> Sample:
    """Draw scene number `index` of the world `seed`.

    The composition depends on (seed, index) and the aspect ratio, not on the size: the same scene can be
    drawn larger.

    Args:
        seed: which world; 0 or more.
        index: which scene of it; 0 or more.
        size: height and width in pixels, 8 or more each.

    Returns:
        The image (height, width, 3) and its label map (height, width) with indices into `SCENE_CLASSES`.

    Raises:
        ValueError: a size below 8x8, or a negative seed or index.

    >>> image, label = scene(seed=0, index=3, size=(64, 96))
    >>> image.shape, label.shape, SCENE_CLASSES[label[0, 0]]
    ((64, 96, 3), (64, 96), 'sky')
    """
    height, width = size
    if height < 8 or width < 8:
        raise ValueError(f"a scene of {height}x{width} pixels is too small: ask for at least 8x8")
    if seed < 0 or index < 0:
        raise ValueError(f"scene(seed={seed}, index={index}): seed and index must be 0 or more")
    layout, texture = (np.random.default_rng([seed, index, stream]) for stream in (0, 1))
    canvas = compose(layout, texture, height, width)
    pixels = (canvas.image * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0)), canvas.label


class Scenes(Dataset[Sample]):
    """The scenes as a data set of (image (height, width, 3) uint8, label (height, width) uint8).

    Item i of a split is the same picture whatever the length. The two splits are different worlds: no
    scene of one can occur in the other, for any pair of lengths.
    """

    def __init__(
        self,
        split: Literal["train", "val"] = "train",
        length: int = 10_000,
        size: tuple[int, int] = (128, 128),
        seed: int = 0,
    ) -> None:
        if split not in _SPLITS:
            raise ValueError(f"Scenes has no split {split!r}: choose 'train' or 'val'")
        if length < 0:
            raise ValueError(f"Scenes of length {length}: the length must be 0 or more")
        self.split, self.length, self.size, self.seed = split, length, size, seed
        self.classes, self.palette = SCENE_CLASSES, SCENE_PALETTE

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.length:  # also ends iteration
            raise IndexError(f"scene {index} of a data set of {self.length}")
        return scene(2 * self.seed + _SPLITS[self.split], index, self.size)
