"""Cityscapes' layout: leftImg8bit and gtFine, each by split and city.

Source: mcordts/cityscapesScripts, README and cityscapesscripts/helpers/labels.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError
from swinviz.formats.common import (
    UNLABELED,
    Annotated,
    AnnotatedSet,
    LabeledPicture,
    damaged,
    read_classes,
    read_text,
    same_size,
    save_picture,
    write_classes,
    write_text,
)
from swinviz.formats.voc import BACKGROUND, open_mask
from swinviz.images import save_image
from swinviz.model.config import Color, distinct_palette

__all__ = ["CITYSCAPES", "CityscapesWriter", "read_cityscapes"]

SPLIT, CITY = "train", "swinviz"

CITYSCAPES: Final[tuple[tuple[int, str, Color], ...]] = (
    (7, "road", (128, 64, 128)), (8, "sidewalk", (244, 35, 232)), (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)), (13, "fence", (190, 153, 153)), (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)), (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)), (22, "terrain", (152, 251, 152)), (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)), (25, "rider", (255, 0, 0)), (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)), (28, "bus", (0, 60, 100)), (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)), (33, "bicycle", (119, 11, 32)),
)  # fmt: skip
"""Id, name and color of the 19 classes that are evaluated."""


class CityscapesWriter:
    """Writes leftImg8bit/train/swinviz, gtFine/train/swinviz and label_colors.txt.

    A model of Cityscapes' own 19 classes gets their ids. Others have ids of their own, from 1, which
    label_colors.txt names (`r g b name`, in the order of the ids), as datumaro reads it: after a background,
    and without spaces in the names, which classes.json keeps. Id 0 is unlabeled in both.

    Args:
        folder: where.
        classes: class names.
        palette: their colors.
    """

    def __init__(self, folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> None:
        self._folder, self._classes = folder, classes
        self._palette = tuple(palette) if (0, 0, 0) not in palette else distinct_palette(len(classes))
        official = {name: number for number, name, _ in CITYSCAPES}
        self._own = set(classes) != set(official)
        ids = range(1, len(classes) + 1) if self._own else (official[name] for name in classes)
        self._ids = np.zeros(256, np.uint8)
        self._ids[: len(classes)] = list(ids)

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        flat = name.replace("/", "_")
        truth = self._folder / "gtFine" / SPLIT / CITY
        return [
            self._folder / "leftImg8bit" / SPLIT / CITY / f"{flat}_leftImg8bit.png",
            *(truth / f"{flat}_gtFine_{kind}.png" for kind in ("labelIds", "color", "instanceIds")),
        ]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture, its ids, and its colors; no class has instances, so their ids are the classes'."""
        image, label_ids, color, instance_ids = self.files(picture.name)
        save_picture(image, picture.image)
        table = np.zeros((256, 3), np.uint8)
        table[: len(self._palette)] = self._palette
        for path, content in (
            (label_ids, self._ids[picture.labels]),
            (color, table[picture.labels]),
            (instance_ids, self._ids[picture.labels]),
        ):
            save_picture(path, content) if content.ndim == 3 else _save_gray(path, content)

    def finish(self, names: Sequence[str]) -> None:
        """Write the names and colors of ids of our own."""
        if self._own:
            rows = [((0, 0, 0), BACKGROUND), *zip(self._palette, self._classes, strict=True)]
            lines = (" ".join([*map(str, color), "_".join(name.split())]) + "\n" for color, name in rows)
            write_text(self._folder / "label_colors.txt", "".join(lines))
            write_classes(self._folder, self._classes, self._palette)


def _save_gray(path: Path, values: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, values)


def read_cityscapes(root: Path, split: str = "") -> AnnotatedSet:
    """Read gtFine's labelIds: Cityscapes' 19 classes, or those of label_colors.txt.

    Args:
        root: the folder of gtFine and leftImg8bit.
        split: `training` or `validation`; by default training.

    Raises:
        DatasetError: no pictures, or label_colors.txt is damaged.
    """
    word = {"": "train", "training": "train", "validation": "val"}.get(split, split)
    truth, images = root / "gtFine" / word, root / "leftImg8bit" / word
    names, table, palette = _names(root)
    pictures, problems = [], []
    for path in sorted(truth.rglob("*_gtFine_labelIds.png")):
        name = path.name.removesuffix("_gtFine_labelIds.png")
        image = images / path.relative_to(truth).parent / f"{name}_leftImg8bit.png"
        if image.is_file():
            pictures.append(Annotated(image, name, partial(_labels, path, table)))
        else:
            problems.append(f"mask {path.name!r} has no picture {image.name!r} in leftImg8bit: add it.")
    if not pictures:
        raise DatasetError(problems[0] if problems else f"{str(truth)!r} holds no *_gtFine_labelIds.png.")
    said = f"Cityscapes layout ({len(pictures)} pictures, {len(names)} classes)"
    return AnnotatedSet(said, names, palette, tuple(pictures), tuple(problems))


def _names(root: Path) -> tuple[tuple[str, ...], tuple[int, ...], tuple[Color, ...]]:
    """Class names, the label of each of 256 ids (-1 for ids that there are not), and colors."""
    path = root / "label_colors.txt"
    if not path.is_file():
        table = [-1] * 256
        table[:34] = [UNLABELED] * 34
        table[UNLABELED] = UNLABELED
        for number, (identity, _, _) in enumerate(CITYSCAPES):
            table[identity] = number
        return tuple(n for _, n, _ in CITYSCAPES), tuple(table), tuple(c for _, _, c in CITYSCAPES)
    names, palette = [], []
    text = read_text(path)
    full, _ = read_classes(root)
    first = 0
    with damaged(f"{path.name!r}"):
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                red, green, blue, name = line.split(maxsplit=3)
                names.append(name)
                palette.append((int(red) & 255, int(green) & 255, int(blue) & 255))
    if names[:1] == [BACKGROUND]:
        first, names, palette = 1, names[1:], palette[1:]
    if ["_".join(name.split()) for name in full] == names:
        names = list(full)
    if not 1 <= len(names) <= 255:
        raise DatasetError(f"{path.name!r} names {len(names)} classes: 1 to 255 can be told apart.")
    own = [-1] * 256
    own[first : first + len(names)] = range(len(names))
    own[UNLABELED] = UNLABELED
    if first:
        own[0] = UNLABELED
    return tuple(names), tuple(own), tuple(palette)


def _labels(path: Path, table: tuple[int, ...], size: tuple[int, int]) -> NDArray[np.uint8]:
    mask = open_mask(path)
    same_size((mask.height, mask.width), size)
    if mask.mode not in ("L", "P"):
        raise DatasetError(f"mask {path.name!r} is stored as {mask.mode}, not as gray ids: export it again.")
    labels = np.array(table)[np.asarray(mask, np.uint8)]
    if (labels < 0).any():
        raise DatasetError(f"mask {path.name!r} holds ids that no class has: check label_colors.txt.")
    return labels.astype(np.uint8)
