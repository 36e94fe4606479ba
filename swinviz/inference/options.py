"""Inference options: whole, sliding or tiled; scales; flipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

__all__ = ["MULTI_SCALE", "InferenceOptions", "Mode"]

Mode = Literal["whole", "slide", "tile"]
"""Ways to cut up an image; `InferenceOptions` describes them."""

MULTI_SCALE = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
"""The sizes whose answers the published multi-scale figures average, each of them flipped too."""


@dataclass(frozen=True)
class InferenceOptions:
    """Inference options. The defaults are those of the published single-scale figures.

    Attributes:
        mode: `whole` runs the model once on the resized image. `slide` runs it on overlapping crops of the
            resized image and averages their logits. `tile` cuts the original into overlapping pieces,
            segments each as if it were alone and keeps its middle: memory is bounded at any image size.
        crop: (height, width) of a crop or piece, in pixels of the resized image.
        stride: (vertical, horizontal) step from one crop to the next, in the same pixels.
        scales: factors on `scale`; with more than one, the class probabilities are averaged.
        flip: average with the flipped image too.
        scale: (long, short) edge that the image is resized to, keeping its ratio; None takes the model's own.
        precision: run the model under autocast in this floating-point type; None leaves it as it is.
        fallback: when CUDA runs out of memory, tile instead of failing, and say so.

    Raises:
        ValueError: an unknown mode, or sizes that would leave pixels unseen.

    >>> InferenceOptions(scales=MULTI_SCALE, flip=True).views
    12
    """

    mode: Mode = "whole"
    crop: tuple[int, int] = (512, 512)
    stride: tuple[int, int] = (341, 341)
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    scale: tuple[int, int] | None = None
    precision: torch.dtype | None = None
    fallback: bool = True

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"mode is {self.mode!r}: choose one of {', '.join(get_args(Mode))}.")
        if min(*self.crop, *self.stride) < 1 or any(
            step > side for step, side in zip(self.stride, self.crop, strict=True)
        ):
            raise ValueError(
                f"crops of {self.crop} pixels at a stride of {self.stride} would leave pixels unseen: "
                "choose a stride from 1 to the crop's size."
            )
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales is {self.scales}: give at least one factor, each above 0.")
        if self.scale is not None and min(self.scale) < 1:
            raise ValueError(f"scale is {self.scale}: both edges must be at least 1 pixel.")
        if self.precision is not None and not self.precision.is_floating_point:
            raise ValueError(f"precision is {self.precision}: choose torch.bfloat16 or torch.float16.")

    @property
    def views(self) -> int:
        """Number of forward passes for the image (for each crop or piece of it)."""
        return len(self.scales) * (2 if self.flip else 1)
