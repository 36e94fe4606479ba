"""Accuracy of a model near the borders of its windows, where W-MSA alone cannot look across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from swinviz.data.dataset import IGNORE_INDEX, LabeledDataset
from swinviz.evaluation.loading import prefetched
from swinviz.images import keep_ratio_size
from swinviz.inference import InferenceOptions
from swinviz.model.geometry import WindowGeometry
from swinviz.segmenter import SwinUPerNet

__all__ = ["BORDER_BINS", "BorderAccuracy", "border_accuracy", "border_distance", "count_by_distance"]

BORDER_BINS: Final = 7
"""Parts that half a window is divided into, by default."""


@dataclass(frozen=True)
class BorderAccuracy:
    """Pixels counted by their distance to the nearest border between two windows.

    Attributes:
        distance: (bins,), middle of each, in pixels of the model's input, from 0 to half a window.
        right: (bins,), pixels of the bin that were given their true class.
        total: (bins,), pixels of the bin; those without a label do not count.
    """

    distance: NDArray[np.float64]
    right: NDArray[np.int64]
    total: NDArray[np.int64]

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Share of right pixels in each bin (bins,), 0 to 1; NaN in an empty one."""
        return np.where(self.total > 0, self.right / np.maximum(self.total, 1), np.nan)


def border_distance(
    geometry: WindowGeometry, inputs: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Measure how far each pixel's center is from the nearest border between two windows.

    The image's own edge is no border: beyond it there is nothing to see.

    Args:
        geometry: how a map is cut; its shift is taken into account.
        inputs: (height, width) of the model's input, in pixels.
        size: (H, W) of the picture that was resized to it, in pixels.

    Returns:
        (H, W), in pixels of the input; infinite where there is but one window.

    >>> border_distance(WindowGeometry(2, 4, window_size=2, shift_size=0, stride=1), (2, 4), (2, 4))[0]
    array([1.5, 0.5, 0.5, 1.5])
    """
    down, right = (
        _axis_distance(length, extent, geometry) for length, extent in zip(size, inputs, strict=True)
    )
    return np.minimum(down[:, None], right[None, :])


def _axis_distance(length: int, extent: int, geometry: WindowGeometry) -> NDArray[np.float64]:
    """Distance along one axis of `length` pixels that show `extent` pixels of input."""
    side = geometry.window_size * geometry.stride
    first = geometry.shift_size * geometry.stride or side
    borders = np.arange(first, extent, side)
    centers = (np.arange(length) + 0.5) * extent / length
    if not len(borders):
        return np.full(length, np.inf)
    distance: NDArray[np.float64] = np.abs(centers[:, None] - borders[None, :]).min(axis=1)
    return distance


def border_accuracy(
    model: SwinUPerNet,
    dataset: LabeledDataset,
    *,
    stage: int = 0,
    bins: int = BORDER_BINS,
    scale: tuple[int, int] | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> BorderAccuracy:
    """Count right pixels by their distance to the borders of a stage's unshifted windows.

    Pixels whose nearest border is further than half a window (along the image's edge) are left out, so that
    every bin holds pixels from the same parts of a window.

    Args:
        model: in evaluation mode.
        dataset: images and labels with the model's classes.
        stage: whose windows are meant; W-MSA and SW-MSA models are measured at the same places.
        bins: parts that half a window is divided into.
        scale: (long, short) edge that images are resized to; by default the model's own.
        limit: take only the first images of the data set.
        progress: show a progress bar.
    """
    stride, window = model.config.backbone.strides[stage], model.config.backbone.window_size
    half = window * stride / 2
    counts = np.zeros((2, bins), np.int64)
    indices = range(len(dataset))[:limit]
    options = InferenceOptions(scale=scale)
    for _, (image, truth) in tqdm(
        prefetched(dataset, indices), total=len(indices), unit="image", disable=not progress
    ):
        inputs = keep_ratio_size(image.shape[:2], scale or model.config.scale)
        geometry = WindowGeometry(-(-inputs[0] // stride), -(-inputs[1] // stride), window, 0, stride)
        counts += count_by_distance(geometry, inputs, model.segment(image, options).labels, truth, bins)
    return BorderAccuracy((np.arange(bins) + 0.5) * half / bins, *counts)


def count_by_distance(
    geometry: WindowGeometry,
    inputs: tuple[int, int],
    labels: NDArray[np.integer],
    truth: NDArray[np.integer],
    bins: int = BORDER_BINS,
) -> NDArray[np.int64]:
    """Count one image's pixels by their distance to the nearest border between two windows.

    Args:
        geometry: how a map is cut.
        inputs: (height, width) of the model's input, in pixels.
        labels: (H, W), predicted classes.
        truth: (H, W), true classes, or 255 for ignored.
        bins: parts that half a window is divided into; pixels further away are left out.

    Returns:
        (2, bins): right pixels, and all.
    """
    half = geometry.window_size * geometry.stride / 2
    distance = border_distance(geometry, inputs, (truth.shape[0], truth.shape[1]))
    counted = (truth != IGNORE_INDEX) & (distance < half)
    number = (distance[counted] / half * bins).astype(np.int64)
    right = np.bincount(number, weights=(labels == truth)[counted], minlength=bins)
    return np.stack([right.astype(np.int64), np.bincount(number, minlength=bins)])
