"""Evaluating a model on a data set: images in, counts out, resumable, alone or with other processes."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from swinviz.data.dataset import IGNORE_INDEX, LabeledDataset, name_of
from swinviz.distributed import distributed_context
from swinviz.errors import DatasetError
from swinviz.evaluation.calibration import confidence_bins
from swinviz.evaluation.class_boundaries import count_near_boundaries, no_boundaries
from swinviz.evaluation.loading import prefetched
from swinviz.evaluation.metrics import ConfusionCounts
from swinviz.evaluation.partial import ImageScore, PartialResult, Shards
from swinviz.evaluation.report import Report
from swinviz.evaluation.window_borders import count_by_distance
from swinviz.images import keep_ratio_size
from swinviz.inference import InferenceOptions, Segmentation
from swinviz.model.geometry import WindowGeometry
from swinviz.segmenter import SwinUPerNet

__all__ = ["evaluate"]

_logger = logging.getLogger(__name__)


def evaluate(
    model: SwinUPerNet,
    dataset: LabeledDataset,
    options: InferenceOptions | None = None,
    *,
    boundary: bool = True,
    limit: int | None = None,
    state: str | os.PathLike[str] | None = None,
    save_every: float = 20.0,
    threads: int = 2,
    progress: bool = True,
) -> Report:
    """Measure how well a model segments a data set.

    Nothing but counts is kept, so any number of images needs the same memory. Under torchrun the images are
    divided among the processes (load the model on `cuda:$LOCAL_RANK` in each), and every process returns the
    same report, equal to that of one process to the last digit, because only integers are added up.

    Args:
        model: the model; it is put into eval mode meanwhile.
        dataset: images and labels with the model's classes.
        options: inference options; by default as for the published single-scale figures.
        boundary: measure boundary IoU too.
        limit: take only the first images of the data set.
        state: folder that progress is kept in; a rerun with the same folder goes on where this one stopped,
            in any number of processes. Edits (`swinviz.edit`) are not seen: give each its own folder.
        save_every: seconds between two savings of progress, that is, how much a power cut can cost.
        threads: how many threads read images ahead.
        progress: show a progress bar with the time that is left.

    Returns:
        Figures, counts, and a score for every image.

    Raises:
        DatasetError: other classes than the model's, no image, or labels that do not fit.
        SwinvizError: `state` holds the progress of another evaluation, or an image cannot be segmented.
    """
    options = options or InferenceOptions()
    count = min(len(dataset), limit if limit is not None else len(dataset))
    _require_same_classes(model, dataset, count)
    with distributed_context("cpu") as context, _evaluating(model):
        shards = _shards(state, model, dataset, options, boundary) if state is not None else None
        nothing = PartialResult(ConfusionCounts.empty(model.config.num_classes))
        before = shards.read(model.config.num_classes) if shards and context.is_main else nothing
        before = context.broadcast(before)
        run = context.broadcast(f"{time.time_ns():020}-{secrets.token_hex(4)}")
        done = {image.number for image in before.images if image.number < count}
        if len(done) < len(before.images):
            raise DatasetError(
                f"the state covers {len(before.images)} images, more than the limit of {count}: choose "
                "another folder for it."
            )
        mine = [index for index in range(count) if index not in done][context.rank :: context.world_size]
        counter = _Counter(model, dataset, options, boundary, shards, f"{run}-{context.rank}", save_every)
        with tqdm(
            total=len(mine) + len(done) // context.world_size,
            initial=len(done) // context.world_size,
            desc="evaluating",
            unit="image",
            disable=not (progress and context.is_main),
        ) as bar:
            for measured in counter.count(mine, threads):
                bar.update()
                bar.set_postfix(accuracy=f"{100 * measured.images[-1].aacc:.1f} %", refresh=False)
        for other in context.gather(counter.measured):
            before.add(other)
    before.images.sort()
    return Report.of(before, model, dataset, options, context.world_size)


@dataclass
class _Counter:
    """Counts the images that fall to this process, and keeps its progress."""

    model: SwinUPerNet
    dataset: LabeledDataset
    options: InferenceOptions
    boundary: bool
    shards: Shards | None
    name: str
    save_every: float

    def __post_init__(self) -> None:
        self.measured = PartialResult(ConfusionCounts.empty(self.model.config.num_classes))
        self.started = self.saved = time.perf_counter()

    def count(self, indices: list[int], threads: int) -> Iterator[PartialResult]:
        """Count images one by one; whatever stops it, what was counted is saved."""
        try:
            for index, (image, truth) in prefetched(self.dataset, indices, threads):
                result = self.model.segment(image, self.options)
                self.add(index, result, truth)
                yield self.measured
                if time.perf_counter() - self.saved >= self.save_every:
                    self.save()
        finally:
            self.save()

    def add(self, index: int, result: Segmentation, truth: np.ndarray) -> None:
        """Count one image."""
        name = name_of(self.dataset, index)
        try:
            counts = ConfusionCounts.of(
                result.labels, truth, len(self.dataset.classes), boundary=self.boundary
            )
        except DatasetError as error:
            raise DatasetError(f"image {name!r}: {error}") from error
        metrics = counts.metrics()
        there = np.flatnonzero(counts.confusion.any(axis=1))
        iou = tuple((int(label), round(float(metrics.iou[label]), 6)) for label in there)
        known = truth != IGNORE_INDEX
        self.measured.add(
            PartialResult(
                counts,
                [ImageScore(index, name, metrics.miou, metrics.aacc, iou)],
                [f"image {name!r}: {note}" for note in result.notes],
                confidence_bins(result.scores[known], (result.labels == truth)[known]),
                self.borders(result.labels, truth),
                count_near_boundaries(result.labels, truth) if self.boundary else no_boundaries(),
                model_seconds=result.seconds,
            )
        )

    def borders(self, labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Count one image's pixels by their distance to the borders of the first stage's windows."""
        config = self.model.config
        size = (truth.shape[0], truth.shape[1])
        inputs = keep_ratio_size(size, self.options.scale or config.scale)
        stride, window = config.backbone.strides[0], config.backbone.window_size
        geometry = WindowGeometry(-(-inputs[0] // stride), -(-inputs[1] // stride), window, 0, stride)
        return count_by_distance(geometry, inputs, labels, truth)

    def save(self) -> None:
        """Write this process's shard, if anything was counted and a state is kept."""
        self.saved = time.perf_counter()
        self.measured.seconds = self.saved - self.started
        if self.shards is None or not self.measured.images:
            return
        try:
            self.shards.write(self.name, self.measured)
        except OSError as error:
            _logger.warning(
                "progress could not be saved in %s (%s); the evaluation goes on, and what was saved before "
                "is still there.", self.shards.folder, error,
            )  # fmt: skip


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode, and back into the mode it was in."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _require_same_classes(model: SwinUPerNet, dataset: LabeledDataset, count: int) -> None:
    if count < 1:
        raise DatasetError(
            "there is no image to evaluate on: give a data set that is not empty, and a limit above 0."
        )
    wanted, given = tuple(dataset.classes), model.config.classes
    if len(wanted) != len(given):
        raise DatasetError(
            f"the model has {len(given)} classes and the data set {len(wanted)}: evaluate it on the classes "
            "that it was trained for."
        )
    different = [(a, b) for a, b in zip(given, wanted, strict=True) if a != b]
    if different:
        _logger.warning(
            "the model names %d of %d classes otherwise than the data set (%s is %s): matched by number.",
            len(different), len(wanted), *different[0],
        )  # fmt: skip


def _shards(
    state: str | os.PathLike[str],
    model: SwinUPerNet,
    dataset: LabeledDataset,
    options: InferenceOptions,
    boundary: bool,
) -> Shards:
    """The state's folder, with a key that tells this evaluation from any other."""
    weights = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        weights.update(name.encode())
        weights.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    items = hashlib.sha256()
    for array in dataset[0]:  # names alone do not tell one world of scenes from another
        items.update(array.tobytes())
    items.update("\n".join(name_of(dataset, index) for index in range(len(dataset))).encode())
    key = {
        "weights": weights.hexdigest(),
        "configuration": repr(model.config),
        "data set": items.hexdigest(),
        "options": repr(options),
        "boundary": str(boundary),
    }
    return Shards(Path(state), key)
