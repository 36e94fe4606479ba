"""From coarse logits to labels at full size, a few rows at a time.

A model of 150 classes predicts at a quarter of the resolution; upsampled to the image's size its logits would
be the largest tensor of all (600 MB for a megapixel). Only their maximum is wanted, so they are upsampled for
a block of rows, reduced to their argmax, and dropped. Bilinear upsampling is linear and separable, so going
by way of the resized image's size, as the published pipeline does, is one matrix for the rows and two passes
along them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from swinviz.model.upsampling import bilinear_rows, upsample

__all__ = ["Prediction", "argmax_upsampled"]

# Elements of logits that exist at a time. On a CPU the block should stay in the cache, and few rows need few
# low-resolution ones. Measured on one core: 18 classes at 240x320 take 9 ms so, 19 ms with twice as many (all
# rows at once); 150 classes at 512x683 take 0.16 s so, 0.14 s with twice as many, 0.49 s all rows at once.
_BLOCK_ON_CPU = 800_000
_BLOCK_ON_GPU = 50_000_000
# Rows at a time, whose matrix has about as many columns at most: few megabytes.
_MOST_ROWS = 1000


class Prediction(NamedTuple):
    """Logits of one forward pass.

    Attributes:
        logits: (1, K, h, w), float32, at any resolution, not flipped.
        size: (height, width) of the image that the model was given, in pixels.
    """

    logits: Tensor
    size: tuple[int, int]


def argmax_upsampled(predictions: Sequence[Prediction], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Choose the class of every pixel.

    Args:
        predictions: one or more; the class probabilities of several are averaged.
        size: (height, width) of the original image, which the logits are upsampled to first.

    Returns:
        Labels (H, W), uint8 (int32 with more than 256 classes), and the probability of each pixel's class
        (H, W), float32; both on the logits' device.
    """
    device, classes = predictions[0].logits.device, predictions[0].logits.shape[1]
    height, width = size
    labels = torch.empty(size, dtype=torch.uint8 if classes <= 256 else torch.int32, device=device)
    scores = torch.empty(size, dtype=torch.float32, device=device)
    sources = [_Upsampled(prediction, size) for prediction in predictions]
    budget = _BLOCK_ON_CPU if device.type == "cpu" else _BLOCK_ON_GPU
    step = max(1, min(budget // (classes * width), _MOST_ROWS))
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

    def __init__(self, prediction: Prediction, size: tuple[int, int]) -> None:
        # Channels last, so that the maximum over a pixel's K logits reads memory in order.
        self.logits = prediction.logits.contiguous(memory_format=torch.channels_last)
        self.heights = (prediction.logits.shape[-2], prediction.size[0], size[0])
        self.widths = (prediction.size[1], size[1])

    def rows(self, rows: slice) -> Tensor:
        """Logits of some rows: (R, W, K)."""
        used, weights = bilinear_rows(rows, *self.heights)
        coarse = self.logits[:, :, used]  # 1 K r w
        for width in self.widths:
            coarse = upsample(coarse, (coarse.shape[-2], width))
        coarse = coarse[0].permute(1, 2, 0)  # r W K
        return (weights.to(coarse.device) @ coarse.flatten(1)).view(-1, *coarse.shape[1:])  # R W K
