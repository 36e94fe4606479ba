"""The two columns of the published table that say what a model costs: memory and images a second."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

import numpy as np

from swinviz.devices import GB, device_name, peak_memory, reset_peak_memory
from swinviz.inference import InferenceOptions
from swinviz.segmenter import SwinUPerNet

__all__ = ["Cost", "measure_cost"]


@dataclass(frozen=True)
class Cost:
    """Cost of segmenting one image at a time.

    Attributes:
        images_per_second: from decoded image to labels, batch 1.
        memory_gb: most memory in use meanwhile, in units of 2**30 bytes: what torch allocated on a GPU, the
            whole process on a CPU. (The published column is memory while training.)
        device: name of the processor.
    """

    images_per_second: float
    memory_gb: float
    device: str


def measure_cost(
    model: SwinUPerNet,
    options: InferenceOptions | None = None,
    *,
    size: tuple[int, int] = (512, 512),
    seconds: float = 10.0,
) -> Cost:
    """Measure speed and memory as the published table does: batch 1, 512x512, after warming up.

    Args:
        model: in eval mode, on the device to be measured.
        options: inference options; their scale is replaced so that it stays as large as it is.
        size: (height, width) of the image, in pixels.
        seconds: how long to measure; at least three images are segmented.

    Returns:
        The median time of an image, as images a second, and the peak of memory.
    """
    options = replace(options or InferenceOptions(), scale=(max(size), min(size)))
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for _ in range(2):
        model.segment(image, options)
    reset_peak_memory(model.device)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        model.segment(image, options)  # the labels come back to the CPU, so a GPU has finished
        times.append(time.perf_counter() - started)
    return Cost(1.0 / statistics.median(times), peak_memory(model.device) / GB, device_name(model.device))
