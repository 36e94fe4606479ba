"""Weights of classes from how often a data set holds them, for cross entropy on unbalanced classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from swinviz.data.dataset import IGNORE_INDEX, LabeledDataset

__all__ = ["WEIGHTINGS", "class_weights", "count_classes"]

WEIGHTINGS = ("inverse", "effective")
"""Ways to turn counts into weights."""


def count_classes(
    dataset: LabeledDataset, classes: int, *, most: int = 2000, progress: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the pixels of each class, and the images that hold it.

    Args:
        dataset: images and labels.
        classes: number K of classes.
        most: images that are read at most, evenly spread over the data set.
        progress: show a progress bar.

    Returns:
        Pixels (K,) and images (K,).
    """
    pixels, images = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(int))
    for index in tqdm(chosen, desc="class weights", unit="image", disable=not progress):
        _, labels = dataset[int(index)]
        found = np.bincount(labels[labels != IGNORE_INDEX].ravel(), minlength=classes)[:classes]
        pixels += found
        images += found > 0
    return pixels, images


def class_weights(
    how: str, pixels: Sequence[int] | NDArray[np.int64], images: Sequence[int] | NDArray[np.int64]
) -> tuple[float, ...]:
    """Weigh classes by their counts.

    Args:
        how: "inverse", where each class's pixels weigh the same in all (scikit-learn's "balanced": all pixels
            over K times the class's), or "effective", the inverse of the effective number of images that hold
            the class, (1 - b) / (1 - b^n) with b = 0.999 (Cui et al. 2019), scaled to a mean of 1.
        pixels: (K,), pixels of each class.
        images: (K,), images that hold each class.

    Returns:
        (K,), factors above 0; 1 for a class that never occurs.

    Raises:
        ValueError: another way.

    >>> class_weights("inverse", [30, 10, 0], [3, 2, 0])
    (0.667, 2.0, 1.0)
    """
    if how not in WEIGHTINGS:
        raise ValueError(
            f"class weights {how!r:.40}: choose one of {', '.join(WEIGHTINGS)}, or give numbers."
        )
    counts = np.asarray(pixels if how == "inverse" else images, np.float64)
    there = counts > 0
    if how == "inverse":
        weights = counts.sum() / (there.sum() * np.where(there, counts, 1))
    else:
        weights = (1 - 0.999) / (1 - 0.999 ** np.where(there, counts, 1))
        weights /= weights[there].mean() if there.any() else 1
    return tuple(round(float(weight), 3) for weight in np.where(there, weights, 1.0))
