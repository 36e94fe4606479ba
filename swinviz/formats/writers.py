"""Writers by the names that `--write` takes, and what they are given of a segmentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from swinviz.errors import SwinvizError
from swinviz.formats.cityscapes import CityscapesWriter
from swinviz.formats.coco import CocoWriter
from swinviz.formats.common import UNLABELED, FormatWriter, LabeledPicture
from swinviz.formats.cvat import CvatWriter
from swinviz.formats.geojson import GeoJsonWriter
from swinviz.formats.label_studio import LabelStudioWriter
from swinviz.formats.voc import VocWriter
from swinviz.formats.yolo import YoloWriter
from swinviz.inference import Segmentation
from swinviz.model.config import Color

__all__ = ["FORMAT_NAMES", "labeled_picture", "open_writer"]

_WRITERS: Final[Mapping[str, Callable[[Path, Sequence[str], Sequence[Color]], FormatWriter]]] = {
    "coco": CocoWriter,
    "coco-polygons": partial(CocoWriter, form="polygons"),
    "coco-panoptic": partial(CocoWriter, form="panoptic"),
    "yolo": YoloWriter,
    "voc": VocWriter,
    "cityscapes": CityscapesWriter,
    "labelstudio": LabelStudioWriter,
    "labelstudio-polygons": partial(LabelStudioWriter, form="polygons"),
    "cvat": CvatWriter,
    "geojson": GeoJsonWriter,
}

FORMAT_NAMES: Final = tuple(_WRITERS)
"""Names of the formats that can be written."""


def open_writer(name: str, folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> FormatWriter:
    """Make a writer of a format.

    Args:
        name: one of `FORMAT_NAMES`.
        folder: folder of the format's files.
        classes: class names.
        palette: their colors.

    Raises:
        SwinvizError: there is no such format, more than 255 classes, or two of the same name.
        MissingPackageError: a package that the format needs is not installed.
    """
    if name not in _WRITERS:
        raise SwinvizError(f"there is no format {name!r}: choose among {', '.join(FORMAT_NAMES)}.")
    if len(classes) > UNLABELED or len(set(classes)) < len(classes):
        raise SwinvizError(f"{name} needs class names that differ, at most {UNLABELED}: leave this format.")
    return _WRITERS[name](folder, classes, palette)


def labeled_picture(result: Segmentation, name: str, shown: frozenset[int] | None = None) -> LabeledPicture:
    """Make of a segmentation what writers take.

    Args:
        result: the segmentation, of at most 255 classes.
        name: path of its files below a format's folder, without ending.
        shown: numbers of the classes that are kept; the others' pixels have no label. None keeps all.
    """
    labels = result.labels.astype(np.uint8)
    if shown is not None:
        table = np.full(256, UNLABELED, np.uint8)
        table[list(shown)] = list(shown)
        labels = table[labels]
    return LabeledPicture(name, result.image, labels, float(result.scores.mean()))
