"""Figures of principal components as colors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swinviz.features import Components, TokenMap
from swinviz.plots import style

__all__ = ["plot_components"]


def plot_components(
    images: Sequence[ArrayLike],
    maps: Sequence[TokenMap],
    components: Components,
    *,
    names: Sequence[str] = (),
) -> Figure:
    """Draw pictures above the first three principal components of their features as red, green and blue.

    Args:
        images: (h, w, 3) each, the model's inputs as pictures.
        maps: vectors of the pictures, one image each.
        components: from `principal_components`, of these or other pictures.
        names: names of the pictures.

    Returns:
        The figure: one projection for all pictures, so that like colors mean like features.

    >>> import torch
    >>> from swinviz.features import principal_components
    >>> tokens = TokenMap(torch.randn(1, 4, 4, 8), 8, "stages.1.out")
    >>> figure = plot_components([np.zeros((32, 32, 3), np.uint8)], [tokens], principal_components([tokens]))
    >>> figure.axes[1].images[0].get_array().shape
    (4, 4, 3)
    """
    sizes = [np.asarray(image).shape[:2] for image in images]
    aspect = max(height / width for height, width in sizes)
    figure, axes = style.panels(2 * len(images), columns=len(images), size=3.2, aspect=aspect)
    for number, (image, tokens, size) in enumerate(zip(images, maps, sizes, strict=True)):
        style.show_image(axes[number], image)
        axes[number].set_title(style.plain(names[number]) if names else f"picture {number}", fontsize=9)
        colors = components.colors(tokens)[0].numpy()
        below = axes[len(images) + number]
        height, width = colors.shape[:2]
        below.imshow(
            colors, extent=(0, width * tokens.stride, height * tokens.stride, 0), interpolation="nearest"
        )
        below.set_xlim(0, size[1])
        below.set_ylim(size[0], 0)
        below.set_xticks([])
        below.set_yticks([])
    shares = ", ".join(
        f"{color} {share:.0%}"
        for color, share in zip(("red", "green", "blue"), components.explained.tolist(), strict=True)
    )
    head = "" if components.head is None else f", head {components.head}"
    ground = (
        ""
        if components.background is None
        else f"; black: not {components.side} {components.threshold:.2f} of the first component's range"
    )
    style.caption(
        figure,
        f"first three principal components of {components.name}{head}, one projection for all pictures; "
        f"of the variance: {shares}\nscaled from the darkest to the brightest token, ends cut off{ground}",
    )
    return figure
