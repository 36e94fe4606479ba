"""Pascal VOC's layout: pictures, palette masks, a list, and a label map as CVAT and datumaro write it.

Sources: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ (development kit, 4.2); CVAT's documentation,
"Segmentation mask 1.1" (labelmap.txt: `name:r,g,b:parts:actions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.errors import DatasetError
from swinviz.formats.common import (
    UNLABELED,
    Annotated,
    AnnotatedSet,
    ImageIndex,
    LabeledPicture,
    damaged,
    missing,
    read_text,
    same_size,
    save_picture,
    write_text,
)
from swinviz.images import save_image
from swinviz.model.config import Color, distinct_palette

__all__ = ["VocWriter", "open_mask", "read_voc"]

SPLIT = "default"
BACKGROUND: Final = "background"
VOID: Final[Color] = (224, 224, 192)
"""Color of pixels that count for nothing, index 255."""

VOC_CLASSES: Final = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
    "tvmonitor",
)  # fmt: skip
"""The classes of VOC 2012, for folders without labelmap.txt."""


class VocWriter:
    """Writes JPEGImages, SegmentationClass, ImageSets/Segmentation/default.txt and labelmap.txt.

    Index 0 and black are the background that the format wants, and which no pixel of ours is; pixels without
    a label are void. Where two classes share a color, or one is black, other colors are written.

    Args:
        folder: where.
        classes: class names; indices count from 1.
        palette: their colors.

    Raises:
        DatasetError: more than 254 classes.
    """

    def __init__(self, folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> None:
        if len(classes) > 254:
            raise DatasetError(
                f"a VOC mask tells 254 classes apart, not {len(classes)}: choose another format."
            )
        self._folder, self._classes = folder, classes
        apart = len(set(palette)) == len(palette) and not {(0, 0, 0), VOID} & set(palette)
        self._palette = tuple(palette) if apart else distinct_palette(len(classes))

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        return [
            self._folder / "JPEGImages" / f"{name}.jpg",
            self._folder / "SegmentationClass" / f"{name}.png",
        ]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture and its mask."""
        image, mask = self.files(picture.name)
        save_picture(image, picture.image)
        indices = np.where(picture.labels == UNLABELED, UNLABELED, picture.labels + np.uint8(1)).astype(
            np.uint8
        )
        indexed = Image.fromarray(indices).convert("P")
        table = np.zeros((256, 3), np.uint8)
        table[1 : len(self._palette) + 1] = self._palette
        table[UNLABELED] = VOID
        indexed.putpalette(table.tobytes())
        mask.parent.mkdir(parents=True, exist_ok=True)
        save_image(mask, indexed)

    def finish(self, names: Sequence[str]) -> None:
        """Write the list and the label map."""
        write_text(
            self._folder / "ImageSets" / "Segmentation" / f"{SPLIT}.txt", "".join(f"{n}\n" for n in names)
        )
        rows = [(BACKGROUND, (0, 0, 0)), *zip(self._classes, self._palette, strict=True)]
        lines = ("{}:{},{},{}::\n".format(name.replace(":", " "), *color) for name, color in rows)
        write_text(self._folder / "labelmap.txt", "# label:color_rgb:parts:actions\n" + "".join(lines))


def read_voc(root: Path, split: str = "") -> AnnotatedSet:
    """Read SegmentationClass masks: by their colors with a labelmap.txt, else by VOC's own indices.

    A label map's background is what nobody labeled; VOC's own background is a class.

    Args:
        root: the folder of SegmentationClass.
        split: `training` or `validation`, for its list in ImageSets/Segmentation; by default all masks.

    Raises:
        DatasetError: no masks, or a list or label map that is damaged.
    """
    masks = root / "SegmentationClass"
    listed = root / "labelmap.txt"
    if listed.is_file():
        classes, palette, colors = _label_map(listed)
    else:
        classes, palette, colors = VOC_CLASSES, _voc_palette(len(VOC_CLASSES)), None
    names = _names(root, split) or sorted(
        path.relative_to(masks).with_suffix("").as_posix() for path in masks.rglob("*.png")
    )
    if not names:
        raise DatasetError(f"{str(masks)!r} holds no .png masks: check the folder.")
    index = (
        ImageIndex(root / "JPEGImages") if (root / "JPEGImages").is_dir() else ImageIndex(root, ("images",))
    )
    pictures, problems = [], []
    for name in names:
        image = next(filter(None, (index.find(name + end) for end in (".jpg", ".jpeg", ".png"))), None)
        mask = masks / f"{name}.png"
        if image is None or image == mask:
            problems.append(missing(name, root))
        elif not mask.is_file() or not mask.resolve().is_relative_to(root.resolve()):
            problems.append(f"picture {name!r} is listed, but has no mask in SegmentationClass: add it.")
        else:
            pictures.append(Annotated(image, name, partial(_labels, mask, colors, len(classes))))
    said = f"Pascal VOC masks ({len(pictures)} pictures, {len(classes)} classes)"
    return AnnotatedSet(said, classes, palette, tuple(pictures), tuple(problems))


def open_mask(path: Path) -> Image.Image:
    """Read a PNG mask as it is stored.

    Raises:
        DatasetError: it cannot be read, or is too large.
    """
    try:
        with Image.open(path, formats=("PNG",)) as mask:
            if mask.width * mask.height > 64_000_000:
                raise DatasetError(
                    f"mask {path.name!r} has {mask.width} x {mask.height} pixels: cut it into pieces."
                )
            mask.load()
            return mask
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"mask {path.name!r} cannot be read ({error}): export it again.") from error


def _labels(
    path: Path, colors: dict[Color, int] | None, count: int, size: tuple[int, int]
) -> NDArray[np.uint8]:
    mask = open_mask(path)
    same_size((mask.height, mask.width), size)
    if colors is None:
        if mask.mode not in ("P", "L"):
            raise DatasetError(f"mask {path.name!r} holds colors: a labelmap.txt has to name them.")
        indices = np.asarray(mask, np.uint8)
        wrong = indices[(indices >= count) & (indices != UNLABELED)]
        if wrong.size:
            raise DatasetError(
                f"mask {path.name!r} holds index {wrong.max()}, but there are {count} classes."
            )
        return indices.copy()
    rgb = np.asarray(mask.convert("RGB"), np.uint32)
    codes = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    labels = np.full(size, UNLABELED, np.uint8)
    for code in np.unique(codes).tolist():
        color = (code >> 16, code >> 8 & 255, code & 255)
        if color not in colors:
            raise DatasetError(
                f"mask {path.name!r} holds the color {color}, which labelmap.txt does not name."
            )
        labels[codes == code] = colors[color]
    return labels


def _label_map(path: Path) -> tuple[tuple[str, ...], tuple[Color, ...], dict[Color, int]]:
    """Classes, their colors, and the label of each color; background and void are none."""
    rows: list[tuple[str, Color]] = []
    text = read_text(path)
    with damaged(f"{path.name!r}"):
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                name, color, *_ = line.split(":")
                red, green, blue = (int(level) for level in color.split(","))
                if not 0 <= min(red, green, blue) <= max(red, green, blue) <= 255:
                    raise DatasetError(f"{path.name!r} has the color {color!r}: levels are 0 to 255.")
                rows.append((name, (red, green, blue)))
    classes = [(name, color) for name, color in rows if name.casefold() != BACKGROUND]
    if not 1 <= len(classes) <= 255 or len({color for _, color in rows}) != len(rows):
        raise DatasetError(f"{path.name!r} has no classes, more than 255, or two of one color: mend it.")
    colors = {(0, 0, 0): UNLABELED, VOID: UNLABELED}
    colors |= {color: UNLABELED for name, color in rows if name.casefold() == BACKGROUND}
    colors |= {color: number for number, (_, color) in enumerate(classes)}
    return tuple(name for name, _ in classes), tuple(color for _, color in classes), colors


def _names(root: Path, split: str) -> list[str]:
    """Names of a split's list, if there is one."""
    words = {"training": ("train",), "validation": ("val",)}.get(split, (split,)) if split else (SPLIT,)
    for word in words:
        path = root / "ImageSets" / "Segmentation" / f"{word}.txt"
        if path.is_file():
            return [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if split:
        raise DatasetError(
            f"{str(root)!r} has no list ImageSets/Segmentation/{words[0]}.txt: choose another split."
        )
    return []


def _voc_palette(count: int) -> tuple[Color, ...]:
    """VOC's colors: the bits of the index, spread over red, green and blue."""
    colors = []
    for index in range(count):
        red = green = blue = 0
        for bit in range(8):
            shift, rest = 7 - bit, index >> 3 * bit
            red, green, blue = (
                red | (rest & 1) << shift,
                green | (rest >> 1 & 1) << shift,
                blue | (rest >> 2 & 1) << shift,
            )
        colors.append((red, green, blue))
    return tuple(colors)
