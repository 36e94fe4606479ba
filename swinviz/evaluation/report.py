"""The result of an evaluation: as JSON to keep, as a table to read."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from swinviz.errors import SwinvizError
from swinviz.evaluation.calibration import BINS, calibration_error
from swinviz.evaluation.class_boundaries import BOUNDARY_EDGES
from swinviz.evaluation.cost import Cost
from swinviz.evaluation.metrics import ConfusionCounts, Metrics
from swinviz.evaluation.partial import ImageScore, PartialResult
from swinviz.evaluation.window_borders import BorderAccuracy
from swinviz.files import replacing
from swinviz.inference import MULTI_SCALE, InferenceOptions
from swinviz.model.config import Color
from swinviz.presets import PRESETS

if TYPE_CHECKING:
    from swinviz.data import LabeledDataset
    from swinviz.segmenter import SwinUPerNet

__all__ = ["Report"]


@dataclass(frozen=True, eq=False)
class Report:
    """Result of an evaluation.

    Attributes:
        dataset: what it was measured on, in words.
        classes: class names.
        counts: the counts that every figure follows from.
        images: one score an image, in the order of the data set.
        options: the inference options, in words.
        notes: what was not done as asked.
        seconds: time it took, summed over processes.
        model_seconds: the part of it that was spent from decoded images to labels.
        environment: versions, device and number of processes.
        palette: one RGB color (0..255) a class.
        calibration: (3, 15): pixels, summed confidence and right pixels by confidence.
        borders: accuracy by the distance to the borders of the first stage's windows; None where another
            way of cutting the image moved them.
        boundaries: accuracy by the distance to the boundaries between classes; None if not measured.
        preset: name of the model's preset; its published figures stand beside the measured ones.
        cost: speed and memory, if they were measured.
    """

    dataset: str
    classes: tuple[str, ...]
    counts: ConfusionCounts
    images: tuple[ImageScore, ...]
    options: str
    notes: tuple[str, ...]
    seconds: float
    model_seconds: float
    environment: dict[str, str]
    palette: tuple[Color, ...] = ()
    calibration: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, BINS)))
    borders: BorderAccuracy | None = None
    boundaries: BorderAccuracy | None = None
    preset: str = ""
    cost: Cost | None = None

    @classmethod
    def of(
        cls,
        measured: PartialResult,
        model: SwinUPerNet,
        dataset: LabeledDataset,
        options: InferenceOptions,
        processes: int,
    ) -> Report:
        """Report what was measured."""
        return cls(
            dataset=" ".join(
                [getattr(dataset, "title", type(dataset).__name__), str(getattr(dataset, "split", ""))]
            ).strip(),
            classes=tuple(dataset.classes),
            counts=measured.counts,
            images=tuple(measured.images),
            options=_in_words(options),
            notes=tuple(measured.notes),
            seconds=measured.seconds,
            model_seconds=measured.model_seconds,
            palette=tuple(model.config.palette),
            calibration=measured.calibration,
            borders=_borders(measured, model, options),
            boundaries=_boundaries(measured),
            environment={
                "torch": torch.__version__,
                "python": platform.python_version(),
                "device": str(model.device),
                "dtype": str(model.dtype).removeprefix("torch."),
                "processes": str(processes),
            },
        )

    @property
    def metrics(self) -> Metrics:
        """The figures."""
        return self.counts.metrics()

    @property
    def overhead(self) -> float:
        """Time spent on anything but the model, as a share of the model's."""
        return self.seconds / self.model_seconds - 1.0

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1; NaN where nothing was counted."""
        return calibration_error(self.calibration)

    def worst(self, count: int = 12) -> list[ImageScore]:
        """List the images with the lowest mean IoU, worst first."""
        known = [image for image in self.images if not math.isnan(image.miou)]
        return sorted(known, key=lambda image: image.miou)[:count]

    def __repr__(self) -> str:
        return f"Report({len(self.images)} images of {self.dataset}: mIoU {_percent(self.metrics.miou)})"

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """Lay out the figures, in percent, with the published ones beside them where there are any."""
        metrics = self.metrics
        measured = {
            "mIoU": _percent(metrics.miou),
            "mAcc": _percent(metrics.macc),
            "aAcc": _percent(metrics.aacc),
            "boundary IoU": _percent(metrics.mean_boundary_iou),
            "memory GB": f"{self.cost.memory_gb:.2f}" if self.cost else "-",
            "images/s": f"{self.cost.images_per_second:.2f}" if self.cost else "-",
        }
        rows = [["", *measured], ["measured", *measured.values()]]
        published = self._published()
        if published:
            rows.insert(1, ["published", *(published.get(name, "-") for name in measured)])
        title = f"{self.preset or 'model'} on {self.dataset}, {len(self.images)} images, {self.options}"
        lines = [title, *_columns(rows)]
        if self.cost:
            lines.append(f"images/s at 512x512, batch 1, on {self.cost.device}; memory while segmenting.")
        if self.cost and "memory GB" in published:
            lines.append("Published: images/s on a V100; memory while training.")
        return "\n".join([*lines, *self._notes_in_short()])

    def class_table(self) -> str:
        """Lay out the figures of each class, in percent, best IoU first, absent classes last."""
        metrics = self.metrics
        order = np.argsort(-np.nan_to_num(metrics.iou, nan=-1.0), kind="stable")
        rows = [["class", "IoU", "accuracy", "boundary IoU"]]
        rows += [
            [self.classes[k], *map(_percent, (metrics.iou[k], metrics.accuracy[k], metrics.boundary_iou[k]))]
            for k in order
        ]
        return "\n".join(_columns(rows))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold; NaN becomes None."""
        metrics = self.metrics
        return {
            "preset": self.preset,
            "dataset": self.dataset,
            "options": self.options,
            "figures": {
                "miou": _plain(metrics.miou),
                "macc": _plain(metrics.macc),
                "aacc": _plain(metrics.aacc),
                "boundary_iou": _plain(metrics.mean_boundary_iou),
                "calibration_error": _plain(self.calibration_error),
            },
            "published": self._published(),
            "classes": [
                {"name": name, "iou": _plain(iou), "accuracy": _plain(accuracy), "boundary_iou": _plain(edge)}
                for name, iou, accuracy, edge in zip(
                    self.classes, metrics.iou, metrics.accuracy, metrics.boundary_iou, strict=True
                )
            ],
            "cost": asdict(self.cost) if self.cost else None,
            "seconds": self.seconds,
            "model_seconds": self.model_seconds,
            "environment": self.environment,
            "notes": list(self.notes),
            "confusion": self.counts.confusion.tolist(),
            "boundary": self.counts.boundary.tolist(),
            "palette": [list(color) for color in self.palette],
            "calibration": self.calibration.tolist(),
            "borders": _curve(self.borders),
            "boundaries": _curve(self.boundaries),
            "images": [
                [image.number, image.name, _plain(image.miou), _plain(image.aacc), list(image.iou)]
                for image in self.images
            ],
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything as JSON; an older file is replaced only by a whole new one."""
        path = Path(path)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Report:
        """Read what `save` wrote.

        Raises:
            SwinvizError: the file is no report.
        """
        path = Path(path)
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                dataset=stored["dataset"],
                classes=tuple(entry["name"] for entry in stored["classes"]),
                counts=ConfusionCounts(
                    np.array(stored["confusion"], np.int64), np.array(stored["boundary"], np.int64)
                ),
                images=tuple(
                    ImageScore(
                        number,
                        name,
                        math.nan if miou is None else miou,
                        math.nan if aacc is None else aacc,
                        tuple((label, value) for label, value in iou),
                    )
                    for number, name, miou, aacc, iou in stored["images"]
                ),
                palette=tuple(tuple(color) for color in stored["palette"]),
                calibration=np.array(stored["calibration"], np.float64),
                borders=_read_curve(stored["borders"]),
                boundaries=_read_curve(stored.get("boundaries")),  # older reports have none
                options=stored["options"],
                notes=tuple(stored["notes"]),
                seconds=stored["seconds"],
                model_seconds=stored["model_seconds"],
                environment=stored["environment"],
                preset=stored["preset"],
                cost=Cost(**stored["cost"]) if stored["cost"] else None,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SwinvizError(f"{path.name!r} is not a report of an evaluation ({error}).") from error

    def _published(self) -> dict[str, str]:
        """Published figures of the preset, as far as they were measured in this way."""
        row = PRESETS.get(self.preset)
        if row is None or not self.dataset.startswith("ADE20K"):
            return {}
        figures = {"memory GB": row.memory_gb, "images/s": row.fps}
        if self.options == _in_words(InferenceOptions()):
            figures["mIoU"] = row.miou
        elif self.options == _in_words(InferenceOptions(scales=MULTI_SCALE, flip=True)):
            figures["mIoU"] = row.miou_ms_flip
        return {name: f"{figure:.2f}" for name, figure in figures.items() if figure is not None}

    def _notes_in_short(self) -> list[str]:
        if not self.notes:
            return []
        return [
            f"{len(self.notes)} images were not done as asked, so the figures are not exact. {self.notes[0]}"
        ]


def _borders(measured: PartialResult, model: SwinUPerNet, options: InferenceOptions) -> BorderAccuracy | None:
    if options.mode != "whole" or len(options.scales) > 1:
        return None
    half = model.config.backbone.window_size * model.config.backbone.strides[0] / 2
    bins = measured.borders.shape[1]
    return BorderAccuracy((np.arange(bins) + 0.5) * half / bins, *measured.borders)


def _boundaries(measured: PartialResult) -> BorderAccuracy | None:
    edges = np.array([0, *BOUNDARY_EDGES])
    if not measured.boundaries.any():
        return None
    return BorderAccuracy((edges[1:] + edges[:-1]) / 2, *measured.boundaries)


def _curve(accuracy: BorderAccuracy | None) -> list[list[float]] | None:
    if accuracy is None:
        return None
    return [accuracy.distance.tolist(), accuracy.right.tolist(), accuracy.total.tolist()]


def _read_curve(stored: Any) -> BorderAccuracy | None:
    return BorderAccuracy(*map(np.array, stored)) if stored else None


def _in_words(options: InferenceOptions) -> str:
    """Name what tells one way of looking from another."""
    scales = "x".join(f"{factor:g}" for factor in options.scales) if len(options.scales) > 1 else ""
    cut = f" {options.crop[0]}x{options.crop[1]}" if options.mode != "whole" else ""
    words = [
        f"{options.mode}{cut}",
        f"scales {scales.replace('x', ' ')}" if scales else "one scale",
        "flipped too" if options.flip else "",
        f"resized to {options.scale}" if options.scale else "",
        f"in {str(options.precision).removeprefix('torch.')}" if options.precision else "",
    ]
    return ", ".join(word for word in words if word)


def _columns(rows: list[list[str]]) -> list[str]:
    """Align the cells of a table: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
