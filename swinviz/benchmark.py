"""Speed and memory beside transformers: the same weights and image, in one process, turn by turn.

Machines are noisy and drift, so nothing here is one absolute time: the contestants take turns, and what is
reported is the median over the rounds of each round's ratio.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from swinviz.checkpoints import to_hub_format
from swinviz.errors import SwinvizError
from swinviz.evaluation.cost import device_name, forget_peak, peak_memory
from swinviz.hooks import capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["Benchmark", "Entry", "benchmark", "scaling"]

Run = Callable[[], Tensor]


@dataclass(frozen=True)
class Entry:
    """What one contestant took.

    Attributes:
        seconds: median time of a forward pass.
        speedup: median over the rounds of the peer's time over this one's; NaN without a peer.
        gflops: arithmetic rate: the operations of the plain model over `seconds`, in 1e9 a second. A
            contestant that needs fewer operations for the same result gets credit for those it saves.
        memory_gb: most memory in use during a pass beyond that before it, in units of 2**30 bytes.
        difference: largest difference of its logits from the plain model's.
    """

    seconds: float
    speedup: float
    gflops: float
    memory_gb: float
    difference: float


@dataclass(frozen=True)
class Benchmark:
    """A measured comparison.

    Attributes:
        device: name of the processor.
        shape: (batch, 3, height, width) of the input.
        rounds: how often each contestant ran.
        roof_gflops: rate of a plain 3x3 convolution of the model's widest size, in 1e9 a second.
        entries: by name of the contestant.
    """

    device: str
    shape: tuple[int, ...]
    rounds: int
    roof_gflops: float
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)

    def table(self) -> str:
        """Return the comparison as aligned text."""
        rows = [f"{self.device}, input {'x'.join(map(str, self.shape))}, median of {self.rounds} rounds"]
        rows.append(
            f"{'':34s} {'seconds':>9s} {'speed-up':>9s} {'of roof':>8s} {'GB':>6s} {'difference':>11s}"
        )
        for name, entry in self.entries.items():
            roof = entry.gflops / self.roof_gflops
            rows.append(
                f"{name:34s} {entry.seconds:9.4f} {entry.speedup:8.2f}x {roof:7.0%} "
                f"{entry.memory_gb:6.2f} {entry.difference:11.1e}"
            )
        rows.append(f"roof: {self.roof_gflops:.0f} GFLOP/s, a plain 3x3 convolution of 512 channels")
        return "\n".join(rows)


def benchmark(
    model: SwinUPerNet,
    *,
    size: tuple[int, int] = (512, 512),
    batch: int = 1,
    rounds: int = 7,
    compiled: bool = False,
    peer: bool = True,
    progress: bool = True,
) -> Benchmark:
    """Compare a model, its copies for inference, and transformers' implementation with the same weights.

    Args:
        model: on the device to be measured.
        size: (height, width) of the input, in pixels.
        batch: images at a time.
        rounds: how often each contestant runs, after one run to warm up.
        compiled: measure torch.compile too, which takes minutes to begin.
        peer: measure transformers; False leaves it out.
        progress: show a bar.

    Raises:
        SwinvizError: `peer` is asked for and transformers is not installed.
    """
    device = model.device
    images = torch.randn(batch, 3, *size, device=device, generator=torch.Generator(device).manual_seed(0))
    runs = _contestants(model, images, compiled=compiled, peer=peer)
    with torch.inference_mode():
        exact = model(images).float()
        with FlopCounterMode(display=False) as counter:
            _plainly(model, images)
        differences = {name: (run().float() - exact).abs().max().item() for name, run in runs.items()}
        memory = {name: _working_memory(run, device) / 2**30 for name, run in runs.items()}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in tqdm(range(rounds), unit="round", disable=not progress):
            for name, run in runs.items():
                times[name].append(_seconds(run, device))
        roof = _roof(device)
    peers = times.get("transformers")
    entries = {
        name: Entry(
            seconds=statistics.median(taken),
            speedup=statistics.median(a / b for a, b in zip(peers, taken, strict=True))
            if peers
            else float("nan"),
            gflops=counter.get_total_flops() / statistics.median(taken) / 1e9,
            memory_gb=memory[name],
            difference=differences[name],
        )
        for name, taken in times.items()
    }
    return Benchmark(device_name(device), tuple(images.shape), rounds, roof, entries)


def scaling(
    model: SwinUPerNet, sides: tuple[int, ...] = (128, 256, 384, 512, 768), rounds: int = 3
) -> dict[int, float]:
    """Measure how the time grows with the image: windows make it linear in the pixels.

    Returns:
        side of a square input, in pixels -> median seconds.
    """
    with torch.inference_mode():
        inputs = {side: torch.randn(1, 3, side, side, device=model.device) for side in sides}
        for images in inputs.values():
            model(images)
        taken: dict[int, list[float]] = {side: [] for side in sides}
        for _ in range(rounds):
            for side, images in inputs.items():
                taken[side].append(_seconds(lambda images=images: model(images), model.device))  # type: ignore[misc]
    return {side: statistics.median(times) for side, times in taken.items()}


def _contestants(model: SwinUPerNet, images: Tensor, *, compiled: bool, peer: bool) -> dict[str, Run]:
    """Everything that takes part, by name, as functions that give logits at the input's size."""
    prepared = model.for_inference()
    rounded = model.for_inference(dtype=torch.bfloat16, channels_last=images.is_cuda)
    runs: dict[str, Run] = {
        "swinviz": lambda: model(images),
        "swinviz, for inference": lambda: prepared(images),
        "swinviz, for inference, bfloat16": lambda: rounded(images.bfloat16()),
    }
    if compiled:
        fast = model.for_inference(dtype=torch.bfloat16, compile=True, channels_last=images.is_cuda)
        runs["swinviz, bfloat16, compiled"] = lambda: fast(images.bfloat16())
    if peer:
        theirs = _transformers_model(model)
        runs = {
            "transformers": lambda: theirs(images).logits,
            "transformers, bfloat16 autocast": lambda: _autocast(
                lambda: theirs(images).logits, images.device
            ),
            **runs,
        }
    return runs


def _transformers_model(model: SwinUPerNet) -> Any:
    try:
        from transformers import UperNetForSemanticSegmentation
    except ImportError as error:
        raise SwinvizError(
            'transformers is not installed: run pip install "swinviz[test]", or leave it out with --no-peer.'
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        to_hub_format(model, folder)
        theirs: Any = UperNetForSemanticSegmentation.from_pretrained(folder)
        return theirs.to(model.device).eval()


def _autocast(run: Run, device: torch.device) -> Tensor:
    with torch.autocast(device.type, torch.bfloat16):
        return run()


def _plainly(model: SwinUPerNet, images: Tensor) -> None:
    """Run with the fusion in its direct form, to count the arithmetic that everybody else needs."""
    with capture(model, "head.fusion.*"):
        model(images)


def _seconds(run: Run, device: torch.device) -> float:
    _finish(device)
    started = time.perf_counter()
    run()
    _finish(device)
    return time.perf_counter() - started


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _working_memory(run: Run, device: torch.device) -> float:
    """Bytes that are in use at most while a contestant runs, beyond what is in use after it."""
    run()
    forget_peak(device)
    before = peak_memory(device)
    run()
    return peak_memory(device) - before


def _roof(device: torch.device) -> float:
    x, weight = torch.randn(1, 512, 64, 64, device=device), torch.randn(512, 512, 3, 3, device=device)
    operations = 2 * 9 * 512 * 512 * 64 * 64
    times = [_seconds(lambda: F.conv2d(x, weight, padding=1), device) for _ in range(4)]
    return operations / min(times) / 1e9
