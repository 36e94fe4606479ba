"""Figures of what can reach a pixel, and of where its attention came from, over the whole network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike
from torch import Tensor

from swinviz.attention import Pixel, Reach, Rollout
from swinviz.model.geometry import WindowGeometry
from swinviz.plots import style

__all__ = ["plot_reachability", "plot_rollout", "plot_share_maps"]


def plot_reachability(image: ArrayLike, reached: Sequence[Reach], pixel: Pixel) -> Figure:
    """Draw, for each block, the part of the image that can influence the token over a pixel.

    Args:
        image: (h, w, 3), the model's input as a picture, uint8.
        reached: from `reachable_pixels`.
        pixel: the (y, x) that it was asked for.

    Returns:
        The figure; what cannot reach the token is faded.

    >>> import torch
    >>> reached = [Reach(0, 0, torch.ones(16, 16, dtype=torch.bool))]
    >>> figure = plot_reachability(np.zeros((16, 16, 3), np.uint8), reached, pixel=(3, 3))
    >>> figure.axes[0].get_title()
    'stage 0, block 0: 100%'
    """
    array = np.asarray(image)[..., :3]
    faded = style.gray(array, strength=0.15)
    height, width = reached[0].pixels.shape
    figure, axes = style.panels(len(reached), columns=6, size=2.0, aspect=height / width)
    for ax, reach in zip(axes, reached, strict=True):
        inside = reach.pixels.numpy()
        style.show_image(ax, np.where(inside[..., None], array, faded))
        style.mark_pixel(ax, *pixel)
        ax.set_title(f"stage {reach.stage}, block {reach.block}: {reach.share:.0%}", fontsize=8)
    style.caption(
        figure,
        f"input pixels that can influence the token over y={pixel[0]}, x={pixel[1]} after each block "
        "(share of the image); exact, from windows, shifts and masks; no weights",
    )
    return figure


def plot_rollout(
    image: ArrayLike, walked: Rollout, *, pixel: Pixel | None = None, unit: str = "share of the rollout"
) -> Figure:
    """Draw a row walked back through the network: after the last block of each stage, and in the image.

    Args:
        image: (h, w, 3), the model's input as a picture.
        walked: from `rollout` or `attention_relevance`.
        pixel: the query, to mark it.
        unit: what the numbers are.

    Returns:
        The figure; each panel has its own scale, which ends at its 99.5th percentile.

    >>> import torch
    >>> from swinviz.attention import RolloutStep
    >>> geometry = WindowGeometry(4, 4, window_size=4, shift_size=0, stride=4)
    >>> walked = Rollout((RolloutStep(0, 0, torch.rand(4, 4), lost=0.0, geometry=geometry),))
    >>> figure = plot_rollout(np.zeros((16, 16, 3), np.uint8), walked, pixel=(3, 3))
    >>> figure.axes[1].get_title()
    "at stage 0's input"
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    firsts = {
        step.stage: step for step in walked.steps
    }  # the walk goes back, so the stage's first block stays
    figure, axes = style.panels(1 + len(firsts), columns=5, size=2.6, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    axes[0].set_title("image", fontsize=9)
    for ax, (stage, step) in zip(axes[1:], firsts.items(), strict=True):
        drawn = _heat(ax, step.weights, step.geometry, size)
        ax.set_title(f"at stage {stage}'s input", fontsize=9)
        style.color_bar(figure, drawn, ax, f"{unit}, per token")
    for ax in axes:
        if pixel is not None:
            style.mark_pixel(ax, *pixel)
    last = walked.steps[0]
    where = "" if pixel is None else f"query y={pixel[0]}, x={pixel[1]}; "
    style.caption(
        figure,
        f"{where}walked back from stage {last.stage}, block {last.block}; mean over heads; "
        f"lost to padding: {walked.lost:.3g}; scales end at the 99.5th percentile",
    )
    return figure


def plot_share_maps(
    image: ArrayLike,
    shares: Tensor,
    geometry: WindowGeometry,
    unit: str,
    *,
    batch: int = 0,
    block: tuple[int, int] | None = None,
) -> Figure:
    """Draw for every token which share of its attention goes somewhere, such as to padding, in each head.

    Args:
        image: (h, w, 3), the model's input as a picture.
        shares: (B, nH, H, W) from `padding_leakage` or `cross_region_attention`.
        geometry: window geometry of the block.
        unit: what the shares are of, such as "share of attention on padding".
        batch: which image of the batch.
        block: (stage, block), for the caption.

    Returns:
        The figure; one scale from 0 for all heads.

    >>> import torch
    >>> geometry = WindowGeometry(4, 4, window_size=4, shift_size=0, stride=4)
    >>> image, shares = np.zeros((16, 16, 3), np.uint8), torch.full((1, 2, 4, 4), 0.5)
    >>> plot_share_maps(image, shares, geometry, "share on padding").axes[1].get_title()
    'head 0: mean 50.0%'
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    maps = shares[batch]
    highest = float(maps.max()) or 1.0
    figure, axes = style.panels(1 + len(maps), columns=5, size=2.2, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    for head, ax in enumerate(axes[1:]):
        drawn = _heat(ax, maps[head], geometry, size, highest)
        ax.set_title(f"head {head}: mean {float(maps[head].mean()):.1%}", fontsize=8)
    style.color_bar(figure, drawn, axes, unit)
    where = "" if block is None else f"stage {block[0]}, block {block[1]}; "
    style.caption(
        figure,
        f"{where}for each token as query, {unit} (1 = all of it); softmax over {geometry.window_area} keys",
    )
    return figure


def _heat(
    ax: Axes, values: Tensor, geometry: WindowGeometry, size: tuple[int, int], highest: float | None = None
) -> AxesImage:
    """Draw a map of tokens over the input's pixel coordinates, cut to the input."""
    array = values.detach().cpu().numpy()
    top = highest or float(np.quantile(array, 0.995)) or float(array.max()) or 1.0
    style.show_image(ax, np.full((1, 1, 3), 255, np.uint8), size)
    drawn = ax.imshow(
        array,
        extent=(0, geometry.width * geometry.stride, geometry.height * geometry.stride, 0),
        cmap=style.HEAT,
        vmin=0,
        vmax=top,
        interpolation="nearest",
    )
    ax.set_xlim(0, size[1])
    ax.set_ylim(size[0], 0)
    return drawn
