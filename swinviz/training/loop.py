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
from swinviz.data.dataset import LabeledDataset
from swinviz.devices import GB, keep_freed_memory, peak_memory
from swinviz.distributed import DistributedContext
from swinviz.errors import SwinvizError
from swinviz.segmenter import SwinUPerNet
from swinviz.training.best import Best
from swinviz.training.callbacks import Callback, StepReport, batch_miou
from swinviz.training.losses import PixelLoss
from swinviz.training.recipe import Recipe
from swinviz.training.state import TrainingState
from swinviz.training.step import StepResult, TrainStep
from swinviz.training.stream import Stream, Transform, batches

__all__ = ["RunOptions", "TrainResult", "Validation", "train"]

log = logging.getLogger(__name__)

Validation = Callable[[SwinUPerNet], dict[str, float]]
"""Measures a model in evaluation mode: figures by name."""


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that do not change what is learned.

    Attributes:
        folder: where states and the model go; None keeps nothing.
        save_every: steps between saved states.
        log_every: steps between reports that callbacks are told of.
        validate_every: steps between validations, a multiple of `log_every`; 0 for none.
        workers: processes that load and augment the data.
        activation_checkpointing: compute activations again in the backward pass: less memory, more time.
        compiled: let torch.compile make steps faster, after a minute or more.
        sharded: divide weights, gradients and moments among the processes (FSDP2), for models that are large.
        best_by: figure of the validation by which the best model is kept, as `best.safetensors`.
        patience: validations without a better one after which the run ends; 0 for never.

    Raises:
        ValueError: patience, or a best model, without what it is measured by.
    """

    folder: Path | None = None
    save_every: int = 500
    log_every: int = 10
    validate_every: int = 0
    workers: int = 0
    activation_checkpointing: bool = False
    compiled: bool = False
    sharded: bool = False
    best_by: str = ""
    patience: int = 0

    def __post_init__(self) -> None:
        if (self.patience or self.best_by) and not (self.best_by and self.validate_every):
            raise ValueError("patience and the best model need best_by, and validate_every above 0.")


@dataclass(frozen=True)
class TrainResult:
    """Result of a run.

    Attributes:
        model: the trained model, or its moving average if the recipe keeps one, in evaluation mode.
        steps: steps that are done.
        finished: False if a signal stopped the run; started again in its folder, it goes on.
        best: the best validation, where one was asked for.
    """

    model: SwinUPerNet
    steps: int
    finished: bool
    best: Best | None = None


def train(
    model: SwinUPerNet,
    dataset: LabeledDataset,
    transform: Transform | None,
    recipe: Recipe,
    options: RunOptions | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    validation: Validation | None = None,
    context: DistributedContext | None = None,
    loss: PixelLoss | None = None,
) -> TrainResult:
    """Train a model, going on where an earlier run in the same folder stopped.

    Args:
        model: trained in place.
        dataset: images (H, W, 3) and labels (H, W), uint8.
        transform: augmentation, after which all images have one size.
        recipe: what decides the weights.
        options: how it is carried out.
        callbacks: told of the run as it goes on.
        validation: measures the model every `options.validate_every` steps, in every process.
        context: the processes that train together; by default this one, on the CPU.
        loss: what is minimized; by default what the recipe names. With labels that are no classes the
            batch's mIoU is not reported.

    Raises:
        NotANumberError: the loss is infinite or not a number.
        CheckpointError: the folder holds a run with another recipe, or only damaged states.
        SwinvizError: another process trains in the folder.
        ValueError: an empty data set, a batch that does not divide, or sharding with nobody to share.
    """
    options, context = options or RunOptions(), context or DistributedContext()
    keep_freed_memory()
    train_step = TrainStep(
        model,
        recipe,
        context,
        activation_checkpointing=options.activation_checkpointing,
        compiled=options.compiled,
        sharded=options.sharded,
        loss=loss,
    )
    best = Best(options.best_by, options.patience) if options.best_by else None
    state, step = TrainingState(recipe, train_step.parts | ({"best": best} if best else {})), 0
    with ExitStack() as stack:
        if options.folder:
            stack.enter_context(_locked(options.folder, context))
            step = state.resume(options.folder)
        stream = Stream(dataset, transform, recipe.seed)
        loader = batches(
            stream, recipe, step, rank=context.rank, world_size=context.world_size, workers=options.workers
        )
        loaded, clock = iter(loader), _Clock(train_step, step)
        stopped = stack.enter_context(_signals())
        tell = stack.enter_context(_calling_back(callbacks if context.is_main else (), step, recipe))
        stopping = False
        exhausted = best is not None and best.exhausted
        while step < recipe.max_iters and not stopping and not exhausted:
            result = train_step.run(step, loaded)
            step += 1
            if _due(step, options.log_every, recipe):
                whole = train_step.whole()
                validate = validation if _due(step, options.validate_every, recipe) else None
                scores = _validate(train_step, whole, validate)
                tell(clock.report(step - 1, result, scores), whole)
                if best is not None and scores:
                    if best.update(scores, step - 1) and context.is_main:
                        _save_best(whole, options.folder)
                    exhausted = best.exhausted
            stopping = context.any(
                stopped()
            )  # asked once a step: all stop after the same one, and it is saved
            if _due(step, options.save_every, recipe) or stopping or exhausted:
                _save(state, train_step, options.folder, step)
    return TrainResult(train_step.whole().eval(), step, step == recipe.max_iters or exhausted, best)


def _due(step: int, every: int, recipe: Recipe) -> bool:
    """True when something done every so many steps, and at the end, is due after `step` steps."""
    return every > 0 and (step % every == 0 or step == recipe.max_iters)


def _validate(train_step: TrainStep, whole: SwinUPerNet, validation: Validation | None) -> dict[str, float]:
    if validation is None:
        return {}
    scores = validation(whole.eval())
    train_step.train_mode()  # what was measured may be the model itself
    return scores


def _save(state: TrainingState, train_step: TrainStep, folder: Path | None, step: int) -> None:
    """Save the state to go on from and the model to use; a full disk is reported but does not end the run."""
    if folder is None:
        return
    snapshot, whole = state.snapshot(step), train_step.whole()  # in all processes: shards are gathered
    if not train_step.context.is_main:
        return
    try:
        state.save(folder, snapshot)
        save(whole, folder / "model.safetensors")
    except OSError as error:
        log.warning(
            "step %d could not be saved in %s (%s); the state before is still there.", step, folder, error
        )


def _save_best(whole: SwinUPerNet, folder: Path | None) -> None:
    """Keep the best model so far; a full disk is reported but does not end the run."""
    if folder is None:
        return
    try:
        save(whole, folder / "best.safetensors")
    except OSError as error:
        log.warning("the best model could not be saved in %s (%s).", folder, error)


class _Clock:
    """Measures images a second from one report to the next."""

    def __init__(self, train_step: TrainStep, step: int) -> None:
        self.train_step, self.step, self.time = train_step, step - 1, time.perf_counter()

    def report(self, step: int, result: StepResult, scores: dict[str, float]) -> StepReport:
        """Say what is known after a step."""
        recipe, now = self.train_step.recipe, time.perf_counter()
        images_per_second = recipe.batch_size * (step - self.step) / (now - self.time)
        self.step, self.time = step, now
        return StepReport(
            step=step,
            loss=result.loss,
            lr=recipe.lr(step),
            miou=batch_miou(result.logits, result.labels) if self.train_step.labels_are_classes else math.nan,
            images_per_second=images_per_second,
            memory_gb=peak_memory(self.train_step.context.device) / GB,
            scores=scores,
        )


@contextmanager
def _calling_back(
    callbacks: Sequence[Callback], step: int, recipe: Recipe
) -> Iterator[Callable[[StepReport, SwinUPerNet], None]]:
    """Begin and end all callbacks, and give the function that tells them of a report."""

    def tell(report: StepReport, model: SwinUPerNet) -> None:
        for callback in callbacks:
            callback.step(report, model)

    with ExitStack() as stack:
        for callback in callbacks:
            callback.begin(step, recipe.max_iters)
            stack.callback(callback.end)
        yield tell


@contextmanager
def _locked(folder: Path, context: DistributedContext) -> Iterator[None]:
    """Make a run's folder, and keep every other run out of it; the system opens the lock of a killed run.

    Raises:
        SwinvizError: another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not context.is_main:
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
