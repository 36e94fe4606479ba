"""Shared parts of all figures: color maps, panels, images with pixel coordinates, boxes, captions.

Figures are made without pyplot, so that they need no display, belong to no global state and may be made in
any thread. Color maps are perceptually uniform and safe for the color-blind; every heat map has a color
bar that names its unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from swinviz.model.geometry import Box

__all__ = [
    "ACCENT",
    "DIVERGING",
    "HEAT",
    "OKABE_ITO",
    "caption",
    "color_bar",
    "draw_boxes",
    "gray",
    "mark_pixel",
    "panels",
    "plain",
    "show_image",
]

HEAT = "inferno"
"""Color map of amounts from 0 up: in figures, in the explorer and live (`explorer/static/colors.js`)."""

DIVERGING = "PuOr_r"
"""Color map of signed amounts, centered on 0: positive is orange, as in the explorer, negative purple."""

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Colors of categories that the color-blind tell apart (Okabe and Ito 2008)."""

ACCENT = "#D55E00"
"""Color of outlines and marks."""


def plain(text: str) -> str:
    """Return a text as matplotlib shows it unchanged: dollars in names of classes or files mark no math."""
    return text.replace("$", r"\$")


def panels(
    count: int, *, columns: int = 4, size: float = 2.6, aspect: float = 1.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure with a grid of panels.

    Args:
        count: number of panels.
        columns: most panels in a row.
        size: width of a panel, in inches.
        aspect: ratio of a panel's height to its width.

    Returns:
        The figure and its `count` axes, row by row.

    >>> figure, axes = panels(5, columns=3)
    >>> len(axes)
    5
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    height = size * min(max(aspect, 0.3), 3.0)
    figure = Figure(figsize=(columns * size + 0.6, rows * (height + 0.3) + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes: list[Axes] = list(grid.flat)
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes[:count]


def show_image(ax: Axes, image: ArrayLike, size: tuple[int, int] | None = None) -> None:
    """Draw an image (H, W, 3) or (H, W) over the pixel coordinates of the model's input.

    Args:
        ax: where to draw.
        image: the image, at any size; uint8, or floats from 0 to 1.
        size: (height, width) of the model's input that the image is spread over; by default its own.

    >>> _, (ax,) = panels(1)
    >>> show_image(ax, np.zeros((10, 20, 3), np.uint8), size=(40, 80))
    >>> ax.images[0].get_extent()
    [0, 80, 40, 0]
    """
    array = np.asarray(image)
    height, width = size or array.shape[:2]
    ax.imshow(array, extent=(0, width, height, 0), interpolation="nearest", cmap="gray")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def gray(image: ArrayLike, strength: float = 0.35) -> NDArray[np.uint8]:
    """Return an image as faded gray (H, W, 3) uint8, so that colors drawn on it read as the color bar's.

    Args:
        image: (H, W, 3) or (H, W), gray levels 0 to 255.
        strength: share of the image's own contrast that stays; 0 is white.

    >>> gray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), strength=0.5)[0].tolist()
    [[127, 127, 127], [255, 255, 255]]
    """
    array = np.asarray(image).astype(float)
    if np.asarray(image).dtype != np.uint8:
        array = 255 * array
    luminance = array if array.ndim == 2 else array[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    faded = 255 - strength * (255 - luminance)
    return np.repeat(faded[..., None], 3, axis=2).astype(np.uint8)


def draw_boxes(
    ax: Axes, boxes: Iterable[Box | Sequence[float]], color: str = ACCENT, *, fill: float = 0.0
) -> None:
    """Outline rectangles (top, left, bottom, right); `fill` is the opacity of their inside, 0 to 1.

    >>> _, (ax,) = panels(1)
    >>> draw_boxes(ax, [Box(0, 0, 28, 28)])
    >>> len(ax.patches)
    1
    """
    for top, left, bottom, right in boxes:
        ax.add_patch(
            Rectangle(
                (left, top),
                right - left,
                bottom - top,
                facecolor=to_rgba(color, fill),
                edgecolor=color,
                linewidth=1.4,
            )
        )


def mark_pixel(ax: Axes, y: float, x: float, color: str = ACCENT) -> None:
    """Mark the center of a pixel with a ring that shows on light and dark ground and hides little.

    >>> _, (ax,) = panels(1)
    >>> mark_pixel(ax, y=3, x=5)
    >>> ax.lines[0].get_xydata().tolist()
    [[5.5, 3.5]]
    """
    for edge, width in (("black", 3.4), ("white", 2.2), (color, 1.0)):
        ax.plot(
            x + 0.5,
            y + 0.5,
            marker="o",
            markersize=7,
            markerfacecolor="none",
            markeredgecolor=edge,
            markeredgewidth=width,
            zorder=5,
        )


def color_bar(figure: Figure, mappable: ScalarMappable, axes: Axes | Sequence[Axes], unit: str) -> None:
    """Add the scale of a heat map, with its unit.

    >>> figure, (ax,) = panels(1)
    >>> color_bar(figure, ax.imshow(np.eye(2)), ax, "share of attention")
    >>> figure.axes[1].get_ylabel()
    'share of attention'
    """
    bar = figure.colorbar(mappable, ax=axes, shrink=0.8, pad=0.02, aspect=25)
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)


def caption(figure: Figure, text: str) -> None:
    """Write below a figure what it shows: block, head, query, normalization.

    >>> figure, _ = panels(1)
    >>> caption(figure, "stage 2, block 3")
    >>> figure.get_supxlabel()
    'stage 2, block 3'
    """
    figure.supxlabel(plain(text), fontsize=8, color="0.25", wrap=True)
