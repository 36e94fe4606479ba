"""Figures of interventions: flipped pixels and IoU, edit by edit and class by class."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swinviz.interventions import Comparison
from swinviz.plots import style
from swinviz.plots.segmentation import class_legend

__all__ = ["plot_comparison", "plot_iou_changes"]


def plot_comparison(image: ArrayLike, comparison: Comparison, *, opacity: float = 0.55) -> Figure:
    """Draw the segmentation unedited and under each edit, and which pixels changed class.

    Args:
        image: (H, W, 3), the original image.
        comparison: from `compare`.
        opacity: of the class colors in the first panel, 0..1.

    Returns:
        The figure: in the panels of edits, only flipped pixels are in full color.

    >>> from swinviz.interventions import EditResult
    >>> labels, flipped = np.zeros((4, 4), int), np.zeros((4, 4), bool)
    >>> result = EditResult("no shift", labels, flipped, iou=np.ones(1), delta_iou=np.zeros(1))
    >>> comparison = Comparison(labels, (result,), "unedited", classes=("sky",), palette=((6, 230, 230),))
    >>> figure = plot_comparison(np.zeros((4, 4, 3), np.uint8), comparison)
    >>> print(figure.axes[1].get_title())
    no shift: 0.0% flipped
    mIoU 1.000 (+0.000)
    """
    array = np.asarray(image)[..., :3].astype(float)
    palette = np.asarray(comparison.palette, dtype=float)
    figure, axes = style.panels(
        1 + len(comparison.results), columns=4, size=2.8, aspect=array.shape[0] / array.shape[1]
    )
    unedited = (1 - opacity) * array + opacity * palette[comparison.labels]
    style.show_image(axes[0], unedited.astype(np.uint8))
    axes[0].set_title("unedited", fontsize=9)
    faded = style.gray(np.asarray(image), strength=0.35)
    for ax, result, row in zip(axes[1:], comparison.results, comparison.rows(), strict=True):
        flipped = np.where(result.flipped[..., None], palette[result.labels], faded)
        style.show_image(ax, flipped.astype(np.uint8))
        ax.set_title(
            f"{result.name}: {row['flipped_share']:.1%} flipped\n"
            f"mIoU {row['miou']:.3f} ({row['delta_miou']:+.3f})",
            fontsize=8,
        )
    style.caption(
        figure,
        "first panel: classes; others: pixels whose class an edit changed, in the new class's color; "
        f"IoU against: {comparison.reference}",
    )
    shown = [comparison.labels, *(result.labels[result.flipped] for result in comparison.results)]
    class_legend(figure, shown, comparison.classes, comparison.palette)
    return figure


def plot_iou_changes(comparison: Comparison) -> Figure:
    """Draw the change of each class's IoU under each edit.

    Args:
        comparison: from `compare`.

    Returns:
        The figure: a row for each edit, a column for each class of the reference; centerd on 0.

    >>> from swinviz.interventions import EditResult
    >>> labels, flipped = np.zeros((4, 4), int), np.zeros((4, 4), bool)
    >>> result = EditResult("no shift", labels, flipped, iou=np.ones(1), delta_iou=np.zeros(1))
    >>> comparison = Comparison(labels, (result,), "unedited", classes=("sky",), palette=((6, 230, 230),))
    >>> plot_iou_changes(comparison).axes[0].images[0].get_array().shape
    (1, 1)
    """
    deltas = np.array([result.delta_iou for result in comparison.results])
    present = np.flatnonzero(~np.isnan(deltas).all(axis=0))
    deltas = deltas[:, present]
    reach = float(np.abs(deltas).max()) or 1.0
    rows, columns = deltas.shape
    figure, (ax,) = style.panels(
        1, size=max(4.0, 0.55 * columns + 2), aspect=max(0.3, (rows + 2) / (columns + 4))
    )
    drawn = ax.imshow(
        deltas,
        cmap=style.DIVERGING,
        norm=CenteredNorm(halfrange=reach),
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_xticks(
        range(columns),
        [style.plain(comparison.classes[i]) for i in present],
        rotation=40,
        ha="right",
        fontsize=7,
    )
    ax.set_yticks(range(rows), [result.name for result in comparison.results], fontsize=8)
    for row in range(rows):
        for column in range(columns):
            dark = abs(deltas[row, column]) > 0.6 * reach
            ax.text(
                column,
                row,
                f"{deltas[row, column]:+.2f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if dark else "black",
            )
    style.color_bar(figure, drawn, ax, "change of IoU")
    style.caption(figure, f"IoU of each class under the edit minus unedited, against: {comparison.reference}")
    return figure
