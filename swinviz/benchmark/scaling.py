"""Growth of the time with the image and with the batch."""

from __future__ import annotations

import statistics
from functools import partial

import torch

from swinviz.benchmark.measurement import seconds_of
from swinviz.segmenter import SwinUPerNet

__all__ = ["scaling"]


def scaling(
    model: SwinUPerNet,
    shapes: tuple[tuple[int, int], ...] = (
        (1, 128),
        (1, 256),
        (1, 384),
        (1, 512),
        (1, 768),
        (2, 256),
        (4, 256),
    ),
    rounds: int = 3,
) -> dict[tuple[int, int], float]:
    """Measure forward passes of square images: windows make the time linear in the pixels.

    Args:
        model: in evaluation mode, on the device to be measured.
        shapes: (batch, side in pixels) of each measurement.
        rounds: how often each is run, in turns, after one to warm up.

    Returns:
        (batch, side) -> median seconds.
    """
    taken: dict[tuple[int, int], list[float]] = {shape: [] for shape in shapes}
    with torch.inference_mode():
        inputs = {
            (batch, side): torch.randn(batch, 3, side, side, device=model.device) for batch, side in shapes
        }
        for images in inputs.values():
            model(images)
        for _ in range(rounds):
            for shape, images in inputs.items():
                taken[shape].append(seconds_of(partial(model, images), model.device))
    return {shape: statistics.median(times) for shape, times in taken.items()}
