"""Figures of whole heads: maps of heads and blocks, bias tables, content against position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from swinviz.attention import AttentionDecomposition, HeadStatistics
from swinviz.model.hooks import BlockId
from swinviz.plots import style

__all__ = ["plot_bias_tables", "plot_decomposition", "plot_heads", "plot_statistics"]


_MEASURES = {
    "distance": "mean distance (pixels)",
    "entropy": "entropy (nats)",
    "padding_share": "share on padding",
    "cross_region_share": "share across regions",
    "own_class_share": "share on own class",
}


def plot_heads(values: Mapping[BlockId, Tensor], unit: str, *, title: str = "", note: str = "") -> Figure:
    """Draw one number a head as a map: a row for each block, a column for each head.

    Args:
        values: (stage, block) -> (nH,), such as `head_sweep` gives.
        unit: what the numbers are, for the scale.
        title: above the map.
        note: below the map: image, normalization, edit.

    Returns:
        The figure.

    Raises:
        ValueError: there is no block.

    >>> import torch
    >>> figure = plot_heads({(0, 0): torch.rand(3), (1, 0): torch.rand(6)}, "entropy (nats)")
    >>> figure.axes[0].images[0].get_array().shape
    (2, 6)
    """
    if not values:
        raise ValueError("there is no block to draw: give at least one.")
    heads = max(len(numbers) for numbers in values.values())
    figure, (ax,) = style.panels(1, size=max(3.5, 0.26 * heads + 1.5), aspect=_aspect(len(values), heads))
    drawn = _draw_heads(ax, values)
    ax.set_title(title, fontsize=9)
    style.color_bar(figure, drawn, ax, unit)
    style.caption(figure, note or "one row a block, one column a head")
    return figure


def plot_statistics(table: Mapping[BlockId, HeadStatistics], *, note: str = "") -> Figure:
    """Draw all statistics of all heads, one map a measure.

    Args:
        table: (stage, block) -> statistics, from `model_statistics`.
        note: below the maps, such as which images were measured.

    Returns:
        The figure; `own_class_share` is left out where it was not measured.

    Raises:
        ValueError: there is no block.

    >>> import torch
    >>> measured = HeadStatistics(*[torch.rand(3) for _ in range(4)], own_class_share=None, queries=64)
    >>> [ax.get_title() for ax in plot_statistics({(0, 0): measured}).axes[:2]]
    ['mean distance (pixels)', 'entropy (nats)']
    """
    if not table:
        raise ValueError("there is no block to draw: give at least one.")
    measures = [
        name for name in _MEASURES if all(getattr(measured, name) is not None for measured in table.values())
    ]
    heads = max(len(measured.entropy) for measured in table.values())
    figure, axes = style.panels(
        len(measures), columns=3, size=max(3.0, 0.14 * heads + 1.2), aspect=_aspect(len(table), heads)
    )
    for ax, name in zip(axes, measures, strict=True):
        drawn = _draw_heads(ax, {block: getattr(measured, name) for block, measured in table.items()})
        ax.set_title(_MEASURES[name], fontsize=9)
        style.color_bar(figure, drawn, ax, _MEASURES[name])
    queries = next(iter(table.values())).queries
    style.caption(
        figure,
        f"one row a block, one column a head; means over all queries that are not padding "
        f"({queries} in the first block)" + (f"; {note}" if note else ""),
    )
    return figure


def plot_bias_tables(pictures: Tensor, *, block: tuple[int, int] | None = None) -> Figure:
    """Draw each head's relative position bias as it lies around a query.

    Args:
        pictures: (nH, 2M-1, 2M-1) from `bias_table_image`.
        block: (stage, block), for the caption.

    Returns:
        The figure; one scale for all heads, centerd on 0.

    >>> import torch
    >>> len(plot_bias_tables(torch.randn(3, 13, 13)).axes)  # three heads and their scale
    4
    """
    tables = pictures.float().cpu().numpy()
    reach = tables.shape[1] // 2
    highest = float(np.abs(tables).max()) or 1.0
    figure, axes = style.panels(len(tables), columns=6, size=1.9)
    for head, (ax, table) in enumerate(zip(axes, tables, strict=True)):
        drawn = ax.imshow(
            table,
            extent=(-reach - 0.5, reach + 0.5, reach + 0.5, -reach - 0.5),
            cmap=style.DIVERGING,
            norm=CenteredNorm(halfrange=highest),
            interpolation="nearest",
        )
        ax.set_title(f"head {head}", fontsize=8)
        ax.set_xticks([-reach, 0, reach])
        ax.set_yticks([-reach, 0, reach])
        ax.tick_params(labelsize=6)
    style.color_bar(figure, drawn, axes, "added to the score")
    where = "" if block is None else f"stage {block[0]}, block {block[1]}; "
    style.caption(
        figure,
        f"{where}relative position bias of a key that many tokens right of and below its query (at 0, 0); "
        "not normalized",
    )
    return figure


def plot_decomposition(
    split: AttentionDecomposition,
    query: tuple[int, int],
    *,
    heads: Sequence[int] | None = None,
    batch: int = 0,
    block: tuple[int, int] | None = None,
) -> Figure:
    """Draw what content alone, position alone, both, and both with the mask make of one query's attention.

    Args:
        split: from `decompose_attention`.
        query: pixel (y, x) of the model's input.
        heads: heads to draw, one row each; the first four by default.
        batch: which image of the batch.
        block: (stage, block), for the caption.

    Returns:
        The figure, in places of the query's window; each row has its own scale.

    Raises:
        ValueError: the pixel is outside the image.

    >>> import torch
    >>> from swinviz.attention import decompose_attention
    >>> from swinviz.model.geometry import WindowGeometry
    >>> q, k, bias = torch.randn(1, 4, 1, 16, 8), torch.randn(1, 4, 1, 16, 8), torch.randn(1, 16, 16)
    >>> split = decompose_attention(q, k, bias, WindowGeometry(8, 8, window_size=4, shift_size=2, stride=4))
    >>> len(plot_decomposition(split, query=(0, 0)).axes)  # four panels and their scale
    5
    """
    geometry = split.geometry
    window, own = geometry.locate(*query)
    side = geometry.window_size
    shown = range(min(4, len(split.kl_content))) if heads is None else heads
    figure, axes = style.panels(4 * len(shown), columns=4, size=1.9)
    for row, head in enumerate(shown):
        maps = {
            "content": split.content[batch, window, head, own],
            "position": split.position[head, own],
            "content + position": split.unmasked[batch, window, head, own],
            "with mask: the pattern": split.full[batch, window, head, own],
        }
        highest = float(max(shares.max() for shares in maps.values()))
        apart = (split.kl_content[head], split.kl_position[head], split.kl_mask[head], None)
        panels = axes[4 * row : 4 * row + 4]
        for ax, (name, shares), distance in zip(panels, maps.items(), apart, strict=True):
            drawn = ax.imshow(
                shares.view(side, side).cpu().numpy(),
                cmap=style.HEAT,
                vmin=0,
                vmax=highest,
                interpolation="nearest",
            )
            style.mark_pixel(ax, own // side - 0.5, own % side - 0.5)
            ax.set_xticks([])
            ax.set_yticks([])
            title = f"head {head}: {name}" if row == 0 or name == "content" else name
            ax.set_title(
                title if distance is None else f"{title}\nKL from it {distance:.2f} nats", fontsize=7
            )
        style.color_bar(figure, drawn, panels, "share of attention")
    where = "" if block is None else f"stage {block[0]}, block {block[1]}; "
    style.caption(
        figure,
        f"{where}query y={query[0]}, x={query[1]} (ring), places of its window; each a softmax over "
        f"{side * side} keys;\n"
        "KL: from the pattern to each part alone, mean over all queries that are not padding",
    )
    return figure


def _draw_heads(ax: Axes, values: Mapping[BlockId, Tensor]) -> AxesImage:
    blocks = sorted(values)
    grid = np.full((len(blocks), max(len(values[block]) for block in blocks)), np.nan)
    for row, block in enumerate(blocks):
        grid[row, : len(values[block])] = values[block].cpu().numpy()
    # From 0, and never to less than a thousandth: what is all but nothing shall not look like something.
    highest = max(float(np.nanmax(grid)), 1e-3)
    drawn = ax.imshow(
        np.ma.masked_invalid(grid),
        cmap=style.HEAT,
        vmin=min(0.0, float(np.nanmin(grid))),
        vmax=highest,
        aspect="auto",
        interpolation="nearest",
    )
    ax.set_yticks(range(len(blocks)), [f"{stage}.{block}" for stage, block in blocks], fontsize=6)
    ax.set_ylabel("stage.block", fontsize=7)
    ax.set_xlabel("head", fontsize=7)
    ax.tick_params(labelsize=6)
    return drawn


def _aspect(rows: int, columns: int) -> float:
    return min(1.5, max(0.45, rows / max(columns, 8)))
