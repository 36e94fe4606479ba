"""Pixels close to the boundary of their segment."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["boundary_band", "boundary_width"]


def boundary_width(size: tuple[int, int]) -> int:
    """Width in pixels of the band that counts as boundary: 2 % of the diagonal of an image (height, width).

    Source: Cheng et al. 2021, Boundary IoU, section 4; bowenc0221/boundary-iou-api.

    >>> boundary_width((480, 640))
    16
    """
    return max(1, round(0.02 * math.hypot(*size)))


def boundary_band(labels: NDArray[np.integer], width: int) -> NDArray[np.bool_]:
    """Find the pixels from which another label, or the image's edge, is at most `width` steps of a king away.

    For the mask of any one class this is the mask minus its erosion, as Boundary IoU defines it. A square
    around a pixel holds one label only if no two neighbors in it differ, and differences in squares of any
    size are counted in constant time from cumulative sums; so all classes and widths cost the same.

    Args:
        labels: (H, W).
        width: in pixels.

    Returns:
        (H, W).

    >>> boundary_band(np.array([[0, 0, 0, 0, 1]] * 3), width=1)[1].tolist()
    [True, False, False, True, True]
    """
    height, across = labels.shape
    band = np.ones((height, across), np.bool_)
    if height > 2 * width and across > 2 * width:
        sideways = labels[:, 1:] != labels[:, :-1]  # H W-1
        downwards = labels[1:] != labels[:-1]  # H-1 W
        side = 2 * width + 1
        inner = band[width:-width, width:-width]
        np.add(_sums(sideways, side, side - 1), _sums(downwards, side - 1, side), out=inner, casting="unsafe")
    return band


def _sums(values: NDArray[np.bool_], height: int, width: int) -> NDArray[np.int32]:
    """Sum over every rectangle of (height, width) that lies inside."""
    rows = np.zeros((values.shape[0] + 1, values.shape[1]), np.int32)
    np.cumsum(values, axis=0, out=rows[1:])
    strips = rows[height:] - rows[:-height]
    columns = np.zeros((strips.shape[0], strips.shape[1] + 1), np.int32)
    np.cumsum(strips, axis=1, out=columns[:, 1:])
    return columns[:, width:] - columns[:, :-width]
