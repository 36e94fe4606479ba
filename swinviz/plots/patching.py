"""Figures of activation patching: block by head, and token by token inside a window."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swinviz.attention import Target
from swinviz.interventions import PatchingGrid, TokenPatching
from swinviz.plots import style

__all__ = ["plot_patching_grid", "plot_token_patching"]


def plot_patching_grid(
    grid: PatchingGrid,
    classes: tuple[str, ...],
    *,
    images: tuple[ArrayLike, ArrayLike] | None = None,
    names: tuple[str, str] = ("receiver", "donor"),
) -> Figure:
    """Draw which head of which block, patched from the donor, moves the logit of the receiver.

    Args:
        grid: from `Patching.grid`.
        classes: class names.
        images: receiver and donor, (h, w, 3) each, as the model sees them; left out by default.
        names: names of the two pictures.

    Returns:
        The figure: a row a block, a column a head, and in the first column all heads at once; centered on 0.

    >>> import torch
    >>> from swinviz.model.hooks import BlockId
    >>> effects = {BlockId(0, 0): torch.tensor([0.5]), BlockId(1, 0): torch.tensor([-1.0, 0.25])}
    >>> grid = PatchingGrid(effects, {BlockId(0, 0): 0.5, BlockId(1, 0): -0.5}, 3.0, 1.0, 1, (9, 9))
    >>> [label.get_text() for label in plot_patching_grid(grid, ("sky", "sea")).axes[0].get_yticklabels()]
    ['0.0', '1.0']
    """
    blocks = list(grid.heads)
    widest = max(len(effects) for effects in grid.heads.values())
    table = np.full((len(blocks), widest + 1), np.nan)
    for row, block in enumerate(blocks):
        table[row, 0] = grid.blocks[block]
        table[row, 1 : 1 + len(grid.heads[block])] = grid.heads[block].numpy()
    reach = float(np.nanmax(np.abs(table))) or 1.0
    aspect = max(0.4, (len(blocks) + 2) / (widest + 4))
    figure = Figure(
        figsize=(max(5.0, 0.33 * widest + 2.5) + (3.2 if images else 0), max(3.2, 6 * aspect)),
        layout="constrained",
    )
    if images:
        spec = figure.add_gridspec(2, 2, width_ratios=(1, 2))
        for row, (image, name) in enumerate(zip(images, names, strict=True)):
            ax = figure.add_subplot(spec[row, 0])
            style.show_image(ax, image)
            ax.set_title(style.plain(name), fontsize=9)
            _mark(ax, grid.place)
        ax = figure.add_subplot(spec[:, 1])
    else:
        ax = figure.add_subplot()
    drawn = ax.imshow(
        table,
        cmap=style.DIVERGING,
        norm=CenteredNorm(halfrange=reach),
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_facecolor("0.85")
    step = 1 if widest <= 16 else 4
    ax.set_xticks([0, *range(1, widest + 1, step)], ["all", *map(str, range(0, widest, step))], fontsize=7)
    ax.set_yticks(range(len(blocks)), [f"{stage}.{block}" for stage, block in blocks], fontsize=8)
    ax.axvline(0.5, color="0.3", linewidth=1)
    ax.set_xlabel("head patched from the donor", fontsize=8)
    ax.set_ylabel("block (stage.block)", fontsize=8)
    most, head = grid.strongest
    strongest = float(grid.heads[most][head])
    ax.set_title(f"strongest: block {most.stage}.{most.block}, head {head}: {strongest:+.2f}", fontsize=9)
    style.color_bar(figure, drawn, ax, "change of the logit")
    style.caption(
        figure,
        f"logit of “{classes[grid.class_index]}” at {_asked(grid.place)} of {names[0]}: "
        f"{grid.receiver:+.2f}; at the same place of {names[1]}: {grid.donor:+.2f}\n"
        "each cell is one exact run with that head's output taken from the donor, at all tokens; "
        "gray: no such head",
    )
    return figure


def plot_token_patching(
    image: ArrayLike, patched: TokenPatching, classes: tuple[str, ...], *, picture: str = ""
) -> Figure:
    """Draw which tokens of a window, patched from the donor, move the logit.

    Args:
        image: (h, w, 3), the receiver as the model sees it.
        patched: from `Patching.tokens`.
        classes: class names.
        picture: name of the receiver, for the caption.

    Returns:
        The figure; centered on 0, tokens outside the window uncolored.

    >>> import torch
    >>> from swinviz.model.geometry import WindowGeometry
    >>> from swinviz.model.hooks import BlockId
    >>> geometry = WindowGeometry(8, 8, 4, 2, stride=4)
    >>> patched = TokenPatching(torch.randn(16).double(), geometry, 3, BlockId(0, 1), None, 0, (0, 0))
    >>> plot_token_patching(np.zeros((32, 32, 3), np.uint8), patched, ("sky",)).axes[1].get_title()
    'block 0.1, window 3 and around: one token at a time'
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    geometry = patched.geometry
    values = np.ma.masked_invalid(patched.map.numpy())
    reach = float(np.abs(values).max()) or 1.0
    figure, axes = style.panels(2, size=3.8, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    axes[0].set_title(style.plain(picture) or "receiver", fontsize=9)
    style.show_image(axes[1], style.gray(array))
    drawn = axes[1].imshow(
        values,
        extent=(0, geometry.width * geometry.stride, geometry.height * geometry.stride, 0),
        cmap=style.DIVERGING,
        norm=CenteredNorm(halfrange=reach),
        interpolation="nearest",
    )
    axes[1].set_title(
        f"block {patched.block.stage}.{patched.block.block}, window {patched.window} and around: "
        "one token at a time",
        fontsize=9,
    )
    for ax in axes:
        style.draw_boxes(ax, geometry.rectangles(patched.window))
        _mark(ax, patched.place)
        ax.set_xlim(0, size[1])
        ax.set_ylim(size[0], 0)
    tops, lefts, bottoms, rights = zip(*geometry.rectangles(patched.window), strict=True)
    margin = geometry.window_size * geometry.stride
    axes[1].set_xlim(max(min(lefts) - margin, 0), min(max(rights) + margin, size[1]))
    axes[1].set_ylim(min(max(bottoms) + margin, size[0]), max(min(tops) - margin, 0))
    style.color_bar(figure, drawn, axes[1], "change of the logit")
    what = "the block's input" if patched.head is None else f"the output of head {patched.head}"
    style.caption(
        figure,
        f"logit of “{classes[patched.class_index]}” at {_asked(patched.place)} (input pixels) when {what} "
        "at one token is taken from the donor; exact runs",
    )
    return figure


def _asked(place: Target) -> str:
    return f"y={place[0]}, x={place[1]}" if isinstance(place, tuple) else "the region"


def _mark(ax: Axes, place: Target) -> None:
    if isinstance(place, tuple):
        style.mark_pixel(ax, *place)
