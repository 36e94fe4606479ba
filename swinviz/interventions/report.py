"""Effects of edits on a segmentation: flipped pixels and IoU, per edit and per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from swinviz.attention import model_input
from swinviz.evaluation.metrics import ConfusionCounts
from swinviz.images import ImageLike
from swinviz.inference.argmax import Prediction, argmax_upsampled
from swinviz.interventions.edits import Edits
from swinviz.interventions.sweep import CachedRun
from swinviz.segmenter import SwinUPerNet

__all__ = ["Comparison", "EditResult", "compare"]

Labels = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class EditResult:
    """Effect of one edit on the segmentation of one image.

    Attributes:
        name: the edit's name.
        labels: (H, W) class of each pixel under the edit.
        flipped: (H, W) bool, where it differs from the unedited class.
        iou: (K,) IoU of each class against the reference, 0..1; NaN for classes that the reference lacks.
        delta_iou: (K,) `iou` minus that of the unedited segmentation.
    """

    name: str
    labels: Labels
    flipped: NDArray[np.bool_]
    iou: NDArray[np.float64]
    delta_iou: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The table of an intervention study on one image.

    Attributes:
        labels: (H, W) unedited class of each pixel.
        results: one for each edit.
        reference: "truth", or "unedited", whose own IoU is 1.
        classes: class names.
        palette: one RGB color a class.
    """

    labels: Labels
    results: tuple[EditResult, ...]
    reference: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]

    def rows(self) -> list[dict[str, str | int | float]]:
        """List one row an edit, for `pandas.DataFrame(comparison.rows())`.

        Keys are edit, flipped_pixels, flipped_share (0..1), miou and delta_miou (over the reference's
        classes), and `delta_iou CLASS` for each class of the reference.
        """
        return [self._row(result) for result in self.results]

    def _row(self, result: EditResult) -> dict[str, str | int | float]:
        present = np.flatnonzero(~np.isnan(result.iou))
        return {
            "edit": result.name,
            "flipped_pixels": int(result.flipped.sum()),
            "flipped_share": float(result.flipped.mean()),
            "miou": float(result.iou[present].mean()),
            "delta_miou": float(result.delta_iou[present].mean()),
            **{f"delta_iou {self.classes[index]}": float(result.delta_iou[index]) for index in present},
        }

    def __str__(self) -> str:
        """Format the table as text, without the columns of the classes."""
        width = max(len("edit"), *(len(result.name) for result in self.results))
        heading = f"{'edit':{width}}  flipped pixels  share    mIoU   ΔmIoU  (against: {self.reference})"
        lines = (
            f"{row['edit']:{width}}  {row['flipped_pixels']:14d}  {row['flipped_share']:5.1%}  "
            f"{row['miou']:6.3f}  {row['delta_miou']:+6.3f}"
            for row in self.rows()
        )
        return "\n".join((heading, *lines))


def compare(
    model: SwinUPerNet,
    image: ImageLike,
    edits: Mapping[str, Edits | Sequence[Edits]],
    *,
    truth: Labels | None = None,
    ignore: int = 255,
    scale: tuple[int, int] | None = None,
) -> Comparison:
    """Segment an image unedited and under each of several edits, and compare.

    Each edited run resumes from the unedited one, before its first edited block.

    Args:
        model: the model, in eval mode.
        image: path, PIL image, or array (H, W, 3) of uint8.
        edits: a name for each edit (or list of edits that act together).
        truth: (H, W) true classes; without it IoU is measured against the unedited segmentation.
        ignore: label of `truth` that does not count.
        scale: (long, short) limits that the image is resized to; by default the model's own.

    Returns:
        The table, with the labels behind it, at the image's own size.

    Raises:
        ImageError: the image cannot be read.
        ValueError: no edit, or a truth of another size than the image.

    >>> from swinviz.model.config import ModelConfig
    >>> from swinviz.interventions import no_shift
    >>> config = ModelConfig.tiny(("sky", "sea"), depths=(2,), scale=(32, 32))
    >>> gray = np.full((32, 32, 3), 128, np.uint8)
    >>> comparison = compare(SwinUPerNet(config).eval(), gray, {"no shift": no_shift()})
    >>> [row["edit"] for row in comparison.rows()]
    ['no shift']
    """
    if not edits:
        raise ValueError("there is no edit to compare: give at least one.")
    x, projection = model_input(model, image, scale=scale)
    if truth is not None and truth.shape != projection.image:
        raise ValueError(f"the truth is {truth.shape}, but the image is {projection.image}: make them equal.")
    run = CachedRun(model, x)

    def predict(logits: Tensor) -> Labels:
        labels, _ = argmax_upsampled([Prediction(logits, projection.input)], projection.image)
        return labels.cpu().numpy()

    classes = model.config.num_classes
    unedited = predict(run.logits)
    # No label of the model's own is to be ignored.
    reference, ignore = (unedited, -1) if truth is None else (truth, ignore)
    before = _iou(unedited, reference, classes, ignore)
    results = []
    for name, mappings in edits.items():
        labels = predict(run(mappings))
        iou = _iou(labels, reference, classes, ignore)
        results.append(EditResult(name, labels, labels != unedited, iou, iou - before))
    return Comparison(
        labels=unedited,
        results=tuple(results),
        reference="unedited" if truth is None else "truth",
        classes=model.config.classes,
        palette=model.config.palette,
    )


def _iou(predicted: Labels, reference: Labels, classes: int, ignore: int) -> NDArray[np.float64]:
    """Intersection over union of each class (K,), 0 to 1; NaN for a class that the reference lacks."""
    counts = ConfusionCounts.of(predicted, reference, classes, boundary=False, ignore=ignore)
    return np.where(counts.confusion.any(axis=1), counts.metrics().iou, np.nan)
