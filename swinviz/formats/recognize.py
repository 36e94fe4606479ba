"""A data set by what its folder holds, whoever exported it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swinviz.errors import DatasetError
from swinviz.formats.cityscapes import read_cityscapes
from swinviz.formats.coco import is_coco, read_coco
from swinviz.formats.common import AnnotatedSet, read_json
from swinviz.formats.cvat import read_cvat
from swinviz.formats.geojson import read_geojson
from swinviz.formats.label_studio import is_label_studio, read_label_studio
from swinviz.formats.voc import read_voc
from swinviz.formats.yolo import has_parts as yolo_has_parts
from swinviz.formats.yolo import read_yolo

__all__ = ["has_parts", "recognize"]

_SPLITS = {"training": ("train", "training"), "validation": ("val", "valid", "validation")}


def recognize(root: Path, split: str = "") -> AnnotatedSet | None:
    """Read a set in one of the formats, if the folder holds one.

    Args:
        root: the folder, or an annotation file (.json, .xml).
        split: `training`, `validation` or another that the set knows; empty for all, or for training where a
            set is always divided.

    Returns:
        The set, or None where nothing of the kind is there.

    Raises:
        DatasetError: the set is damaged, or which file is meant is not clear.
        MissingPackageError: a package that the format needs is not installed.
    """
    if root.is_file():
        return read_cvat(root) if root.suffix.lower() == ".xml" else _json(root, root.parent)
    if not root.is_dir():
        return None
    if (root / "gtFine").is_dir():
        return read_cityscapes(root, split)
    if (root / "SegmentationClass").is_dir():
        return read_voc(root, split)
    if (root / "annotations.xml").is_file():
        return read_cvat(root / "annotations.xml")
    if _holds_yolo(root):
        return read_yolo(root, split)
    found = _annotation_file(root, split)
    if found is not None:
        return found
    if next(root.rglob("*.geojson"), None) is not None:
        return read_geojson(root)
    return None


def has_parts(root: Path) -> bool:
    """True where a folder in one of the formats has pictures to train on and others to measure with.

    Args:
        root: the folder, or an annotation file, which is one part.

    Raises:
        DatasetError: the set is damaged.
        MissingPackageError: a package that the format needs is not installed.
    """
    if not root.is_dir():
        return False
    if (root / "gtFine").is_dir():
        return all((root / "gtFine" / word).is_dir() for word in ("train", "val"))
    if (root / "SegmentationClass").is_dir():
        lists = root / "ImageSets" / "Segmentation"
        return all((lists / f"{word}.txt").is_file() for word in ("train", "val"))
    if (root / "annotations.xml").is_file():
        return False
    if _holds_yolo(root):
        return yolo_has_parts(root)
    return all(_candidates(root, split) for split in _SPLITS)


def _holds_yolo(root: Path) -> bool:
    if any((root / name).is_file() for name in ("data.yaml", "data.yml")):
        return True
    labels = root / "labels"
    return (root / "images").is_dir() and labels.is_dir() and next(labels.rglob("*.txt"), None) is not None


def _annotation_file(root: Path, split: str) -> AnnotatedSet | None:
    """COCO or Label Studio: the one JSON file that is either, or that belongs to the split."""
    known: list[tuple[Path, Any]] = []
    for path in _candidates(root, split):
        content = read_json(path)
        if is_coco(content) or is_label_studio(content):
            known.append((path, content))
    if len(known) > 1:
        names = ", ".join(path.relative_to(root).as_posix() for path, _ in known[:5])
        raise DatasetError(f"{str(root)!r} holds several sets ({names}): name one of the files, or a split.")
    return _json(known[0][0], root, known[0][1]) if known else None


def _candidates(root: Path, split: str) -> list[Path]:
    """JSON files that may be a set, or that part of one."""
    paths = [
        *sorted((root / "annotations").glob("*.json")),
        *sorted(root.glob("*/_annotations.coco.json")),
        *sorted(root.glob("*.json")),
    ]
    words = _SPLITS.get(split, (split,)) if split else ()
    return [
        path
        for path in paths
        if not words
        or any(word in (path.stem, path.parent.name) or f"_{word}" in path.stem for word in words)
    ]


def _json(path: Path, root: Path, content: Any = None) -> AnnotatedSet:
    content = read_json(path) if content is None else content
    if is_label_studio(content):
        return read_label_studio(path, content)
    if path.parent.name == "annotations" and root == path.parent:
        root = path.parent.parent  # the file was named; its pictures lie beside the folder that it is in
    return read_coco(path, root, content)
