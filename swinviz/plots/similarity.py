"""Figures of token similarity: "looks like" beside the attention's "looks at"."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from swinviz.attention import AttentionMap
from swinviz.features import SimilarityMap
from swinviz.plots import style

__all__ = ["plot_similarity"]


def plot_similarity(
    image: ArrayLike,
    similarity: SimilarityMap,
    *,
    other: tuple[ArrayLike, SimilarityMap] | None = None,
    attention: AttentionMap | None = None,
    picture: str = "",
) -> Figure:
    """Draw which tokens look like the query, in its picture and in another, beside what it looks at.

    Args:
        image: (h, w, 3), the model's input as a picture.
        similarity: from `token_similarity`, of the same picture.
        other: a second picture (h, w, 3) and the similarity of its tokens to the same query.
        attention: what the query attends to, from `attention_to_image`; the mean over its heads is drawn.
        picture: name of the picture, for the caption.

    Returns:
        The figure; cosines from -1 to 1, centered on 0.

    >>> import torch
    >>> similar = SimilarityMap(torch.eye(4), 8, "stages.1.out", None, (9, 9), centered=True, elsewhere=False)
    >>> print(plot_similarity(np.zeros((32, 32, 3), np.uint8), similar).get_supxlabel())
    query y=9, x=9 (input pixels); cosine of stages.1.out (4×4 tokens), mean vector of the picture taken off
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    count = 2 + (other is not None) * 2 + (attention is not None)
    figure, axes = style.panels(count, columns=3, size=3.4, aspect=size[0] / size[1])
    remaining = iter(axes)
    shown = next(remaining)
    style.show_image(shown, array)
    shown.set_title(f"query in {style.plain(picture)}" if picture else "query", fontsize=9)
    marked, cosines = [shown], []
    if attention is not None:
        ax = next(remaining)
        _draw_attention(figure, ax, array, attention, size)
        marked.append(ax)
    ax = next(remaining)
    drawn = _draw_cosines(ax, similarity, size)
    ax.set_title("looks like", fontsize=9)
    marked.append(ax)
    cosines.append(ax)
    if other is not None:
        second = np.asarray(other[0])
        ax = next(remaining)
        style.show_image(ax, second)
        style.mark_pixel(ax, *other[1].best)
        ax.set_title("other picture, its most similar token", fontsize=9)
        ax = next(remaining)
        _draw_cosines(ax, other[1], (second.shape[0], second.shape[1]))
        ax.set_title("looks like, in the other picture", fontsize=9)
        cosines.append(ax)
    if similarity.pixel is not None:
        for ax in marked:
            style.mark_pixel(ax, *similarity.pixel)
    style.color_bar(figure, drawn, cosines, "cosine similarity")
    looked = (
        "" if attention is None else f"\nattention: softmax over its {attention.geometry.window_area} keys"
    )
    style.caption(figure, _caption(similarity) + looked)
    return figure


def _draw_cosines(ax: Axes, similarity: SimilarityMap, size: tuple[int, int]) -> AxesImage:
    style.show_image(ax, np.full((1, 1, 3), 255, np.uint8), size)
    return ax.imshow(
        similarity.pixels(size).cpu().numpy(),
        extent=(0, size[1], size[0], 0),
        cmap=style.DIVERGING,
        vmin=-1,
        vmax=1,
        interpolation="nearest",
    )


def _draw_attention(
    figure: Figure, ax: Axes, array: np.ndarray, attention: AttentionMap, size: tuple[int, int]
) -> None:
    mean = attention.pixels(size).mean(dim=0).cpu().numpy()
    style.show_image(ax, style.gray(array))
    drawn = ax.imshow(
        np.ma.masked_equal(mean, 0.0),
        extent=(0, size[1], size[0], 0),
        cmap=style.HEAT,
        vmin=0,
        interpolation="nearest",
    )
    style.draw_boxes(ax, attention.rectangles)
    ax.set_xlim(0, size[1])
    ax.set_ylim(size[0], 0)
    where = "" if attention.block is None else f", block {attention.block[0]}.{attention.block[1]}"
    ax.set_title(f"looks at{where} (mean of {len(attention.padded)} heads)", fontsize=9)
    style.color_bar(figure, drawn, ax, "share of attention, per token")


def _caption(similarity: SimilarityMap) -> str:
    asked = "region" if similarity.pixel is None else "y={}, x={} (input pixels)".format(*similarity.pixel)
    head = "" if similarity.head is None else f", head {similarity.head}"
    height, width = similarity.map.shape
    centered = "mean vector of the picture taken off" if similarity.centered else "vectors as they are"
    return f"query {asked}; cosine of {similarity.name}{head} ({height}×{width} tokens), {centered}"
