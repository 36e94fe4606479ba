"""A data set by the folder that it lies in."""

from __future__ import annotations

import logging
from pathlib import Path

from swinviz.data.ade20k import ADE20K
from swinviz.data.annotated import AnnotatedImages
from swinviz.data.folder import Folder
from swinviz.data.pairs import FileDataset
from swinviz.errors import DatasetError
from swinviz.formats import recognize

__all__ = ["open_dataset"]

_logger = logging.getLogger(__name__)


def open_dataset(root: str, split: str = "", *, background: str = "", strict: bool = True) -> FileDataset:
    """Open a data set by what its folder holds, and log what that is.

    Args:
        root: a folder: ADE20K's (images/ and annotations/), one with images/ and masks/, or one that COCO,
            YOLO segmentation, Pascal VOC, Cityscapes, Label Studio, CVAT or GeoJSON has; or an annotation
            file (.json, .xml) in it.
        split: its part, `training` or `validation` in every format; by default ADE20K's validation, training
            of YOLO and Cityscapes, and all of the others.
        background: name of a class for pixels that no annotated area covers, which are ignored without it.
        strict: refuse a data set with something wrong at once; False leaves that to `check`.

    Raises:
        DatasetError: the folder holds none of these, what it holds is damaged, or it has masks and no areas
            around which there could be a background.
        MissingPackageError: a package that the format needs is not installed.
    """
    dataset = _open(Path(root), split, background, strict=strict)
    _logger.info("%s: %s", root, dataset.recognized)
    return dataset


def _open(folder: Path, split: str, background: str, *, strict: bool) -> FileDataset:
    annotated = recognize(folder, split)
    if annotated is not None:
        return AnnotatedImages(annotated, background=background, strict=strict)
    if background:
        raise DatasetError(
            f"{folder} has no annotated areas around which there is a background: leave it out."
        )
    for candidate in (folder, folder / "ADEChallengeData2016"):
        if (candidate / "annotations").is_dir():
            if split not in ("", "training", "validation"):
                raise DatasetError(f"ADE20K has no split {split!r}: choose training or validation.")
            return ADE20K(candidate, "training" if split == "training" else "validation", strict=strict)
    if (folder / "masks").is_dir():
        return Folder(folder, split, strict=strict)
    raise DatasetError(
        f"{folder} is no data set: name ADE20K's folder (with images/ and annotations/), one with images/ "
        "and masks/, or one of COCO, YOLO, Pascal VOC, Cityscapes, Label Studio, CVAT or GeoJSON."
    )
