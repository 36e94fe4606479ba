"""Counting pixels, and what follows from the counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.errors import DatasetError
from swinviz.evaluation.boundary_iou import boundary_band, boundary_width

__all__ = ["ConfusionCounts", "Metrics"]


@dataclass(frozen=True, eq=False)
class Metrics:
    """Metrics of the counts; everything from 0 to 1, and NaN where there is nothing to say.

    Attributes:
        iou: (K,), intersection over union of each class; NaN for one that is neither there nor predicted.
        accuracy: (K,), the part of each class's pixels that was found; NaN for a class that is not there.
        boundary_iou: (K,), intersection over union of the classes' boundary bands (Cheng et al. 2021).
        aacc: the part of all pixels that was labeled rightly.

    The means `miou`, `macc` and `mean_boundary_iou` leave NaN out.
    """

    iou: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    boundary_iou: NDArray[np.float64]
    aacc: float

    @property
    def miou(self) -> float:
        """Mean intersection over union, 0 to 1."""
        return _mean(self.iou)

    @property
    def macc(self) -> float:
        """Mean accuracy of the classes, 0 to 1."""
        return _mean(self.accuracy)

    @property
    def mean_boundary_iou(self) -> float:
        """Mean boundary intersection over union, 0 to 1."""
        return _mean(self.boundary_iou)


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """Counts over any number of images; counts of different images add up exactly, being integers.

    Attributes:
        confusion: (K, K), int64; row t, column p counts the pixels of class t that were given class p.
        boundary: (3, K), int64; pixels of each class in the band of the truth, of the prediction, of both.
            Zero where it was not asked for.
    """

    confusion: NDArray[np.int64]
    boundary: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> ConfusionCounts:
        """Nothing counted yet."""
        return cls(np.zeros((classes, classes), np.int64), np.zeros((3, classes), np.int64))

    @classmethod
    def of(
        cls,
        prediction: NDArray[np.integer],
        truth: NDArray[np.integer],
        classes: int,
        *,
        boundary: bool = True,
        ignore: int = IGNORE_INDEX,
    ) -> ConfusionCounts:
        """Count one image.

        Pixels whose truth is ignored count nowhere, whatever was predicted there. For the boundaries, they
        belong to no class in truth and prediction alike.

        Args:
            prediction: (H, W), from 0 to classes - 1; any shape without boundaries.
            truth: (H, W), the same, or `ignore`.
            classes: number K of classes.
            boundary: count the boundaries too.
            ignore: label of the truth that does not count.

        Raises:
            DatasetError: other shapes, or a label that is no class.

        >>> ConfusionCounts.of(np.array([[0, 1, 1]]), np.array([[0, 0, 255]]), classes=2).confusion
        array([[1, 1],
               [0, 0]])
        """
        if prediction.shape != truth.shape:
            raise DatasetError(
                f"the labels have {truth.shape} pixels and the prediction {prediction.shape}: "
                "every image needs labels of its own size."
            )
        counted = truth != ignore
        true, predicted = truth[counted].astype(np.int64), prediction[counted].astype(np.int64)
        if true.size:
            low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
            if not 0 <= low <= high < classes:
                wrong = low if low < 0 else high
                raise DatasetError(
                    f"there is a label {wrong}, but only {classes} classes, counted "
                    f"from 0: use {ignore} for pixels without a class."
                )
        confusion = np.bincount(true * classes + predicted, minlength=classes**2)
        counts = cls(confusion.reshape(classes, classes), np.zeros((3, classes), np.int64))
        if boundary:
            counts.boundary[:] = _boundaries(
                np.where(counted, prediction, IGNORE_INDEX), np.where(counted, truth, IGNORE_INDEX), classes
            )
        return counts

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        return ConfusionCounts(self.confusion + other.confusion, self.boundary + other.boundary)

    def metrics(self) -> Metrics:
        """Turn the counts into figures, as mmsegmentation does (mmseg/evaluation/metrics/iou_metric.py)."""
        right = self.confusion.diagonal()
        true, predicted = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        in_truth, in_prediction, in_both = self.boundary
        return Metrics(
            iou=_ratio(right, true + predicted - right),
            accuracy=_ratio(right, true),
            boundary_iou=_ratio(in_both, in_truth + in_prediction - in_both),
            aacc=float(_ratio(right.sum(keepdims=True), true.sum(keepdims=True))[0]),
        )


def _boundaries(
    prediction: NDArray[np.integer], truth: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    width = boundary_width((truth.shape[0], truth.shape[1]))
    in_truth, in_prediction = boundary_band(truth, width), boundary_band(prediction, width)
    in_both = in_truth & in_prediction & (truth == prediction)
    bands = truth[in_truth], prediction[in_prediction], truth[in_both]
    return np.stack([np.bincount(band, minlength=IGNORE_INDEX + 1)[:classes] for band in bands])


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
