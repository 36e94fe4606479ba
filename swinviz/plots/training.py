"""A run as a figure that is drawn anew while it goes on: loss, rate, mIoU, and samples that sharpen."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swinviz.model.config import Color
from swinviz.plots.notebook import DescribedPicture
from swinviz.plots.segmentation import class_legend
from swinviz.plots.style import OKABE_ITO
from swinviz.segmenter import SwinUPerNet
from swinviz.training import StepReport
from swinviz.training.lr_finder import LrCurve

__all__ = ["LivePlot", "plot_lr_curve", "plot_run"]

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Snapshot:
    """Predictions for the samples after a step: one label map (H, W) a sample."""

    step: int
    labels: tuple[NDArray[np.integer], ...]


@dataclass
class LivePlot:
    """A callback that draws the run in a notebook cell, and draws it all the same where nobody looks.

    Args:
        samples: a few images (H, W, 3) whose predictions are shown as they sharpen.
        every: steps between two drawings.
        rows: most rows of predictions; older ones are thinned out.
        truths: labels (H, W) of the samples, drawn below them; none where nobody knows them.

    Attributes:
        figure: the latest drawing.
    """

    samples: Sequence[Image] = ()
    every: int = 100
    rows: int = 5
    truths: Sequence[Image] = ()
    reports: list[StepReport] = field(default_factory=list, init=False)
    snapshots: list[Snapshot] = field(default_factory=list, init=False)
    figure: Figure = field(default_factory=Figure, init=False)

    def begin(self, first_step: int, max_iters: int) -> None:
        """Start an empty plot."""
        self.max_iters, self.next = max_iters, first_step
        self.display = _notebook_display()

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """Remember the report; draw if it is time."""
        self.reports.append(report)
        if report.step < self.next and report.step + 1 < self.max_iters:
            return
        self.next = report.step + self.every
        if self.samples:
            self._look(report.step, model)
        self.figure = plot_run(
            self.reports,
            self.samples,
            self.snapshots,
            model.config.palette,
            truths=self.truths,
            classes=model.config.classes,
        )
        if self.display is not None:
            self.display.update(self.figure)

    def end(self) -> None:
        """Leave the last drawing where it is."""

    def _look(self, step: int, model: SwinUPerNet) -> None:
        training = model.training
        try:
            results = tuple(model.eval().segment(image).labels for image in self.samples)
        finally:
            model.train(training)
        self.snapshots.append(Snapshot(step, results))
        if len(self.snapshots) > self.rows:  # keep the first and the last, and thin out between
            gaps = [b.step - a.step for a, b in zip(self.snapshots, self.snapshots[2:], strict=False)]
            del self.snapshots[1 + int(np.argmin(gaps))]


def plot_run(
    reports: Sequence[StepReport],
    samples: Sequence[Image] = (),
    snapshots: Sequence[Snapshot] = (),
    palette: Sequence[Color] = (),
    *,
    truths: Sequence[Image] = (),
    classes: Sequence[str] = (),
) -> Figure:
    """Draw loss, mIoU and learning rate over the steps, and below them what became of some samples.

    Args:
        reports: what a callback was told.
        samples: images (H, W, 3).
        snapshots: predictions for the samples, one row each.
        palette: RGB color (0..255) of each class.
        truths: labels (H, W) of the samples, a row below them.
        classes: names for a legend of the colors; none for no legend.
    """
    rows = 1 + bool(truths) + len(snapshots) if samples else 0
    figure = Figure(figsize=(9, 2.8 + 1.25 * rows), layout="constrained")
    curves, *pictures = figure.subfigures(
        2 if rows else 1, 1, height_ratios=[2.8, 1.25 * rows] if rows else None, squeeze=False
    )[:, 0]
    steps = [report.step for report in reports]
    left, middle, right = curves.subplots(1, 3)
    _curve(left, steps, [report.loss for report in reports], "loss")
    _curve(middle, steps, [report.miou for report in reports], "mIoU of the batch (0 to 1)")
    _mark_scores(middle, reports)
    _curve(right, steps, [report.lr for report in reports], "learning rate", smooth=False)
    for below in pictures:
        grid = below.subplots(rows, len(samples), squeeze=False)
        colors = np.full((256, 3), 255, np.uint8)
        colors[: len(palette)] = palette
        _row(grid[0], samples, "image")
        if truths:
            _row(grid[1], [colors[labels] for labels in truths], "truth")
        for axes, snapshot in zip(grid[1 + bool(truths) :], snapshots, strict=True):
            _row(axes, [colors[labels] for labels in snapshot.labels], f"step {snapshot.step}")
        if classes:
            class_legend(
                below, [*truths, *(map_ for shot in snapshots for map_ in shot.labels)], classes, palette
            )
    return figure


def _curve(
    ax: Axes, steps: Sequence[int], values: Sequence[float], title: str, *, smooth: bool = True
) -> None:
    """Draw a noisy curve faintly and its running mean over a twentieth of it firmly."""
    ax.set_title(title, fontsize=9)
    ax.set_xlabel("step", fontsize=8)
    ax.tick_params(labelsize=7)
    window = max(1, len(values) // 20) if smooth else 1
    if window > 1:
        ax.plot(steps, values, color=OKABE_ITO[0], alpha=0.25, linewidth=0.8)
    sums = np.cumsum(np.insert(np.nan_to_num(values), 0, 0.0))
    means = (sums[window:] - sums[:-window]) / window
    ax.plot(steps[window - 1 :], means, color=OKABE_ITO[0], linewidth=1.4)


def _mark_scores(ax: Axes, reports: Sequence[StepReport]) -> None:
    """Mark what the validation measured."""
    names = sorted({name for report in reports for name in report.scores})
    for name, color in zip(names, OKABE_ITO[1:], strict=False):
        measured = [(report.step, report.scores[name]) for report in reports if name in report.scores]
        ax.plot(*zip(*measured, strict=True), "o-", color=color, markersize=4, linewidth=1, label=name)
    if names:
        ax.legend(fontsize=7)


def _row(axes: Sequence[Axes], images: Sequence[Image], name: str) -> None:
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
    axes[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")


_ALT = "The run so far: loss, mIoU and rate over the steps, and what the model makes of some pictures."


class _Display:
    """The place in a notebook's output where the figure stands."""

    def __init__(self) -> None:
        from IPython import display

        self.handle: Any = display.DisplayHandle()  # type: ignore[no-untyped-call]
        self.shown = False

    def update(self, figure: Figure) -> None:
        """Show a figure, in the place of the one before."""
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=100)
        image = DescribedPicture(file.getvalue(), _ALT)
        (self.handle.update if self.shown else self.handle.display)(image)
        self.shown = True


def _notebook_display() -> _Display | None:
    """The output of the running cell; None outside a notebook, where nothing is shown."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return _Display() if shell is not None and hasattr(shell, "kernel") else None


def plot_lr_curve(curve: LrCurve) -> Figure:
    """Draw the loss over the learning rate, and the rate at which it falls most steeply.

    >>> curve = LrCurve((1e-3, 1e-2, 1e-1), (2.0, 1.0, 3.0), (2.0, 1.5, 2.5), 1e-2)
    >>> plot_lr_curve(curve).axes[0].get_xscale()
    'log'
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    ax = figure.subplots()
    ax.plot(curve.rates, curve.losses, color=OKABE_ITO[7], alpha=0.35, linewidth=1, label="loss of a step")
    ax.plot(curve.rates, curve.smoothed, color=OKABE_ITO[4], label="running mean")
    ax.axvline(
        curve.suggestion, color=OKABE_ITO[5], linestyle="--", label=f"steepest: {curve.suggestion:.1e}"
    )
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    low, high = np.percentile(curve.losses, [0, 85])
    ax.set_ylim(low - 0.05 * (high - low + 0.1), high + 0.4 * (high - low + 0.1))
    ax.legend(frameon=False)
    return figure
