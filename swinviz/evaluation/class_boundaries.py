"""Accuracy of a model near the boundaries between classes, where most of its errors are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.evaluation.boundary_iou import boundary_band

__all__ = ["BOUNDARY_EDGES", "count_near_boundaries", "no_boundaries"]

BOUNDARY_EDGES: Final = (1, 2, 4, 8, 16, 32)
"""Largest distance of each bin to the nearest boundary, in pixels; the first bin holds both sides of it."""


def no_boundaries() -> NDArray[np.int64]:
    """Counts (2, bins) of no image."""
    return np.zeros((2, len(BOUNDARY_EDGES)), np.int64)


def count_near_boundaries(labels: NDArray[np.integer], truth: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count one image's pixels by their distance to the nearest true boundary, in steps of a king.

    The image's own edge is no boundary. Pixels further away than the last bin are left out.

    Args:
        labels: (H, W), predicted classes.
        truth: (H, W), true classes, or 255 for ignored, which bounds others but is not counted.

    Returns:
        (2, bins): right pixels, and all.

    Source:
        Kraehenbuehl and Koltun 2011, section 4 (trimaps of growing width), here by distance.

    >>> count_near_boundaries(np.array([[0, 0, 0, 0]]), np.array([[0, 0, 0, 1]]))[:, :2].tolist()
    [[1, 1], [2, 1]]
    """
    known, right = truth != IGNORE_INDEX, labels == truth
    found = no_boundaries()
    nearer = np.zeros(truth.shape, np.bool_)
    for number, width in enumerate(BOUNDARY_EDGES):
        band = boundary_band(np.pad(truth, width, mode="edge"), width)[width:-width, width:-width]
        bin_ = band & ~nearer & known
        found[:, number] = np.count_nonzero(bin_ & right), np.count_nonzero(bin_)
        nearer = band
    return found
