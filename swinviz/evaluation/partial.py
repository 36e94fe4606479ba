"""Partial results of an evaluation, in memory and on disk, so that it can be stopped and go on.

The state of an evaluation is a folder of shards. Every process writes one shard, which holds only what that
process measured in that run, and replaces it whole. Whoever starts later adds up all shards, however many
processes wrote them, and does the rest; so no order of crashes counts an image twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import SwinvizError
from swinviz.evaluation.calibration import BINS
from swinviz.evaluation.class_boundaries import no_boundaries
from swinviz.evaluation.metrics import ConfusionCounts
from swinviz.evaluation.window_borders import BORDER_BINS
from swinviz.files import replacing

__all__ = ["ImageScore", "PartialResult", "Shards"]


class ImageScore(NamedTuple):
    """Scores of one image.

    Attributes:
        number: its place in the data set.
        name: its name there.
        miou: mean IoU over the classes that are in it or were predicted (0..1; NaN if all is ignored).
        aacc: the part of its pixels that was labeled rightly.
        iou: (class, IoU) of each class that is in it, IoU from 0 to 1.
    """

    number: int
    name: str
    miou: float
    aacc: float
    iou: tuple[tuple[int, float], ...] = ()


@dataclass
class PartialResult:
    """Sums over some of the images.

    Attributes:
        counts: pixels counted.
        images: one score an image.
        notes: what was not done as asked, such as tiling for lack of memory.
        calibration: (3, 15), as `confidence_bins` counts.
        borders: (2, bins), right pixels and all by their distance to the first stage's window borders.
        boundaries: (2, bins), the same by their distance to the boundaries between classes.
        model_seconds: time spent from decoded images to labels.
        seconds: time spent in all.
    """

    counts: ConfusionCounts
    images: list[ImageScore] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calibration: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, BINS)))
    borders: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, BORDER_BINS), np.int64))
    boundaries: NDArray[np.int64] = field(default_factory=no_boundaries)
    model_seconds: float = 0.0
    seconds: float = 0.0

    def add(self, other: PartialResult) -> None:
        """Add what was measured on other images."""
        self.counts += other.counts
        self.images += other.images
        self.notes += other.notes
        self.calibration = self.calibration + other.calibration
        self.borders = self.borders + other.borders
        self.boundaries = self.boundaries + other.boundaries
        self.model_seconds += other.model_seconds
        self.seconds += other.seconds


@dataclass(frozen=True)
class Shards:
    """The folder that an evaluation's state is kept in.

    Attributes:
        folder: where; made when the first shard is written.
        key: what is measured, on what, and how; progress made under another key is refused.
    """

    folder: Path
    key: Mapping[str, str]

    def read(self, classes: int) -> PartialResult:
        """Add up all shards.

        Raises:
            SwinvizError: a shard is damaged or belongs to another evaluation.
        """
        total = PartialResult(ConfusionCounts.empty(classes))
        for path in sorted(self.folder.glob("*.npz")):
            if not path.name.startswith("."):  # left by a process that was killed while it wrote
                total.add(self._read(path))
        return total

    def write(self, name: str, measured: PartialResult) -> None:
        """Replace one shard."""
        self.folder.mkdir(parents=True, exist_ok=True)
        header = {
            "key": dict(self.key),
            "images": measured.images,
            "notes": measured.notes,
            "model_seconds": measured.model_seconds,
            "seconds": measured.seconds,
        }
        with replacing(self.folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                confusion=measured.counts.confusion,
                boundary=measured.counts.boundary,
                calibration=measured.calibration,
                borders=measured.borders,
                boundaries=measured.boundaries,
                header=np.array(json.dumps(header)),
            )

    def _read(self, path: Path) -> PartialResult:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                header = json.loads(str(arrays["header"]))
                counts = ConfusionCounts(arrays["confusion"], arrays["boundary"])
                distances = arrays["calibration"], arrays["borders"], arrays["boundaries"]
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise SwinvizError(
                f"the progress in {str(path)!r} cannot be read ({error}): remove it."
            ) from error
        differing = [name for name, value in self.key.items() if header["key"].get(name) != value]
        if differing:
            raise SwinvizError(
                f"{str(self.folder)!r} holds the progress of another evaluation (its "
                f"{' and '.join(differing)} differ): remove the folder or choose another."
            )
        images = [
            ImageScore(number, name, miou, aacc, tuple((label, value) for label, value in iou))
            for number, name, miou, aacc, iou in header["images"]
        ]
        seconds = header["model_seconds"], header["seconds"]
        return PartialResult(counts, images, header["notes"], *distances, *seconds)
