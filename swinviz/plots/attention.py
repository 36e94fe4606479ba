"""Figures of attention: one query's maps, head by head, in the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swinviz.attention import AttentionMap
from swinviz.plots import style
from swinviz.plots.windows import show_extent

__all__ = ["plot_attention"]


def plot_attention(
    image: ArrayLike,
    attention: AttentionMap,
    *,
    heads: Sequence[int] | None = None,
    size: tuple[int, int] | None = None,
    zoom: bool = False,
    own_scale: bool = False,
) -> Figure:
    """Draw what a query looks at (or who looks at a key), in each head, with its windows' true rectangles.

    Args:
        image: (h, w, 3), the model's input as a picture, or the original image it was resized from.
        attention: from `attention_to_image`.
        heads: heads to draw; all by default.
        size: (height, width) of the model's input; by default the image's own.
        zoom: draw only the windows' surroundings, not the whole image.
        own_scale: let each head's colors end at its own highest value, which its title tells; else one head
            that looks at a single place leaves all others dark.

    Returns:
        The figure; scales start at 0.

    Raises:
        ValueError: there is no such head.

    >>> import torch
    >>> from swinviz.attention import attention_to_image
    >>> from swinviz.model.geometry import WindowGeometry
    >>> geometry = WindowGeometry(height=8, width=8, window_size=4, shift_size=2, stride=4)
    >>> pattern = torch.rand(1, 4, 2, 16, 16).softmax(dim=-1)
    >>> looked = attention_to_image(pattern, geometry, query=(0, 0), block=(0, 1))
    >>> figure = plot_attention(np.zeros((32, 32, 3), np.uint8), looked)
    >>> [ax.get_title() for ax in figure.axes[:3]]
    ['query: y=0, x=0', 'head 0', 'head 1']
    """
    array = np.asarray(image)
    size = size or array.shape[:2]
    padded = attention.padded.detach().cpu().numpy()
    shown = list(range(len(padded))) if heads is None else list(heads)
    if not shown or not all(0 <= head < len(padded) for head in shown):
        raise ValueError(
            f"heads are {shown}, but the map has {len(padded)}, counted from 0: choose some of them."
        )
    inside, stride = _window_cover(attention), attention.geometry.stride
    highest = float(padded[shown].max())
    columns = 5 if len(shown) > 7 else 4
    figure, axes = style.panels(1 + len(shown), columns=columns, aspect=inside.shape[0] / inside.shape[1])
    style.show_image(axes[0], array, size)
    axes[0].set_title(_asked(attention), fontsize=9)
    faded = style.gray(array)
    for ax, head in zip(axes[1:], shown, strict=True):
        style.show_image(ax, faded, size)
        top = float(padded[head].max()) if own_scale else highest
        drawn = ax.imshow(
            np.ma.masked_where(~inside, padded[head]),
            extent=(0, inside.shape[1] * stride, inside.shape[0] * stride, 0),
            cmap=style.HEAT,
            vmin=0,
            vmax=top or 1.0,
            interpolation="nearest",
        )
        name = f"head {head}" if attention.heads == "each" else f"{attention.heads} over heads"
        share = float(attention.padding_share[head]) if attention.measure == "probability" else 0.0
        name += f", 0 to {top:.2g}" if own_scale else ""
        ax.set_title(f"{name} · {share:.0%} on padding" if share >= 0.005 else name, fontsize=9)
    for ax in axes:
        show_extent(ax, attention.geometry, size)
        style.draw_boxes(ax, attention.rectangles)
        _mark_place(ax, attention)
        if zoom:
            _zoom(ax, attention)
    if own_scale:
        unit = f"{_unit(attention)}, of each head's highest"
        style.color_bar(figure, ScalarMappable(Normalize(0, 1), style.HEAT), axes, unit)
    else:
        style.color_bar(figure, drawn, axes, _unit(attention))
    style.caption(figure, _caption(attention))
    return figure


def _asked(attention: AttentionMap) -> str:
    role = attention.direction
    if attention.pixel is None:
        return f"{role}: region of {int((attention.place > 0).sum())} tokens"
    return f"{role}: y={attention.pixel[0]}, x={attention.pixel[1]}"


def _unit(attention: AttentionMap) -> str:
    if attention.measure == "norm":
        return "norm of the key's contribution"
    if attention.direction == "query":
        return "share of the query's attention, per token"
    return "share given to the key, per token"


def _caption(attention: AttentionMap) -> str:
    geometry = attention.geometry
    block = "" if attention.block is None else f"stage {attention.block[0]}, block {attention.block[1]}; "
    shift = f"shifted by {geometry.shift_size}" if geometry.shift_size else "not shifted"
    if attention.measure == "norm":
        normalized = "pattern × value × projection, in units of the residual stream; not normalized"
    elif attention.direction == "query":
        normalized = f"softmax over each query's {geometry.window_area} keys, padding included"
    else:
        normalized = f"each token's softmax over its {geometry.window_area} keys; not normalized over tokens"
    return (
        f"{block}windows of {geometry.window_size}×{geometry.window_size} tokens ({shift}), outlined; "
        f"1 token = {geometry.stride} pixels; {_asked(attention)} (input pixels)\n"
        f"{normalized}; hatched: padding"
    )


def _window_cover(attention: AttentionMap) -> np.ndarray:
    """(Hp, Wp) bool: places that belong to the windows concerned."""
    cover = np.zeros(attention.padded.shape[1:], dtype=bool)
    stride = attention.geometry.stride
    for top, left, bottom, right in attention.rectangles:
        cover[top // stride : bottom // stride, left // stride : right // stride] = True
    return cover


def _mark_place(ax: Axes, attention: AttentionMap) -> None:
    if attention.pixel is not None:
        style.mark_pixel(ax, *attention.pixel)
        return
    stride = attention.geometry.stride
    inside = (attention.place > 0).float().cpu().numpy()
    rows, columns = ((np.arange(side) + 0.5) * stride for side in inside.shape)
    if min(inside.shape) > 1:  # matplotlib draws no contour on a single row
        ax.contour(columns, rows, inside, levels=[0.5], colors="white", linewidths=1.2, linestyles="dashed")


def _zoom(ax: Axes, attention: AttentionMap) -> None:
    tops, lefts, bottoms, rights = zip(*attention.rectangles, strict=True)
    margin = 2 * attention.geometry.stride
    ax.set_xlim(min(lefts) - margin, max(rights) + margin)
    ax.set_ylim(max(bottoms) + margin, min(tops) - margin)
