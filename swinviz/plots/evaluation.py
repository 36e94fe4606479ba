"""Figures of an evaluation: which classes are confused, how well each goes, and where it goes worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.model.config import Color
from swinviz.plots.style import HEAT, OKABE_ITO, caption, color_bar, panels, plain, show_image

if TYPE_CHECKING:
    from swinviz.data import LabeledDataset
    from swinviz.evaluation import BorderAccuracy, ImageScore, Report
    from swinviz.inference import InferenceOptions
    from swinviz.segmenter import SwinUPerNet

__all__ = ["plot_border_accuracy", "plot_class_bars", "plot_confusion", "plot_worst_images"]

_NOWHERE = (235, 235, 235)
"""Color of ignored pixels."""


def plot_confusion(report: Report, *, most: int = 25) -> Figure:
    """Draw what the pixels of each class were taken for.

    Args:
        report: what `evaluate` gave.
        most: how many classes to show, those with the most pixels; the others are left out.

    Returns:
        A matrix with one row a true class, which sums to 1 over all classes, shown or not.
    """
    confusion = report.counts.confusion
    shown = np.argsort(-confusion.sum(axis=1), kind="stable")[:most]
    shown = shown[confusion.sum(axis=1)[shown] > 0]
    parts = (confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))[np.ix_(shown, shown)]
    side = 2.2 + 0.24 * len(shown)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    ax = figure.subplots()
    drawn = ax.imshow(parts, cmap=HEAT, vmin=0.0, vmax=1.0)
    names = [plain(report.classes[label]) for label in shown]
    ax.set_xticks(range(len(shown)), names, rotation=90, fontsize=7)
    ax.set_yticks(range(len(shown)), names, fontsize=7)
    ax.set_xlabel("predicted", fontsize=8)
    ax.set_ylabel("true", fontsize=8)
    if len(shown) <= 25:
        _write_percents(ax, parts)
    color_bar(figure, drawn, ax, "part of the true class's pixels")
    left_out = int((confusion.sum(axis=1) > 0).sum()) - len(shown)
    rest = f"; {left_out} rarer classes are left out" if left_out else ""
    caption(figure, f"{_title(report)}; percent where at least 1{rest}")
    return figure


def _write_percents(ax: Axes, parts: NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(parts >= 0.01), strict=True):
        part = parts[row, column]
        color = "white" if part < 0.6 else "black"
        ax.text(column, row, f"{100 * part:.0f}", ha="center", va="center", fontsize=5.5, color=color)


def plot_class_bars(report: Report, *, rows: int = 50) -> Figure:
    """Draw the IoU of every class as a bar, best first, with its boundary IoU as a mark on it.

    Args:
        report: what `evaluate` gave.
        rows: most bars in a column.
    """
    metrics = report.metrics
    order = [
        k for k in np.argsort(-np.nan_to_num(metrics.iou, nan=-1.0), kind="stable") if metrics.iou[k] >= 0
    ]
    columns = max(1, -(-len(order) // rows))
    rows = -(-len(order) // columns)
    figure = Figure(figsize=(3.6 * columns + 0.4, 1.2 + 0.17 * rows), layout="constrained")
    axes: list[Axes] = list(figure.subplots(1, columns, squeeze=False).flat)
    for column, ax in enumerate(axes):
        labels = order[column * rows : (column + 1) * rows]
        places = range(len(labels))
        ax.barh(places, metrics.iou[labels], color=OKABE_ITO[4], label="IoU")
        if not np.isnan(metrics.boundary_iou[labels]).all():
            edges = metrics.boundary_iou[labels]
            ax.plot(edges, places, "o", color=OKABE_ITO[0], markersize=3, label="boundary IoU")
        ax.set_yticks(places, [plain(report.classes[label]) for label in labels], fontsize=7)
        ax.set_ylim(rows - 0.4, -0.6)  # best on top, and bars as thick in the last column as in the others
        ax.set_xlim(0.0, 1.0)
        ax.tick_params(axis="x", labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
        ax.axvline(metrics.miou, color="0.3", linewidth=0.8, linestyle="--", label="mean IoU")
    axes[-1].legend(fontsize=7, frameon=False, loc="lower right")
    absent = len(report.classes) - len(order)
    rest = f"; neither there nor predicted: {absent} of {len(report.classes)} classes" if absent else ""
    caption(figure, f"{_title(report)}{rest}")
    return figure


def plot_border_accuracy(runs: Mapping[str, Sequence[BorderAccuracy]]) -> Figure:
    """Draw accuracy against the distance to the nearest window border, for two ways of making a model.

    Args:
        runs: two names, each with what `border_accuracy` gave for its models, one a seed, seeds in one order.

    Returns:
        Left, the mean of each over the seeds, in a band from the lowest to the highest; right, the difference
        first - second of each seed, in percentage points, and their mean.

    Raises:
        ValueError: not two names, or another number of models for each.
    """
    if len(runs) != 2 or len({len(models) for models in runs.values()}) != 1:
        raise ValueError("give two names with as many models each: the difference is taken seed by seed.")
    (first, second), (ours, theirs) = runs, runs.values()
    pairs = list(zip(ours, theirs, strict=True))
    distance = ours[0].distance
    figure = Figure(figsize=(8.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    styles = zip(runs.items(), (OKABE_ITO[4], OKABE_ITO[5]), ("o-", "s--"), strict=True)
    for (name, models), color, line in styles:
        accuracy = 100 * np.stack([model.accuracy for model in models])  # seeds bins
        left.fill_between(distance, accuracy.min(axis=0), accuracy.max(axis=0), color=color, alpha=0.2, lw=0)
        left.plot(distance, accuracy.mean(axis=0), line, color=color, label=name, markersize=4)
    gains = 100 * np.stack([one.accuracy - other.accuracy for one, other in pairs])  # seeds bins
    right.axhline(0.0, color="0.6", linewidth=0.8)
    right.plot(distance, gains.T, color="0.6", linewidth=0.8)
    right.plot([], [], color="0.6", linewidth=0.8, label="one seed")
    right.plot(distance, gains.mean(axis=0), "o-", color="black", markersize=4, label="mean")
    left.set_ylabel("right pixels, %")
    right.set_ylabel(f"{first} - {second}, points")
    for ax in (left, right):
        ax.set_xlabel("distance to the nearest window border, pixels")
        ax.legend(frameon=False, fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    caption(figure, f"{len(ours)} seeds each; band: lowest to highest seed")
    return figure


def plot_worst_images(
    report: Report,
    model: SwinUPerNet,
    dataset: LabeledDataset,
    options: InferenceOptions | None = None,
    *,
    count: int = 5,
) -> Figure:
    """Draw the images that went worst, one a row: image, truth, prediction, and where these differ.

    An evaluation keeps no predictions, so these few images are segmented again.

    Args:
        report: what `evaluate` gave.
        model: the model that was evaluated.
        dataset: the data set that it was evaluated on.
        options: inference options.
        count: how many images to show.
    """
    worst = report.worst(count)
    first, _ = dataset[worst[0].number] if worst else (np.ones((1, 1, 3)), None)
    figure, axes = panels(4 * max(1, len(worst)), columns=4, aspect=first.shape[0] / first.shape[1])
    for row, score in enumerate(worst):
        image, truth = dataset[score.number]
        predicted = model.segment(image, options).labels
        _draw_row(
            axes[4 * row : 4 * row + 4], score, image, truth, predicted, report.classes, dataset.palette
        )
    for ax, title in zip(axes, ("image", "truth", "prediction", "wrong"), strict=False):
        ax.set_title(f"{title}\n{ax.get_title()}".strip(), fontsize=8)
    caption(figure, f"{_title(report)}; lowest mean IoU first; orange is wrong, light gray is not counted")
    return figure


def _draw_row(
    axes: Sequence[Axes],
    score: ImageScore,
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    predicted: NDArray[np.integer],
    classes: tuple[str, ...],
    palette: tuple[Color, ...],
) -> None:
    colors = np.tile(np.array(_NOWHERE, np.uint8), (IGNORE_INDEX + 1, 1))
    colors[: len(palette)] = palette
    wrong = (truth != predicted) & (truth != IGNORE_INDEX)
    where = np.full(image.shape, 255, np.uint8)
    where[wrong] = (213, 94, 0)  # Okabe and Ito's vermilion
    where[truth == IGNORE_INDEX] = _NOWHERE
    for ax, picture in zip(axes, (image, colors[truth], colors[predicted], where), strict=True):
        show_image(ax, picture)
    missed = _most(truth[wrong], classes)
    axes[0].set_title(f"{plain(score.name)}: mIoU {100 * score.miou:.0f} %", fontsize=7)
    axes[1].set_title(f"missed most: {missed}" if missed else "", fontsize=7)
    invented = _most(predicted[wrong], classes)
    axes[2].set_title(f"invented most: {invented}" if invented else "", fontsize=7)
    axes[3].set_title(f"{100 * wrong.mean():.0f} % of the pixels", fontsize=7)


def _most(labels: NDArray[np.integer], classes: tuple[str, ...]) -> str:
    """Name the most frequent label; nothing of no labels."""
    return plain(classes[int(np.bincount(labels).argmax())]) if labels.size else ""


def _title(report: Report) -> str:
    name = f"{report.preset} on " if report.preset else ""
    return f"{name}{report.dataset}, {len(report.images)} images, mIoU {100 * report.metrics.miou:.1f} %"
