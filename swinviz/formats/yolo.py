"""YOLO segmentation: one text file a picture, one polygon a line, coordinates from 0 to 1.

Source: https://docs.ultralytics.com/datasets/segment/ (data.yaml, images/, labels/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError
from swinviz.formats.common import (
    IMAGE_SUFFIXES,
    Annotated,
    AnnotatedSet,
    LabeledPicture,
    Shape,
    damaged,
    draw,
    read_text,
    save_picture,
    write_text,
)
from swinviz.formats.outlines import fill, outline
from swinviz.lazy import require_package
from swinviz.model.config import Color, distinct_palette

__all__ = ["YoloWriter", "read_yolo"]

SPLIT = "train"


class YoloWriter:
    """Writes images/train, labels/train and data.yaml; a connected area is one polygon.

    Args:
        folder: where.
        classes: class names, numbered from 0.
        palette: their colors, which the format does not keep.
    """

    def __init__(self, folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> None:
        del palette
        self._folder, self._classes, self._yaml = folder, classes, _require_yaml()

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        return [
            self._folder / "images" / SPLIT / f"{name}.jpg",
            self._folder / "labels" / SPLIT / f"{name}.txt",
        ]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture and its polygons."""
        image, labels = self.files(picture.name)
        save_picture(image, picture.image)
        height, width = picture.size
        lines = []
        for label, mask in picture.regions():
            for polygon in outline(mask):
                corners = polygon.as_one_ring() / (width, height)
                # Eight digits: a corner is off by less than a thousandth of a pixel in the largest picture.
                lines.append(" ".join([str(label), *(f"{value:.8g}" for value in corners.ravel())]))
        write_text(labels, "".join(f"{line}\n" for line in lines))

    def finish(self, names: Sequence[str]) -> None:
        """Write data.yaml."""
        content = {
            "train": f"images/{SPLIT}",
            "val": f"images/{SPLIT}",
            "names": dict(enumerate(self._classes)),
        }
        write_text(
            self._folder / "data.yaml", self._yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        )


def read_yolo(root: Path, split: str = "") -> AnnotatedSet:
    """Read a YOLO segmentation set: data.yaml, or images/ beside labels/.

    Args:
        root: the folder of data.yaml.
        split: `training` or `validation`; by default training.

    Raises:
        DatasetError: no pictures, or data.yaml is damaged.
        MissingPackageError: PyYAML is not installed.
    """
    content = _description(root)
    with damaged("data.yaml"):
        folder = _images(root, content, split)
        names = content.get("names")
        named = dict(enumerate(names)) if isinstance(names, list) else dict(names or {})
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise DatasetError(f"{str(folder)!r} holds no pictures: check data.yaml.")
        highest = max((int(number) for number in named), default=-1)
        if not named:
            highest = max((_highest(_labels_of(path, root)) for path in found), default=-1)
        if not 0 <= highest < 255:
            raise DatasetError(f"the classes are numbered up to {highest}: 0 to 254 can be told apart.")
        classes = tuple(str(named.get(number, f"class_{number}")) for number in range(highest + 1))
    pictures = []
    problems = []
    for path in found:
        labels = _labels_of(path, root)
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            shapes = _read(labels, len(classes)) if labels.is_file() else ()
        except DatasetError as error:
            problems.append(str(error))
            continue
        pictures.append(Annotated(path, name, partial(draw, shapes)))
    said = f"YOLO segmentation ({len(pictures)} pictures, {len(classes)} classes)"
    palette = distinct_palette(len(classes))
    return AnnotatedSet(said, classes, palette, tuple(pictures), tuple(problems), drawn=True)


def has_parts(root: Path) -> bool:
    """True where the pictures to measure with are others than those to train on.

    Raises:
        DatasetError: no pictures, or data.yaml is damaged.
        MissingPackageError: PyYAML is not installed.
    """
    content = _description(root)
    with damaged("data.yaml"):
        return _images(root, content, "training") != _images(root, content, "validation")


def _description(root: Path) -> Mapping[str, Any]:
    """Content of data.yaml, empty where there is none."""
    described = next((root / name for name in ("data.yaml", "data.yml") if (root / name).is_file()), None)
    if described is None:
        return {}
    yaml, text = _require_yaml(), read_text(described)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DatasetError(f"{described.name!r} is damaged ({reason}): export it again.") from error
    if not isinstance(content, Mapping):
        raise DatasetError(f"{described.name!r} says nothing of a data set: export it again.")
    return content


def _images(root: Path, content: Mapping[str, Any], split: str) -> Path:
    key = "val" if split == "validation" else "train"
    word = content.get(key)
    candidates = [str(word)] if isinstance(word, str) else []
    candidates += [f"images/{key}", f"{key}/images", "images"]
    for candidate in candidates:
        # Paths of other machines, and those with ../ in front that some exports have, are looked for here.
        for folder in (root / candidate, root / candidate.replace("../", "")):
            inside = folder.resolve().is_relative_to(root.resolve())
            if inside and folder.is_dir():
                return folder
    raise DatasetError(f"{str(root)!r} has no pictures in {' or '.join(candidates)}: check data.yaml.")


def _labels_of(image: Path, root: Path) -> Path:
    """`images` in the path becomes `labels`, as the trainer of YOLO finds them."""
    parts = list(image.relative_to(root).with_suffix(".txt").parts)
    places = [number for number, part in enumerate(parts) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return root.joinpath(*parts)


def _highest(path: Path) -> int:
    if not path.is_file():
        return -1
    with damaged(f"{path.name!r}"):
        return max(
            (int(line.split()[0]) for line in read_text(path).splitlines() if line.strip()), default=-1
        )


def _read(path: Path, count: int) -> tuple[Shape, ...]:
    shapes = []
    text = read_text(path)
    with damaged(f"{path.name!r}"):
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            label, corners = int(words[0]), np.array(words[1:], np.float64)
            if len(corners) == 4:  # a detection: center, width and height of a rectangle
                x, y, width, height = corners
                left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
                corners = np.array([left, top, right, top, right, bottom, left, bottom])
            if not 0 <= label < count or len(corners) < 6 or len(corners) % 2:
                raise DatasetError(
                    f"{path.name!r}, line {number}: no `class x y x y x y ...` of {count} classes."
                )
            if not (np.abs(corners) < 100).all():
                raise DatasetError(f"{path.name!r}, line {number}: coordinates are shares, from 0 to 1.")
            shapes.append(Shape(label, partial(_mask, corners.reshape(-1, 2))))
    return tuple(shapes)


def _mask(corners: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    return fill([corners * (size[1], size[0])], size)


def _require_yaml() -> Any:
    return require_package("yaml", "swinviz[formats]", needed="YOLO needs PyYAML, which")
