"""Contestants that take turns in one process, and what each of them took.

Machines are noisy and drift, so no absolute time is trusted: what is reported is the median over the rounds
of each round's ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.devices import GB, peak_memory, reset_peak_memory

__all__ = ["Benchmark", "Measurement", "Run", "measure", "peak_gflops", "seconds_of", "shape_of", "watched"]

Run = Callable[[], Tensor]
"""One turn of a candidate; what it returns is compared with what the others return."""


@dataclass(frozen=True)
class Measurement:
    """Time and memory of one candidate.

    Attributes:
        seconds: median time of a turn.
        speedup: median over the rounds of the reference's time over this one's.
        memory_gb: most memory in use during its first turn beyond that before it, in units of 2**30 bytes.
        difference: largest difference of its result from the exact one, at least 0.
    """

    seconds: float
    speedup: float
    memory_gb: float
    difference: float


@dataclass(frozen=True)
class Benchmark:
    """A measured comparison.

    Attributes:
        title: what was done.
        reference: name of the candidate that the others are compared with.
        rounds: how often each had its turn.
        operations: floating-point operations of the plain way in one turn, at least 0, which means that they
            were not counted. Who needs fewer for the same result gets credit for those that are saved.
        measurements: by name of the candidate.
    """

    title: str
    reference: str
    rounds: int
    operations: float
    measurements: Mapping[str, Measurement]

    def gflops(self, name: str) -> float:
        """Arithmetic rate of a candidate, in 1e9 operations a second."""
        return self.operations / self.measurements[name].seconds / 1e9

    def table(self, peak: float = 0.0) -> str:
        """Return the comparison as aligned text.

        Args:
            peak: rate to give the candidates' as a share of, in 1e9 a second; 0 leaves it out.
        """
        share = peak > 0 and self.operations > 0
        rate = "of peak" if share else ""
        head = f"{'seconds':>9s} {'speed-up':>9s} {rate:>8s} {'GB':>6s} {'difference':>11s}"
        rows = [f"{self.title}, median of {self.rounds} rounds", f"{'':34s} {head}"]
        for name, measurement in self.measurements.items():
            part = f"{self.gflops(name) / peak:7.0%}" if share else ""
            rows.append(
                f"{name:34s} {measurement.seconds:9.4f} {measurement.speedup:8.2f}x {part:>8s} "
                f"{measurement.memory_gb:6.2f} {measurement.difference:11.1e}"
            )
        return "\n".join(rows)


def measure(
    title: str,
    runs: Mapping[str, Run],
    device: torch.device,
    *,
    exact: Tensor,
    rounds: int,
    operations: float = 0.0,
    progress: bool = True,
) -> Benchmark:
    """Let candidates take turns.

    Args:
        title: what is done.
        runs: name -> turn; the first is the reference.
        device: where they run.
        exact: what each should return, of any shape; differences are taken from it.
        rounds: how often each has its turn, after one to warm up.
        operations: floating-point operations of the plain way in one turn, at least 0.
        progress: show a bar.
    """
    memory, differences = {}, {}
    for name, run in runs.items():
        result, memory[name] = watched(run, device)
        differences[name] = (result.float() - exact.float()).abs().max().item()
        del result
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in tqdm(range(rounds), desc=title.partition(",")[0], unit="round", disable=not progress):
        for name, run in runs.items():
            times[name].append(seconds_of(run, device))
    reference = next(iter(runs))
    measurements = {
        name: Measurement(
            seconds=statistics.median(taken),
            speedup=statistics.median(a / b for a, b in zip(times[reference], taken, strict=True)),
            memory_gb=memory[name] / GB,
            difference=differences[name],
        )
        for name, taken in times.items()
    }
    return Benchmark(title, reference, rounds, operations, measurements)


def shape_of(images: Tensor) -> str:
    """Write the shape of an array of any shape as titles do.

    >>> shape_of(torch.zeros(1, 3, 64, 96))
    '1x3x64x96'
    """
    return "x".join(map(str, images.shape))


def peak_gflops(device: torch.device, dtype: torch.dtype | None = None) -> float:
    """Rate of a plain 3x3 convolution of 512 channels, the model's widest, in 1e9 operations a second.

    Args:
        device: to be measured.
        dtype: of the numbers; float32 by default.
    """
    x = torch.randn(1, 512, 64, 64, device=device, dtype=dtype)
    weight = torch.randn(512, 512, 3, 3, device=device, dtype=dtype)
    operations = 2 * 9 * 512 * 512 * 64 * 64
    with torch.inference_mode():
        return (
            operations
            / min(seconds_of(lambda: F.conv2d(x, weight, padding=1), device) for _ in range(4))
            / 1e9
        )


def seconds_of(run: Run, device: torch.device) -> float:
    """Measure one turn, to the end of what it started on the device."""
    _finish(device)
    started = time.perf_counter()
    run()
    _finish(device)
    return time.perf_counter() - started


def watched(run: Run, device: torch.device) -> tuple[Tensor, float]:
    """Take a first turn, with what it needs once and keeps.

    Args:
        run: the turn.
        device: where it runs.

    Returns:
        Its result, of any shape, and the most bytes in use beyond those before it.
    """
    _finish(device)
    reset_peak_memory(device)
    before = peak_memory(device)
    result = run()
    _finish(device)
    return result, peak_memory(device) - before


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
