"""The training loop: steps, and between them what watches and what saves."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from swinviz.checkpoints import save
from swinviz.errors import SwinvizError
from swinviz.segmenter import SwinUPerNet
from swinviz.training.callbacks import Callback, StepReport, batch_miou, peak_memory_gb
from swinviz.training.distributed import DistributedContext
from swinviz.training.recipe import PixelLoss, Recipe, pixel_loss
from swinviz.training.state import TrainingState
from swinviz.training.step import Step, TrainStep
from swinviz.training.stream import LabeledData, Stream, Transform, batches

__all__ = ["RunOptions", "TrainResult", "Validation", "train"]

log = logging.getLogger(__name__)

Validation = Callable[[SwinUPerNet], dict[str, float]]
"""Measures a model in evaluation mode: figures by name."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; none of it changes what is learned.

    Attributes:
        folder: where states and the model go; None keeps nothing.
        save_every: steps between saved states.
        log_every: steps between moments that watchers are told of.
        validate_every: steps between validations, a multiple of `log_every`; 0 for none.
        workers: processes that load and augment the data.
        recompute: compute activations again in the backward pass: less memory, more time.
        compiled: let torch.compile make steps faster, after a minute or more.
    """

    folder: Path | None = None
    save_every: int = 500
    log_every: int = 10
    validate_every: int = 0
    workers: int = 0
    recompute: bool = False
    compiled: bool = False


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
        model: the trained model, or its moving average if the recipe keeps one, in evaluation mode.
        steps: steps that are done.
        finished: False if a signal stopped the run; started again in its folder, it goes on.
    """

    model: SwinUPerNet
    steps: int
    finished: bool


def train(
    model: SwinUPerNet,
    dataset: LabeledData,
    transform: Transform | None,
    recipe: Recipe,
    options: RunOptions | None = None,
    *,
    watchers: Sequence[Callback] = (),
    validation: Validation | None = None,
    team: DistributedContext | None = None,
    loss: PixelLoss = pixel_loss,
) -> TrainResult:
    """Train a model, going on where an earlier run in the same folder stopped.

    Args:
        model: trained in place.
        dataset: images (H, W, 3) and labels (H, W), uint8.
        transform: augmentation, after which all images have one size.
        recipe: what decides the weights.
        options: how it is carried out.
        watchers: told of the run as it goes on.
        validation: measures the model every `options.validate_every` steps, in every process.
        team: the processes that train together; by default this one, on the CPU.
        loss: what is minimized; with another than cross entropy the batch's mIoU is not reported.

    Raises:
        NotANumberError: the loss is infinite or not a number.
        CheckpointError: the folder holds a run with another recipe, or only damaged states.
        SwinvizError: another process trains in the folder.
        ValueError: an empty data set, or a batch that does not divide.
    """
    options, team = options or RunOptions(), team or DistributedContext()
    learner = TrainStep(
        model, recipe, team, recompute=options.recompute, compiled=options.compiled, loss=loss
    )
    state, step = TrainingState(recipe, learner.parts), 0
    with ExitStack() as stack:
        if options.folder:
            stack.enter_context(_locked(options.folder, team))
            step = state.resume(options.folder)
        stream = Stream(dataset, transform, recipe.seed)
        loader = batches(stream, recipe, step, rank=team.rank, world=team.world, workers=options.workers)
        parts, clock = iter(loader), _Clock(learner, step)
        stopped = stack.enter_context(_signals())
        tell = stack.enter_context(_watching(watchers if team.is_main else (), step, recipe))
        stopping = False
        while step < recipe.max_iters and not stopping:
            result = learner.step(step, parts)
            step += 1
            if _due(step, options.log_every, recipe):
                scores = _validate(learner, validation) if _due(step, options.validate_every, recipe) else {}
                tell(clock.moment(step - 1, result, scores), learner.average)
            stopping = team.any(stopped())  # asked once a step: all stop after the same one, and it is saved
            if _due(step, options.save_every, recipe) or stopping:
                _keep(state, learner, options.folder, step)
    return TrainResult(learner.average.eval(), step, step == recipe.max_iters)


def _due(step: int, every: int, recipe: Recipe) -> bool:
    """Whether something done every so many steps, and at the end, is due when `step` steps are done."""
    return every > 0 and (step % every == 0 or step == recipe.max_iters)


def _validate(learner: TrainStep, validation: Validation | None) -> dict[str, float]:
    if validation is None:
        return {}
    scores = validation(learner.average.eval())
    learner.model.train()  # the average may be the model itself
    return scores


def _keep(state: TrainingState, learner: TrainStep, folder: Path | None, step: int) -> None:
    """Save the state to go on from and the model to use; a full disk is reported but does not end the run."""
    if folder is None or not learner.team.is_main:
        return
    try:
        state.save(folder, step)
        save(learner.average, folder / "model.safetensors")
    except OSError as error:
        log.warning(
            "step %d could not be saved in %s (%s); the state before is still there.", step, folder, error
        )


class _Clock:
    """Measures images a second from one moment to the next."""

    def __init__(self, learner: TrainStep, step: int) -> None:
        self.learner, self.step, self.time = learner, step - 1, time.perf_counter()

    def moment(self, step: int, result: Step, scores: dict[str, float]) -> StepReport:
        """Say what is known after a step."""
        recipe, now = self.learner.recipe, time.perf_counter()
        images_per_second = recipe.batch_size * (step - self.step) / (now - self.time)
        self.step, self.time = step, now
        return StepReport(
            step=step,
            loss=result.loss,
            rate=recipe.rate(step),
            miou=batch_miou(result.logits, result.labels) if self.learner.loss is pixel_loss else math.nan,
            images_per_second=images_per_second,
            memory_gb=peak_memory_gb(self.learner.team.device),
            scores=scores,
        )


@contextmanager
def _watching(
    watchers: Sequence[Callback], step: int, recipe: Recipe
) -> Iterator[Callable[[StepReport, SwinUPerNet], None]]:
    """Begin and end all watchers, and give the function that tells them of a moment."""

    def tell(moment: StepReport, model: SwinUPerNet) -> None:
        for watcher in watchers:
            watcher.step(moment, model)

    with ExitStack() as stack:
        for watcher in watchers:
            watcher.begin(step, recipe.max_iters)
            stack.callback(watcher.end)
        yield tell


@contextmanager
def _locked(folder: Path, team: DistributedContext) -> Iterator[None]:
    """Make a run's folder, and keep every other run out of it; the system opens the lock of a killed run.

    Raises:
        SwinvizError: another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not team.is_main:
        yield
        return
    try:
        with FileLock(folder / ".training.lock", timeout=0):
            yield
    except Timeout as error:
        raise SwinvizError(
            f"another process trains in {folder}: wait for it, or train in another folder."
        ) from error


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and SIGINT into a request to stop after the step; give the function that asks for it.

    Only the main thread may set signal handlers; elsewhere signals keep their meaning.
    """
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)

    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, receive) for number in (signal.SIGTERM, signal.SIGINT) if main}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
