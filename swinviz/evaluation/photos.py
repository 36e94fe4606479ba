"""Measuring a model on a data set whose classes are coarser or others than its own, and how far to trust it.

Every pixel gets the model's likeliest class among all of its own, and that class counts as what the data set
measures it as; a class that the data set does not measure is wrong wherever it is predicted. Nothing is
restricted to the data set's classes, so a pole seen in a wall costs accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from swinviz.data.photos import PhotoDataset
from swinviz.errors import DatasetError
from swinviz.evaluation.calibration import BINS, calibration_error, confidence_bins
from swinviz.inference import InferenceOptions
from swinviz.segmenter import SwinUPerNet

__all__ = ["PhotoReport", "evaluate_photos"]


@dataclass(frozen=True, eq=False)
class PhotoReport:
    """Counts over a data set, and what follows from them.

    Attributes:
        dataset: the data set, in words.
        names: what is measured, N names.
        confusion: (N, N + 1), int64; row t, column p counts the pixels of t that were taken for p, the last
            column those taken for something that is not measured.
        bins: (3, 15): pixels, summed confidence, and right pixels by confidence.
        images: number of images.
    """

    dataset: str
    names: tuple[str, ...]
    confusion: NDArray[np.int64]
    bins: NDArray[np.float64]
    images: int

    @property
    def accuracy(self) -> float:
        """Share of the measured pixels that were labeled rightly, 0 to 1."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union (N,), 0 to 1; NaN for what no pixel is."""
        right, true = np.diag(self.confusion), self.confusion.sum(axis=1)
        union = true + self.confusion[:, :-1].sum(axis=0) - right
        return np.divide(right, union, out=np.full(len(true), np.nan), where=true > 0)

    @property
    def miou(self) -> float:
        """Mean of `iou` over what occurs."""
        return float(np.nanmean(self.iou))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1."""
        return calibration_error(self.bins)

    def table(self) -> str:
        """Lay out the figures in percent, as Markdown."""
        lines = ["| measured | IoU |", "| --- | --- |"]
        lines += [f"| {name} | {100 * iou:.1f} |" for name, iou in zip(self.names, self.iou, strict=True)]
        return "\n".join(
            [
                f"{self.dataset}, {self.images} images: pixels {100 * self.accuracy:.2f} %, mIoU "
                f"{100 * self.miou:.2f}, expected calibration error {100 * self.calibration_error:.2f} %",
                "",
                *lines,
            ]
        )


def evaluate_photos(
    model: SwinUPerNet,
    dataset: PhotoDataset,
    options: InferenceOptions | None = None,
    *,
    limit: int | None = None,
    progress: bool = True,
) -> PhotoReport:
    """Measure a model on photographs.

    Args:
        model: in evaluation mode.
        dataset: photographs and what is measured on them.
        options: inference options; by default whole, at the model's own scale.
        limit: take only the first images.
        progress: show a progress bar.

    Raises:
        DatasetError: no image, or the model lacks what is measured.
    """
    names = tuple(dataset.measured)
    table = dataset.predicted_labels(model.config.classes)
    confusion = np.zeros((len(names), len(names) + 1), np.int64)
    bins = np.zeros((3, BINS))
    count = min(len(dataset), limit if limit is not None else len(dataset))
    if count < 1:
        raise DatasetError("there is no photograph to measure on: give a limit above 0.")
    for index in tqdm(range(count), desc="evaluating", unit="image", disable=not progress):
        image, labels = dataset[index]
        result = model.segment(image, options)
        true = dataset.measured_labels(labels)
        counted = true < len(names)
        truth, predicted, scores = true[counted], table[result.labels[counted]], result.scores[counted]
        pairs = np.bincount(truth * confusion.shape[1] + predicted.astype(np.int64), minlength=confusion.size)
        confusion += pairs.reshape(confusion.shape)
        bins += confidence_bins(scores, truth == predicted)
    return PhotoReport(f"{type(dataset).__name__} {dataset.split}".strip(), names, confusion, bins, count)
