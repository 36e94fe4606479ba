"""Figures of window geometry: the grid, the shifted grid, its regions, its mask, the true rectangles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from swinviz.model.geometry import Box, WindowGeometry
from swinviz.plots import style

__all__ = ["plot_mask", "plot_rectangles", "plot_regions", "plot_windows", "show_extent"]

LABEL = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}


def show_extent(ax: Axes, geometry: WindowGeometry, size: tuple[int, int]) -> None:
    """Widen the axes to the padded map, and hatch the padding outside the image.

    >>> _, (ax,) = style.panels(1)
    >>> show_extent(ax, WindowGeometry(5, 8, window_size=4, shift_size=0, stride=4), size=(20, 32))
    >>> int(ax.get_ylim()[0])  # three rows of tokens are padding
    32
    """
    height, width = geometry.padded_height * geometry.stride, geometry.padded_width * geometry.stride
    ax.add_patch(
        Rectangle(
            (0, 0), width, height, facecolor="0.94", edgecolor="0.75", hatch="////", linewidth=0, zorder=-1
        )
    )
    ax.add_patch(Rectangle((0, 0), size[1], size[0], facecolor="white", edgecolor="none", zorder=-0.5))
    ax.set_xlim(0, max(width, size[1]))
    ax.set_ylim(max(height, size[0]), 0)


def plot_windows(image: ArrayLike, geometry: WindowGeometry) -> Figure:
    """Draw the windows of a block on the image, each in its true place.

    Windows that the shift wrapped around the border are colored, and their parts carry the window's number,
    because six colors have to do for all of them; the hatched margin is padding.

    Args:
        image: (h, w, 3), the model's input as a picture.
        geometry: geometry of the block.

    Returns:
        The figure.

    >>> geometry = WindowGeometry(8, 8, window_size=4, shift_size=2, stride=4)
    >>> plot_windows(np.zeros((32, 32, 3), np.uint8), geometry).get_supxlabel()[:28]
    '4 windows of 4×4 tokens, shi'
    """
    array = np.asarray(image)
    size = array.shape[:2]
    figure, (ax,) = style.panels(1, size=5.5, aspect=size[0] / size[1])
    style.show_image(ax, array)
    show_extent(ax, geometry, size)
    for window in range(geometry.num_windows):
        boxes = geometry.rectangles(window)
        wrapped = len(boxes) > 1
        color = style.OKABE_ITO[1 + window % 6] if wrapped else "white"
        style.draw_boxes(ax, boxes, color, fill=0.3 if wrapped else 0.0)
        if wrapped:
            _number(ax, boxes, window, fontsize=6)
    kind = f"shifted by {geometry.shift_size} tokens" if geometry.shift_size else "not shifted"
    style.caption(
        figure,
        f"{geometry.num_windows} windows of {geometry.window_size}×{geometry.window_size} tokens, {kind}; "
        f"1 token = {geometry.stride}×{geometry.stride} pixels\nmap {geometry.height}×{geometry.width} "
        f"tokens, padded to {geometry.padded_height}×{geometry.padded_width} (hatched)"
        + ("; colored: wrapped around the border, one number = one window" if geometry.shift_size else ""),
    )
    return figure


def plot_rectangles(image: ArrayLike, geometry: WindowGeometry, windows: Sequence[int]) -> Figure:
    """Draw chosen windows, with their numbers, where they truly lie: up to four rectangles each.

    Args:
        image: (h, w, 3), the model's input as a picture.
        geometry: geometry of the block.
        windows: numbers of the windows.

    Returns:
        The figure.

    Raises:
        ValueError: there is no such window.

    >>> geometry = WindowGeometry(8, 8, window_size=4, shift_size=2, stride=4)
    >>> figure = plot_rectangles(np.zeros((32, 32, 3), np.uint8), geometry, windows=[3])
    >>> [text.get_text() for text in figure.axes[0].texts]  # one window in four corners
    ['3', '3', '3', '3']
    """
    array = np.asarray(image)
    size = array.shape[:2]
    figure, (ax,) = style.panels(1, size=5.5, aspect=size[0] / size[1])
    style.show_image(ax, array)
    show_extent(ax, geometry, size)
    for place, window in enumerate(windows):
        color = style.OKABE_ITO[place % 7]
        boxes = geometry.rectangles(window)
        style.draw_boxes(ax, boxes, color, fill=0.35)
        _number(ax, boxes, window, fontsize=8)
    style.caption(
        figure,
        f"windows {', '.join(map(str, windows))} of {geometry.num_windows}, shift {geometry.shift_size} "
        "tokens; parts with one number are one window; hatched: padding",
    )
    return figure


def _number(ax: Axes, boxes: Iterable[Box], window: int, *, fontsize: float) -> None:
    """Write a window's number into each of its parts."""
    for box in boxes:
        middle = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        ax.text(*middle, str(window), ha="center", va="center", fontsize=fontsize, bbox=LABEL)


def plot_regions(geometry: WindowGeometry) -> Figure:
    """Draw the shifted map: its windows, and its regions, between which attention is masked.

    Args:
        geometry: geometry of a shifted block.

    Returns:
        The figure, in tokens of the padded and rolled map.

    >>> figure = plot_regions(WindowGeometry(8, 8, window_size=4, shift_size=2, stride=4))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '1', '2', '3', '4', '5', '6', '7', '8']
    """
    side, columns = geometry.window_size, geometry.columns
    regions = np.empty((geometry.padded_height, geometry.padded_width), dtype=int)
    padding = np.zeros_like(regions, dtype=bool)
    for window, (labels, tokens) in enumerate(
        zip(geometry.region_index.numpy(), geometry.token_index.numpy(), strict=True)
    ):
        top, left = window // columns * side, window % columns * side
        regions[top : top + side, left : left + side] = labels.reshape(side, side)
        padding[top : top + side, left : left + side] = tokens.reshape(side, side) < 0
    figure, (ax,) = style.panels(1, size=4.8, aspect=regions.shape[0] / regions.shape[1])
    colors = ListedColormap([*style.OKABE_ITO, "#999999"])
    ax.imshow(regions, cmap=colors, vmin=-0.5, vmax=8.5, interpolation="nearest", alpha=0.75)
    ax.contourf(padding, levels=[0.5, 1.5], colors="none", hatches=["////"]) if padding.any() else None
    for edge in range(0, regions.shape[0] + 1, side):
        ax.axhline(edge - 0.5, color="white", linewidth=1.5)
    for edge in range(0, regions.shape[1] + 1, side):
        ax.axvline(edge - 0.5, color="white", linewidth=1.5)
    for region in np.unique(regions):
        rows, cols = np.nonzero(regions == region)
        ax.text(cols.mean(), rows.mean(), str(region), ha="center", va="center", fontsize=9, bbox=LABEL)
    ax.set_xlabel("column of the rolled map (tokens)", fontsize=8)
    ax.set_ylabel("row (tokens)", fontsize=8)
    style.caption(
        figure,
        f"regions 0–8 after a roll by {geometry.shift_size} tokens; white lines: windows of "
        f"{side}×{side}; only tokens of one region attend to one another; hatched: padding",
    )
    return figure


def plot_mask(geometry: WindowGeometry, windows: Sequence[int] | None = None) -> Figure:
    """Draw the additive attention mask of windows: which query may see which key.

    Args:
        geometry: geometry of the block.
        windows: numbers of the windows; by default the last of the first row, of the first column, and the
            very last: where the roll brought strangers together.

    Returns:
        The figure, in places of a window, row-major.

    >>> figure = plot_mask(WindowGeometry(8, 8, window_size=4, shift_size=2, stride=4))
    >>> [ax.get_title() for ax in figure.axes[:4]]
    ['window 0', 'window 1', 'window 2', 'window 3']
    """
    if windows is None:
        last, columns = geometry.num_windows - 1, geometry.columns
        windows = sorted({0, columns - 1, last + 1 - columns, last})
    figure, axes = style.panels(len(windows), size=2.6)
    mask = geometry.mask().numpy()
    for ax, window in zip(axes, windows, strict=True):
        drawn = ax.imshow(mask[window], cmap="cividis", vmin=-100, vmax=0, interpolation="nearest")
        ax.set_title(f"window {window}", fontsize=9)
        ax.set_xlabel("key", fontsize=8)
        ax.set_ylabel("query", fontsize=8)
        ax.tick_params(labelsize=7)
    style.color_bar(figure, drawn, axes, "added to the score")
    style.caption(
        figure,
        f"mask of {geometry.window_size}×{geometry.window_size} windows, shift {geometry.shift_size}: "
        "0 = may attend, −100 = may not",
    )
    return figure
