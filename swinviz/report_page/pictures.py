"""Small pictures of images, their truth and what a model made of them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm.auto import tqdm

from swinviz.data.dataset import IGNORE_INDEX, LabeledDataset
from swinviz.evaluation import Report
from swinviz.inference import InferenceOptions
from swinviz.segmenter import SwinUPerNet

__all__ = ["Pictures", "picture_images"]

_WRONG = (213, 94, 0)  # vermilion, which the color-blind tell from gray
_IGNORED = (128, 128, 128)


@dataclass(frozen=True)
class Pictures:
    """Pictures of one image, as encoded files of one size.

    Attributes:
        photo: JPEG.
        truth: PNG, in the classes' colors; gray where there is no label.
        prediction: PNG, in the classes' colors.
        confidence: PNG, gray levels 0 to 255 for 0 to 1.
        errors: PNG, colored where the prediction is wrong, clear elsewhere.
        predicted: classes that were predicted somewhere, by number.
    """

    photo: bytes
    truth: bytes
    prediction: bytes
    confidence: bytes
    errors: bytes
    predicted: tuple[int, ...] = ()


def picture_images(
    report: Report,
    model: SwinUPerNet,
    dataset: LabeledDataset,
    options: InferenceOptions | None = None,
    *,
    numbers: Sequence[int] | None = None,
    baseline: Report | None = None,
    count: int = 60,
    side: int = 360,
    progress: bool = True,
) -> dict[int, Pictures]:
    """Segment images once more, and keep small pictures of them.

    Args:
        report: the evaluation, which tells the worst images.
        model: the model that was evaluated.
        dataset: the data set that it was evaluated on.
        options: inference options of the evaluation.
        numbers: places in the data set; by default those of the worst images.
        baseline: an earlier evaluation; half of the images are then those that got worse most since.
        count: images at most, where `numbers` is not given.
        side: longest side of the pictures, in pixels.
        progress: show a progress bar.

    Returns:
        Place in the data set -> pictures; about 50 kB each.
    """
    chosen = _worst(report, baseline, count) if numbers is None else list(numbers)
    made = {}
    for number in tqdm(chosen, desc="pictures", unit="image", disable=not progress):
        image, truth = dataset[number]
        result = model.segment(image, options)
        made[number] = _draw(image, truth, result.labels, result.scores, np.array(model.config.palette), side)
    return made


def _worst(report: Report, baseline: Report | None, count: int) -> list[int]:
    """Places of the worst images, and of those that got worse most."""
    if baseline is None:
        return [image.number for image in report.worst(count)]
    before = {image.name: image.miou for image in baseline.images}
    lost = {image.number: before.get(image.name, math.nan) - image.miou for image in report.images}
    worse = sorted((number for number, loss in lost.items() if loss > 0), key=lambda number: -lost[number])
    chosen = [*worse[: count // 2], *(image.number for image in report.worst(count))]
    return list(dict.fromkeys(chosen))[:count]


def _draw(
    image: NDArray[np.uint8],
    truth: NDArray[np.integer],
    labels: NDArray[np.integer],
    scores: NDArray[np.floating],
    palette: NDArray[np.integer],
    side: int,
) -> Pictures:
    height, width = truth.shape
    factor = min(1.0, side / max(height, width))
    size = max(1, math.floor(width * factor)), max(1, math.floor(height * factor))
    known = truth != IGNORE_INDEX
    true = np.where(known[..., None], palette[np.where(known, truth, 0)], _IGNORED)
    wrong = known & (labels != truth)
    errors = np.dstack([*(np.full(truth.shape, level) for level in _WRONG), np.where(wrong, 255, 0)])
    nearest, smooth = Image.Resampling.NEAREST, Image.Resampling.LANCZOS
    return Pictures(
        photo=_encode(image, size, smooth, "JPEG"),
        truth=_encode(true, size, nearest, "PNG"),
        prediction=_encode(palette[labels], size, nearest, "PNG"),
        confidence=_encode(np.rint(255 * scores), size, Image.Resampling.BILINEAR, "PNG"),
        errors=_encode(errors, size, nearest, "PNG"),
        predicted=tuple(np.unique(labels).tolist()),
    )


def _encode(
    values: NDArray[np.generic], size: tuple[int, int], resampling: Image.Resampling, kind: str
) -> bytes:
    drawn = Image.fromarray(values.astype(np.uint8)).resize(size, resampling)
    buffer = io.BytesIO()
    drawn.save(buffer, kind, **({"quality": 80} if kind == "JPEG" else {"optimize": True}))
    return buffer.getvalue()
