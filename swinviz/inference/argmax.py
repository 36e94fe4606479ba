"""From coarse logits to labels at full size, a few rows at a time.

A model of 150 classes decides at a quarter of the resolution; upsampled to the image's size its logits would
be the largest tensor of all (600 MB for a megapixel). Only their maximum is wanted, so they are upsampled for
a block of rows, decided, and forgotten. Bilinear upsampling is linear and separable, so going by way of the
resized image's size, as the published pipeline does, is one matrix for the rows and two passes along them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from swinviz.model.upsampling import upsample

__all__ = ["View", "decide"]

# Elements of logits that exist at a time. On a CPU the block should stay in the cache, and few rows need few
# low-resolution ones. Measured on one core: 18 classes at 240x320 take 9 ms so, 19 ms with twice as many (all
# rows at once); 150 classes at 512x683 take 0.16 s so, 0.14 s with twice as many, 0.49 s all rows at once.
_BLOCK_ON_CPU = 800_000
_BLOCK_ON_GPU = 50_000_000


class View(NamedTuple):
    """What the model says about one look at the image.

    Attributes:
        logits: (1, K, h, w), float32, at any resolution, not mirrored.
        size: (height, width) of the image that the model was given, in pixels.
    """

    logits: Tensor
    size: tuple[int, int]


def decide(views: Sequence[View], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Choose the class of every pixel.

    Args:
        views: one or more; the class probabilities of several are averaged.
        size: (height, width) of the original image, which the logits are upsampled to first.

    Returns:
        Labels (H, W), uint8 (int32 with more than 256 classes), and the probability of each pixel's class
        (H, W), float32; both on the logits' device.
    """
    device, classes = views[0].logits.device, views[0].logits.shape[1]
    height, width = size
    labels = torch.empty(size, dtype=torch.uint8 if classes <= 256 else torch.int32, device=device)
    scores = torch.empty(size, dtype=torch.float32, device=device)
    sources = [_Upsampled(view, size) for view in views]
    budget = _BLOCK_ON_CPU if device.type == "cpu" else _BLOCK_ON_GPU
    step = max(1, budget // (classes * width))
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        probabilities = sources[0].rows(rows).softmax(dim=-1)  # R W K
        for source in sources[1:]:
            probabilities += source.rows(rows).softmax(dim=-1)
        highest, chosen = probabilities.max(dim=-1)
        scores[rows] = highest / len(sources)
        labels[rows] = chosen.to(labels.dtype)
    return labels, scores


class _Upsampled:
    """Logits as they would be at full size, made for the rows that are asked for."""

    def __init__(self, view: View, size: tuple[int, int]) -> None:
        # Channels last, so that the maximum over a pixel's K logits reads memory in order.
        self.logits = view.logits.contiguous(memory_format=torch.channels_last)
        self.widths = (view.size[1], size[1])
        self.weights = _upsampling_matrix(view.logits.shape[-2], (view.size[0], size[0]))  # H h

    def rows(self, rows: slice) -> Tensor:
        """Logits of some rows: (R, W, K)."""
        weights = self.weights[rows]
        used = weights.any(dim=0).nonzero()
        first, last = int(used[0]), int(used[-1])
        coarse = self.logits[:, :, first : last + 1]  # 1 K r w
        for width in self.widths:
            coarse = upsample(coarse, (coarse.shape[-2], width))
        coarse = coarse[0].permute(1, 2, 0)  # r W K
        weights = weights[:, first : last + 1].to(coarse.device)
        return (weights @ coarse.flatten(1)).view(-1, *coarse.shape[1:])  # R W K


def _upsampling_matrix(coarse: int, sizes: tuple[int, int]) -> Tensor:
    """What upsampling `coarse` values to each of `sizes` in turn does, as a matrix (sizes[-1], coarse)."""
    matrix = torch.eye(coarse)[None]  # 1 h h: upsampling the unit vectors gives the columns
    for size in sizes:
        matrix = F.interpolate(matrix, size=size, mode="linear", align_corners=False)
    return matrix[0].T.contiguous()
