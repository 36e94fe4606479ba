"""Calibration: is a model right as often as its confidence says?"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "calibration_error", "confidence_bins"]

BINS: Final = 15
"""Confidence bins of the expected calibration error, of equal width."""


def confidence_bins(scores: NDArray[np.floating], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Count pixels by confidence.

    Args:
        scores: (P,), probability (0..1) of the class that each pixel was given.
        right: (P,), True where it is the pixel's own.

    Returns:
        (3, 15): pixels, summed confidence, and right pixels of each bin; those of several images add up.

    >>> confidence_bins(np.array([0.95, 0.99]), np.array([True, False]))[:, -1]
    array([2.  , 1.94, 1.  ])
    """
    places = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    rows = (np.ones_like(scores), scores, right)
    return np.stack([np.bincount(places, weights=row, minlength=BINS) for row in rows])


def calibration_error(bins: NDArray[np.float64]) -> float:
    """Average distance of confidence from accuracy, weighted by pixels (Guo et al. 2017, equation 3).

    Args:
        bins: (3, B): pixels, summed confidence, and right pixels of each bin; those of several data
            sets may be added.

    Returns:
        From 0 to 1; NaN without pixels.

    >>> calibration_error(np.array([[4.0, 6.0], [2.0, 5.4], [2.0, 6.0]]))
    0.06
    """
    pixels, confidence, right = bins
    if not pixels.sum():
        return float("nan")
    return round(float(np.abs(confidence - right).sum() / pixels.sum()), 12)
