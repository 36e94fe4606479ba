"""Crops and figures of the windows that a head is typical in."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from swinviz.features import HeadSearch, TypicalWindow
from swinviz.model.hooks import BlockId
from swinviz.plots import style

__all__ = ["plot_typical_windows", "typical_crop"]


def typical_crop(image: ArrayLike, found: TypicalWindow, *, opacity: float = 0.6) -> NDArray[np.uint8]:
    """Cut a window out of its picture, its keys colored by attention and its query outlined.

    Args:
        image: (h, w, 3) uint8, the picture at the size of the model's input.
        found: from `HeadSearch`.
        opacity: of the color of the most attended key, 0 to 1.

    Returns:
        (M * stride, M * stride, 3) uint8, in the window's own order: a window that the shift wrapped is shown
        as the model sees it, put together from up to four parts of the picture. Padding is white.

    >>> import torch
    >>> from swinviz.model.geometry import WindowGeometry
    >>> geometry = WindowGeometry(3, 4, 2, 1, stride=4)
    >>> found = TypicalWindow("a", BlockId(0, 1), 0, 0, 3, 1.0, torch.tensor([0.0, 0.0, 0.0, 1.0]), geometry)
    >>> typical_crop(np.zeros((12, 16, 3), np.uint8), found).shape
    (8, 8, 3)
    """
    picture = np.asarray(image)
    geometry = found.geometry
    stride, side = geometry.stride, geometry.window_size
    crop = np.full((side * stride, side * stride, 3), 255.0)
    weights = found.keys.numpy() / max(float(found.keys.max()), 1e-12)
    colors = np.asarray(mpl.colormaps[style.HEAT](weights))[:, :3] * 255
    for place, token in enumerate(geometry.token_index[found.window].tolist()):
        if token < 0:
            continue
        top, left, bottom, right = geometry.token_box(token)
        pixels = picture[top:bottom, left:right].astype(float)
        share = opacity * weights[place]
        row, column = place // side * stride, place % side * stride
        height, width = pixels.shape[:2]
        crop[row : row + height, column : column + width] = (1 - share) * pixels + share * colors[place]
    row, column = found.query // side * stride, found.query % side * stride
    box = crop[row : row + stride, column : column + stride]
    for edge in (box[0], box[-1], box[:, 0], box[:, -1]):
        edge[:] = (213, 94, 0)
    return crop.astype(np.uint8)


def plot_typical_windows(
    search: HeadSearch, block: tuple[int, int], head: int, picture: Callable[[str], ArrayLike]
) -> Figure:
    """Draw the windows in which a head attends most to what was searched for.

    Args:
        search: from `HeadSearch.run`.
        block: (stage, block).
        head: the head.
        picture: name -> (h, w, 3) uint8 at the size of the model's input.

    Returns:
        The figure: the windows by falling score.

    Raises:
        ValueError: no such block or head was searched.

    >>> import torch
    >>> from swinviz.model.geometry import WindowGeometry
    >>> geometry = WindowGeometry(2, 2, 2, 0, stride=4)
    >>> found = TypicalWindow("a", BlockId(0, 0), 0, 0, 3, 1.5, torch.full((4,), 0.25), geometry)
    >>> search = HeadSearch({(BlockId(0, 0), 0): [found]}, {}, 1, "attention far away")
    >>> plot_typical_windows(search, (0, 0), 0, lambda name: np.zeros((8, 8, 3))).axes[0].get_title()
    'a: 1.5'
    """
    shown = search.typical.get((BlockId(*block), head))
    if not shown:
        raise ValueError(f"head {head} of block {tuple(block)} was not searched.")
    figure, axes = style.panels(len(shown), columns=6, size=1.9)
    for ax, found in zip(axes, shown, strict=True):
        style.show_image(ax, typical_crop(picture(found.picture), found))
        ax.set_title(f"{style.plain(found.picture)}: {found.score:.3g}", fontsize=8)
    geometry = shown[0].geometry
    style.caption(
        figure,
        f"block {block[0]}.{block[1]}, head {head}: {search.criterion}, best window of each of "
        f"{search.pictures} pictures; query outlined, color: share of its attention (softmax over "
        f"{geometry.window_area} keys), brightest = its most attended key",
    )
    return figure
