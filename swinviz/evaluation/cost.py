"""The two columns of the published table that say what a model costs: memory and images a second."""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from swinviz.inference import InferenceOptions
from swinviz.segmenter import SwinUPerNet

__all__ = ["Cost", "device_name", "forget_peak", "measure_cost", "peak_memory"]

_GB = 2**30  # the published table's gigabyte


@dataclass(frozen=True)
class Cost:
    """What segmenting one image at a time costs.

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
        options: how the image is looked at; its scale is replaced so that it stays as large as it is.
        size: (height, width) of the image, in pixels.
        seconds: how long to measure; at least three images are segmented.

    Returns:
        The median time of an image, as images a second, and the peak of memory.
    """
    options = replace(options or InferenceOptions(), scale=(max(size), min(size)))
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for _ in range(2):
        model.segment(image, options)
    forget_peak(model.device)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        model.segment(image, options)  # the labels come back to the CPU, so a GPU has finished
        times.append(time.perf_counter() - started)
    return Cost(1.0 / statistics.median(times), peak_memory(model.device) / _GB, device_name(model.device))


def forget_peak(device: torch.device) -> None:
    """Begin to measure the most memory in use anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with suppress(
            OSError
        ):  # another system than Linux, or a container that forbids it: then since its start
            Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> float:
    """Most memory in use since `forget_peak`, in bytes; NaN where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    if sys.platform == "darwin":
        import resource  # Windows has no such module

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float("nan")


def device_name(device: torch.device) -> str:
    """Name a processor as reports do."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
