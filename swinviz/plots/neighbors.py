"""Figures of nearest tokens over many pictures, and of a class made from clicks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from swinviz.attention import Pixel
from swinviz.features import Match
from swinviz.plots import style

__all__ = ["plot_clicked_class", "plot_neighbors"]


def plot_neighbors(
    image: ArrayLike, pixel: Pixel, matches: Sequence[tuple[Match, ArrayLike]], *, what: str, side: int = 96
) -> Figure:
    """Draw the surroundings of a query and of its nearest tokens in other pictures.

    Args:
        image: (h, w, 3), the query's picture as the model sees it.
        pixel: (y, x) of the query.
        matches: each match with its picture (h, w, 3), as the model sees it.
        what: hook point and normalization, for the caption.
        side: side of a crop, in pixels.

    Returns:
        The figure: the query first, then matches by falling cosine.

    >>> match = Match("b.jpg", 4, 4, 0.75)
    >>> picture = np.zeros((16, 16, 3), np.uint8)
    >>> figure = plot_neighbors(picture, (8, 8), [(match, picture)], what="stages.2.out")
    >>> figure.axes[1].get_title()
    'b.jpg: 0.75'
    """
    figure, axes = style.panels(1 + len(matches), columns=5, size=2.2)
    titled = [("query", image, pixel)] + [
        (f"{style.plain(match.picture)}: {match.similarity:.2f}", picture, (match.y, match.x))
        for match, picture in matches
    ]
    for ax, (title, picture, (y, x)) in zip(axes, titled, strict=True):
        style.show_image(ax, picture)
        style.mark_pixel(ax, y, x)
        ax.set_xlim(x - side / 2, x + side / 2)
        ax.set_ylim(y + side / 2, y - side / 2)
        ax.set_title(title, fontsize=8)
    style.caption(
        figure,
        f"query y={pixel[0]}, x={pixel[1]} (input pixels); cosine of {what}; "
        f"crops of {side}×{side} pixels around each token's middle",
    )
    return figure


def plot_clicked_class(
    image: ArrayLike,
    scores: Tensor,
    name: str,
    *,
    positive: Sequence[Pixel] = (),
    negative: Sequence[Pixel] = (),
    what: str = "",
) -> Figure:
    """Draw where a class made from clicks is found, with the clicks.

    Args:
        image: (h, w, 3), the model's input as a picture.
        scores: (2, H, W) of the picture, from the probe; the second is the class.
        name: name of the class.
        positive: (y, x) clicked as examples.
        negative: (y, x) clicked as counterexamples.
        what: hook point, for the caption.

    Returns:
        The figure: the class's score, centered on one half, where it begins.

    >>> import torch
    >>> figure = plot_clicked_class(np.zeros((16, 16, 3), np.uint8), torch.rand(2, 4, 4), "roof")
    >>> figure.axes[1].get_title()
    'roof'
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    figure, axes = style.panels(2, size=3.8, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    axes[0].set_title(f"{len(positive)} examples, {len(negative)} counterexamples", fontsize=9)
    drawn = axes[1].imshow(
        scores[1].cpu().numpy(),
        extent=(0, size[1], size[0], 0),
        cmap=style.DIVERGING,
        vmin=-0.5,
        vmax=1.5,
        interpolation="nearest",
    )
    axes[1].set_xticks([])
    axes[1].set_yticks([])
    axes[1].set_title(style.plain(name), fontsize=9)
    for ax in axes:
        for pixels, color in ((positive, style.OKABE_ITO[2]), (negative, style.OKABE_ITO[5])):
            for y, x in pixels:
                style.mark_pixel(ax, y, x, color)
    style.color_bar(figure, drawn, axes[1], "score; the class from 0.5 up")
    style.caption(
        figure,
        f"linear probe on {what or 'frozen features'}, least squares of 1 at green clicks and 0 at red ones; "
        "scores may pass 0 and 1",
    )
    return figure
