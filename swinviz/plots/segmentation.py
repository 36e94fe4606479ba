"""Figures of label maps: predictions beside the truth, always with the names of the colors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from swinviz.model.config import Color
from swinviz.plots import style

__all__ = ["class_legend", "plot_labels"]

_NO_LABEL = (255, 255, 255)
_ROW = 0.19  # inches that a line of the legend takes


def class_legend(
    figure: Figure | SubFigure, labels: Iterable[ArrayLike], classes: Sequence[str], palette: Sequence[Color]
) -> None:
    """Name, right of a figure, the colors of the classes that occur in some label maps, most frequent first.

    Args:
        figure: with constrained layout, which makes room for the legend.
        labels: maps (H, W) of any sizes; numbers beyond the classes stand for "no label".
        classes: names.
        palette: one RGB color (0..255) a class.

    >>> figure, _ = style.panels(1)
    >>> class_legend(figure, [[[1, 1, 0]]], ("sky", "sea", "ship"), ((0, 0, 9), (0, 9, 0), (9, 0, 0)))
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['sea', 'sky']
    """
    counts = np.zeros(256, dtype=int)
    for part in labels:
        counts += np.bincount(np.asarray(part).ravel().astype(int), minlength=256)
    shown = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
    patches = [
        Patch(
            facecolor="#{:02x}{:02x}{:02x}".format(*(palette[label] if label < len(classes) else _NO_LABEL)),
            edgecolor="0.6",
            linewidth=0.5,
            label=style.plain(classes[label]) if label < len(classes) else "no label",
        )
        for label in shown
    ]
    fit = max(1, int(figure.bbox.height / figure.dpi / _ROW))
    figure.legend(
        handles=patches,
        ncols=-(-len(patches) // fit) or 1,
        loc="outside right upper",
        fontsize=8,
        frameon=False,
        borderaxespad=0.2,
    )


def plot_labels(
    image: ArrayLike,
    maps: Mapping[str, ArrayLike],
    classes: Sequence[str],
    palette: Sequence[Color],
    *,
    opacity: float = 0.65,
    columns: int = 4,
) -> Figure:
    """Draw an image and label maps of it side by side, with the names of their colors.

    Args:
        image: (H, W, 3) uint8.
        maps: title -> labels (H, W); white where a number is beyond the classes (255 is "no label").
        classes: names.
        palette: one RGB color (0..255) a class.
        opacity: of the colors over the image, 0 to 1.
        columns: most panels in a row.

    Returns:
        The figure.

    >>> labels = np.zeros((4, 6), int)
    >>> figure = plot_labels(np.zeros((4, 6, 3), np.uint8), {"truth": labels}, ("sky",), ((6, 230, 230),))
    >>> [ax.get_title() for ax in figure.axes]
    ['image', 'truth']
    """
    array = np.asarray(image)
    colors = np.full((256, 3), _NO_LABEL, np.uint8)
    colors[: len(palette)] = palette
    figure, axes = style.panels(
        1 + len(maps), columns=columns, size=2.9, aspect=array.shape[0] / array.shape[1]
    )
    style.show_image(axes[0], array)
    axes[0].set_title("image", fontsize=9)
    for ax, (name, labels) in zip(axes[1:], maps.items(), strict=True):
        style.show_image(ax, _blend(array, colors[np.asarray(labels)], opacity))
        ax.set_title(style.plain(name), fontsize=9)
    class_legend(figure, maps.values(), classes, palette)
    return figure


def _blend(image: NDArray[np.uint8], colors: NDArray[np.uint8], opacity: float) -> NDArray[np.uint8]:
    return ((1 - opacity) * image + opacity * colors).astype(np.uint8)
