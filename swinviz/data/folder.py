"""Anybody's own images and masks in two folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm.auto import tqdm

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.pairs import LabeledImages, indices, read_mask, require_folder
from swinviz.errors import DatasetError
from swinviz.model.config import Color, distinct_palette

__all__ = ["Folder", "LabelTable"]


@dataclass(frozen=True)
class LabelTable:
    """Class names and colors, and the colors that mean nothing.

    Attributes:
        classes: class names, in the order of the labels.
        palette: one RGB color a class.
        colored: whether the colors were given; otherwise they were made up and masks cannot use them.
        ignored: colors of pixels without a label.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    colored: bool = True
    ignored: tuple[Color, ...] = ()

    @classmethod
    def read(cls, path: Path) -> LabelTable:
        """Read a labels.txt: one class a line, in the order of the labels, each as `name` or `R G B name`.

        Empty lines and lines that begin with # say nothing; the name `ignore` marks a color without a label.

        Raises:
            DatasetError: no text file, a line that is neither, a name or color given twice, or more than
                255 classes.
        """
        names: list[str] = []
        colors: list[Color] = []
        ignored: list[Color] = []
        for number, line in enumerate(_lines(path), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            color = _color(words[:3])
            name = " ".join(words[3:] if color else words)
            if not name:
                raise DatasetError(f"{path.name!r}, line {number}: {line!r} has no name; write `R G B name`.")
            if name == "ignore":
                ignored += [color] if color else []
                continue
            if name in names or color in colors:
                raise DatasetError(
                    f"{path.name!r}, line {number}: {line!r} repeats a name or color; remove it."
                )
            names.append(name)
            colors += [color] if color else []
        if not 1 <= len(names) <= IGNORE_INDEX:
            raise DatasetError(
                f"{path.name!r} names {len(names)} classes: name 1 to {IGNORE_INDEX}, one a line."
            )
        if colors and len(colors) != len(names):
            raise DatasetError(f"{path.name!r} gives colors for some classes only: give all of them or none.")
        palette = tuple(colors) or distinct_palette(len(names))
        return cls(tuple(names), palette, colored=bool(colors), ignored=tuple(ignored))


class Folder(LabeledImages):
    """Images (H, W, 3) and labels (H, W) from `root/images` and `root/masks`, 255 ignored.

    A mask is either a picture of indices (gray or palette PNG), whose values are the labels, or a picture in
    RGB, whose colors are the classes'. Names and colors come from `root/labels.txt` (see
    `LabelTable.read`); without one, all masks are scanned for the labels or colors that they hold.

    Args:
        root: the folder that holds the others.
        split: subfolder of both, such as `training`; empty for none.
        images: name of the images' folder.
        masks: name of the masks' folder.
        strict: as for `LabeledImages`.

    Raises:
        DatasetError: a folder is missing or empty, labels.txt cannot be understood, the masks hold more than
            255 colors, or (if strict) something has no partner.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "",
        *,
        images: str = "images",
        masks: str = "masks",
        strict: bool = True,
    ) -> None:
        self.root = Path(root)
        folders = self.root / images / split, self.root / masks / split
        for folder in folders:
            require_folder(folder, f"give a folder that holds {images}/ and {masks}/")
        super().__init__(*folders, strict=strict)
        listed = self.root / "labels.txt"
        self.table = LabelTable.read(listed) if listed.is_file() else self.scan()
        self.classes, self.palette = self.table.classes, self.table.palette

    def decode(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Turn indices or colors into labels (H, W).

        Raises:
            DatasetError: an index or a color that is no class's.
        """
        if mask.mode not in ("RGB", "RGBA"):
            return self._from_numbers(indices(mask, name), name)
        if not self.table.colored:
            raise DatasetError(
                f"mask {name!r} is in RGB but labels.txt gives no colors: write `R G B name` on each line."
            )
        return self._from_colors(np.asarray(mask.convert("RGB")), name)

    def scan(self, *, progress: bool = True) -> LabelTable:
        """Find the classes by reading every mask; they are called class_0, class_1, ... or by their colors.

        Raises:
            DatasetError: RGB masks with more than 255 colors, which no palette was used for.
        """
        highest, palette = -1, None
        codes: set[int] = set()
        for _, path in tqdm(self.pairs, desc="looking for classes", unit="mask", disable=not progress):
            mask = read_mask(path)
            if mask.mode in ("RGB", "RGBA"):
                codes.update(np.unique(_packed(np.asarray(mask.convert("RGB")))).tolist())
                if len(codes) > IGNORE_INDEX:
                    raise DatasetError(
                        f"the masks up to {path.name!r} hold more than {IGNORE_INDEX} colors, so they are "
                        "blurred: save them as PNG without smoothing, or list the colors in labels.txt."
                    )
            else:
                numbers = indices(mask, path.name).astype(np.int64)
                highest = max(highest, int(numbers[numbers != IGNORE_INDEX].max(initial=-1)))
                palette = palette or mask.getpalette()
        if codes:
            colors = tuple((code >> 16, code >> 8 & 255, code & 255) for code in sorted(codes))
            return LabelTable(tuple("#{:02x}{:02x}{:02x}".format(*color) for color in colors), colors)
        if highest > IGNORE_INDEX:
            raise DatasetError(
                f"the masks hold labels up to {highest}: number the classes from 0 to at most "
                f"{IGNORE_INDEX - 1}."
            )
        count = max(1, highest + 1)
        names = tuple(f"class_{label}" for label in range(count))
        if palette is None or len(palette) < 3 * count:
            return LabelTable(names, distinct_palette(count), colored=False)
        triples = np.reshape(palette[: 3 * count], (count, 3)).tolist()
        return LabelTable(names, tuple((red, green, blue) for red, green, blue in triples), colored=False)

    def _from_numbers(self, numbers: NDArray[np.integer], name: str) -> NDArray[np.uint8]:
        wrong = numbers[(numbers >= len(self.classes)) & (numbers != IGNORE_INDEX)]
        if wrong.size:
            raise DatasetError(
                f"mask {name!r} holds the label {wrong.max()}, but there are {len(self.classes)} classes, "
                f"counted from 0: name it in labels.txt or use {IGNORE_INDEX} for pixels without a label."
            )
        return numbers.astype(np.uint8)

    def _from_colors(self, mask: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
        known = np.array([*self.palette, *self.table.ignored], np.uint8)
        labels = np.array([*range(len(self.palette)), *(IGNORE_INDEX for _ in self.table.ignored)], np.uint8)
        codes = _packed(known)
        order = np.argsort(codes)
        pixels = _packed(mask)
        places = np.searchsorted(codes[order], pixels).clip(max=len(codes) - 1)
        unknown = codes[order][places] != pixels
        if unknown.any():
            first = mask[unknown][0]
            raise DatasetError(
                f"mask {name!r} holds the color {' '.join(map(str, first))} in {unknown.sum()} pixels, "
                "which labels.txt does not list: add a line for it (`R G B ignore` for no label)."
            )
        return labels[order][places]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name!r} is not a text file in UTF-8: save it as one.") from error


def _color(words: list[str]) -> Color | None:
    if len(words) < 3 or not all(word.isdecimal() and int(word) <= 255 for word in words):
        return None
    red, green, blue = (int(word) for word in words)
    return red, green, blue


def _packed(colors: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """One number a color: (..., 3) -> (...)."""
    red, green, blue = np.moveaxis(colors.astype(np.uint32), -1, 0)
    return red << 16 | green << 8 | blue
