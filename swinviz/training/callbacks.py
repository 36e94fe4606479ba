"""Watching a run: what a callback is told, a progress bar, a JSON-lines log, TensorBoard."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor
from tqdm.auto import tqdm

from swinviz.evaluation.metrics import ConfusionCounts
from swinviz.files import replacing
from swinviz.segmenter import SwinUPerNet

__all__ = [
    "Callback",
    "JsonLines",
    "ProgressBar",
    "StepReport",
    "TensorBoard",
    "batch_miou",
]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepReport:
    """Report on a run after a step.

    Attributes:
        step: the step, counted from 0.
        loss: of the step's batch.
        lr: learning rate of the step.
        miou: mean intersection over union of the step's batch, over the classes in it, 0 to 1.
        images_per_second: since the report before.
        memory_gb: largest memory so far, in units of 2**30 bytes: the GPU's, or the process's on a CPU.
        scores: what the validation measured at this step, by name; empty at most steps.
    """

    step: int
    loss: float
    lr: float
    miou: float
    images_per_second: float
    memory_gb: float
    scores: dict[str, float]


class Callback(Protocol):
    """Told of a run as it goes on. What it does never changes the run."""

    def begin(self, first_step: int, max_iters: int) -> None:
        """The run starts, or goes on, with `first_step`."""

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """A step worth telling is done; `model` is the one that would be saved now."""

    def end(self) -> None:
        """The run stops, whatever the reason."""


class ProgressBar:
    """A line with loss, mIoU, images a second, memory, and the time that is left."""

    def begin(self, first_step: int, max_iters: int) -> None:
        """Show the bar."""
        self.bar = tqdm(total=max_iters, initial=first_step, unit="step", dynamic_ncols=True)

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """Move it."""
        figures = {
            "loss": f"{report.loss:.3f}",
            "mIoU": f"{report.miou:.3f}",
            "images/s": f"{report.images_per_second:.1f}",
            "GB": f"{report.memory_gb:.2f}",
        }
        self.bar.set_postfix(
            figures | {name: f"{value:.3f}" for name, value in report.scores.items()}, refresh=False
        )
        self.bar.update(report.step + 1 - self.bar.n)

    def end(self) -> None:
        """Leave it on the screen."""
        self.bar.close()


class JsonLines:
    """A text file with one JSON object a report. A resumed run continues it without gaps or repetitions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, first_step: int, max_iters: int) -> None:
        """Drop what a killed run wrote after its last saved state; it will be written again."""
        kept = [line for step, line in _steps(self.path) if step < first_step]
        with replacing(self.path) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """Append a line; a disk that is full costs the line and not the run."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(report)) + "\n")
        except OSError as error:
            _logger.warning(
                "step %d could not be written to %s (%s); the run goes on.",
                report.step,
                self.path.name,
                error,
            )

    def end(self) -> None:
        """Nothing is open between the lines."""


class TensorBoard:
    """Curves for TensorBoard.

    Raises:
        ImportError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder, self.make_writer = folder, SummaryWriter

    def begin(self, first_step: int, max_iters: int) -> None:
        """Open the event file."""
        self.writer: Any = self.make_writer(str(self.folder), purge_step=first_step)

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """Write every figure of the report; a disk that is full costs the curves and not the run."""
        figures: dict[str, Any] = asdict(report)
        try:
            for name, value in (figures.pop("scores") | figures).items():
                self.writer.add_scalar(name, value, report.step)
        except OSError as error:
            _logger.warning(
                "step %d could not be written to TensorBoard (%s); the run goes on.", report.step, error
            )

    def end(self) -> None:
        """Close the file."""
        with suppress(OSError):  # the disk is full, which was reported step by step
            self.writer.close()


def batch_miou(logits: Tensor, labels: Tensor) -> float:
    """Mean intersection over union of one batch, over the classes that its labels or predictions hold.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored. All ignored gives nan.
    """
    predicted, truth = logits.argmax(dim=1).cpu().numpy(), labels.cpu().numpy()
    return ConfusionCounts.of(predicted, truth, logits.shape[1], boundary=False).metrics().miou


def _steps(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (step, line) for each line of a log, without damaged ones and a last one that a kill cut off."""
    if not path.is_file():
        return
    damaged = 0
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            step = json.loads(line)["step"]
        except (ValueError, LookupError, TypeError):
            step = None
        if type(step) is int and line.endswith(b"\n"):
            yield step, line.decode("utf-8")
        elif line.endswith(b"\n"):
            damaged += 1
    if damaged:
        _logger.warning("%s has %d damaged lines, which are dropped.", path, damaged)
