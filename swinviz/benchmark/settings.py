"""Search for the settings of `for_inference` that are fastest on a device and still right."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.benchmark.inference import plain_operations
from swinviz.benchmark.measurement import peak_gflops, seconds_of, watched
from swinviz.devices import GB, PRECISIONS, fast_precision
from swinviz.segmenter import SwinUPerNet

__all__ = ["Setting", "SettingsBenchmark", "Trial", "benchmark_settings", "settings_for"]

_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.03}
"""Largest difference from the plain model that is right, as a share of the largest logit.

TF32, in which GPUs multiply float32 where they may, keeps 10 bits; bfloat16 keeps 8, and errs by about
1 % in the published models.
"""


@dataclass(frozen=True)
class Setting:
    """Arguments of `for_inference`.

    Attributes:
        precision: of the weights, float32 or bfloat16.
        channels_last: weights with the channels innermost.
        compile: torch.compile, on a GPU with CUDA graphs.
    """

    precision: str
    channels_last: bool = False
    compile: bool = False

    @property
    def call(self) -> str:
        """The call that prepares a model so."""
        words = [f"dtype=torch.{self.precision}"] if self.precision != "float32" else []
        words += [f"{name}=True" for name in ("channels_last", "compile") if getattr(self, name)]
        return f"for_inference({', '.join(words)})"

    def prepare(self, model: SwinUPerNet) -> SwinUPerNet:
        """Copy a model, prepared so."""
        return model.for_inference(
            dtype=PRECISIONS[self.precision], channels_last=self.channels_last, compile=self.compile
        )


@dataclass(frozen=True)
class Trial:
    """One setting on images of one shape.

    Attributes:
        setting: what was tried.
        shape: (B, 3, H, W) of the images.
        seconds: median of a forward pass; NaN where it failed.
        memory_gb: most memory beyond that before its first turn, in units of 2**30 bytes.
        difference: largest difference from the plain model, as a share of its largest logit.
        share_of_peak: the plain way's operations a second, over a plain convolution's in this precision.
        problem: why it failed; empty where it did not.
    """

    setting: Setting
    shape: tuple[int, ...]
    seconds: float = float("nan")
    memory_gb: float = float("nan")
    difference: float = float("inf")
    share_of_peak: float = float("nan")
    problem: str = ""

    @property
    def right(self) -> bool:
        """True where it ran and gave the plain model's logits, as far as its precision goes."""
        return not self.problem and self.difference <= _TOLERANCE[self.setting.precision]

    @property
    def images_per_second(self) -> float:
        """Images a second."""
        return self.shape[0] / self.seconds


@dataclass(frozen=True)
class SettingsBenchmark:
    """All trials of all settings."""

    trials: tuple[Trial, ...]

    def fastest(self, shape: tuple[int, ...]) -> Trial:
        """Find the fastest right trial of a shape; the plainest setting is always right."""
        return min((t for t in self.trials if t.shape == shape and t.right), key=lambda t: t.seconds)

    def table(self) -> str:
        """Return all trials as aligned text, the fastest right one of each shape with a star."""
        rows = []
        for shape in dict.fromkeys(trial.shape for trial in self.trials):
            rows.append(
                f"\n{'x'.join(map(str, shape)):62s} {'seconds':>9s} {'images/s':>9s} {'of peak':>8s} "
                f"{'GB':>6s} {'difference':>11s}"
            )
            best = self.fastest(shape)
            for trial in (trial for trial in self.trials if trial.shape == shape):
                mark = "*" if trial is best else " " if trial.right else "!"
                figures = trial.problem[:46] or (
                    f"{trial.seconds:9.4f} {trial.images_per_second:9.2f} {trial.share_of_peak:8.0%} "
                    f"{trial.memory_gb:6.2f} {trial.difference:11.1e}"
                )
                rows.append(f"{mark} {trial.setting.call:60s} {figures}")
        return "\n".join([*rows, "* the fastest right one; ! it failed, or its logits are another model's"])


def settings_for(device: torch.device, *, compiled: bool) -> list[Setting]:
    """List what may pay on a device.

    Args:
        device: to be measured.
        compiled: list torch.compile too, which takes minutes to begin.
    """
    precisions = dict.fromkeys(("float32", fast_precision(device)))
    return [
        Setting(precision, channels_last, compile_)
        for compile_ in ((False, True) if compiled else (False,))
        for precision in precisions
        for channels_last in (False, True)
    ]


@torch.inference_mode()
def benchmark_settings(
    model: SwinUPerNet,
    shapes: Sequence[tuple[int, int, int]],
    *,
    rounds: int = 7,
    compiled: bool = True,
    progress: bool = True,
) -> SettingsBenchmark:
    """Try the settings of `settings_for`, each on images of several shapes.

    A setting that fails, for want of memory or of a compiler, is reported and left out of the search.

    Args:
        model: in evaluation mode, on the device to be measured.
        shapes: (batch, height, width) in pixels.
        rounds: how often each runs, after three to warm up.
        compiled: try torch.compile too, which takes minutes to begin.
        progress: show a bar.
    """
    settings = settings_for(model.device, compiled=compiled)
    peaks = {name: peak_gflops(model.device, PRECISIONS[name]) for name in {s.precision for s in settings}}
    bar = tqdm(total=len(shapes) * len(settings), desc="settings", unit="setting", disable=not progress)
    trials: list[Trial] = []
    with bar:
        for batch, height, width in shapes:
            generator = torch.Generator(model.device).manual_seed(0)
            images = torch.randn(batch, 3, height, width, device=model.device, generator=generator)
            expected = model(images).float()
            operations = plain_operations(lambda images=images: model(images), model)  # type: ignore[misc]
            for setting in settings:
                trial = _try(model, setting, images, expected, rounds)
                rate = operations / trial.seconds / 1e9
                trials.append(replace(trial, share_of_peak=rate / peaks[setting.precision]))
                bar.update()
    return SettingsBenchmark(tuple(trials))


def _try(model: SwinUPerNet, setting: Setting, images: Tensor, expected: Tensor, rounds: int) -> Trial:
    shape = tuple(images.shape)
    try:
        prepared = setting.prepare(model)
        given = images.to(prepared.dtype)
        logits, memory = watched(lambda: prepared(given), model.device)
        difference = float((logits.float() - expected).abs().max() / expected.abs().max())
        del logits
        for _ in range(2):  # CUDA graphs are recorded by the second run
            prepared(given)
        seconds = statistics.median(seconds_of(lambda: prepared(given), model.device) for _ in range(rounds))
    except Exception as error:  # noqa: BLE001  # of compilers, drivers and allocators, each with its own ways to fail
        if model.device.type == "cuda":
            torch.cuda.empty_cache()
        return Trial(setting, shape, problem=f"{type(error).__name__}: {error}".partition("\n")[0])
    finally:
        if setting.compile:
            torch.compiler.reset()
    return Trial(setting, shape, seconds, memory / GB, difference)
