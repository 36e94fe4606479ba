"""Anybody's own images and masks in two folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm.auto import tqdm

from swinviz.config import Colour, distinct_palette
from swinviz.data.pairs import IGNORED, LabelledImages, indices, read_mask, require_folder
from swinviz.errors import DatasetError

__all__ = ["Folder", "LabelTable"]


@dataclass(frozen=True)
class LabelTable:
    """Class names and colours, and the colours that mean nothing.

    Attributes:
        classes: class names, in the order of the labels.
        palette: one RGB colour a class.
        coloured: whether the colours were given; otherwise they were made up and masks cannot use them.
        ignored: colours of pixels without a label.
    """

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    coloured: bool = True
    ignored: tuple[Colour, ...] = ()

    @classmethod
    def read(cls, path: Path) -> LabelTable:
        """Read a labels.txt: one class a line, in the order of the labels, each as `name` or `R G B name`.

        Empty lines and lines that begin with # say nothing; the name `ignore` marks a colour without a label.

        Raises:
            DatasetError: no text file, a line that is neither, a name or colour given twice, or more than
                255 classes.
        """
        names: list[str] = []
        colours: list[Colour] = []
        ignored: list[Colour] = []
        for number, line in enumerate(_lines(path), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            colour = _colour(words[:3])
            name = " ".join(words[3:] if colour else words)
            if not name:
                raise DatasetError(f"{path.name!r}, line {number}: {line!r} has no name; write `R G B name`.")
            if name == "ignore":
                ignored += [colour] if colour else []
                continue
            if name in names or colour in colours:
                raise DatasetError(
                    f"{path.name!r}, line {number}: {line!r} repeats a name or colour; remove it."
                )
            names.append(name)
            colours += [colour] if colour else []
        if not 1 <= len(names) <= IGNORED:
            raise DatasetError(f"{path.name!r} names {len(names)} classes: name 1 to {IGNORED}, one a line.")
        if colours and len(colours) != len(names):
            raise DatasetError(
                f"{path.name!r} gives colours for some classes only: give all of them or none."
            )
        palette = tuple(colours) or distinct_palette(len(names))
        return cls(tuple(names), palette, coloured=bool(colours), ignored=tuple(ignored))


class Folder(LabelledImages):
    """Images (H, W, 3) and labels (H, W) from `root/images` and `root/masks`, 255 ignored.

    A mask is either a picture of indices (gray or palette PNG), whose values are the labels, or a picture in
    RGB, whose colours are the classes'. Names and colours come from `root/labels.txt` (see
    `LabelTable.read`); without one, all masks are scanned for the labels or colours that they hold.

    Args:
        root: the folder that holds the others.
        split: subfolder of both, such as `training`; empty for none.
        images: name of the images' folder.
        masks: name of the masks' folder.
        strict: as for `LabelledImages`.

    Raises:
        DatasetError: a folder is missing or empty, labels.txt cannot be understood, the masks hold more than
            255 colours, or (if strict) something has no partner.
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
        """Turn indices or colours into labels (H, W).

        Raises:
            DatasetError: an index or a colour that is no class's.
        """
        if mask.mode not in ("RGB", "RGBA"):
            return self._from_numbers(indices(mask, name), name)
        if not self.table.coloured:
            raise DatasetError(
                f"mask {name!r} is in RGB but labels.txt gives no colours: write `R G B name` on each line."
            )
        return self._from_colours(np.asarray(mask.convert("RGB")), name)

    def scan(self, *, progress: bool = True) -> LabelTable:
        """Find the classes by reading every mask; they are called class_0, class_1, ... or by their colours.

        Raises:
            DatasetError: RGB masks with more than 255 colours, which no palette was used for.
        """
        highest, palette = -1, None
        codes: set[int] = set()
        for _, path in tqdm(self.pairs, desc="looking for classes", unit="mask", disable=not progress):
            mask = read_mask(path)
            if mask.mode in ("RGB", "RGBA"):
                codes.update(np.unique(_packed(np.asarray(mask.convert("RGB")))).tolist())
                if len(codes) > IGNORED:
                    raise DatasetError(
                        f"the masks up to {path.name!r} hold more than {IGNORED} colours, so they are "
                        "blurred: save them as PNG without smoothing, or list the colours in labels.txt."
                    )
            else:
                numbers = indices(mask, path.name).astype(np.int64)
                highest = max(highest, int(numbers[numbers != IGNORED].max(initial=-1)))
                palette = palette or mask.getpalette()
        if codes:
            colours = tuple((code >> 16, code >> 8 & 255, code & 255) for code in sorted(codes))
            return LabelTable(tuple("#{:02x}{:02x}{:02x}".format(*colour) for colour in colours), colours)
        if highest > IGNORED:
            raise DatasetError(
                f"the masks hold labels up to {highest}: number the classes from 0 to at most {IGNORED - 1}."
            )
        count = max(1, highest + 1)
        names = tuple(f"class_{label}" for label in range(count))
        if palette is None or len(palette) < 3 * count:
            return LabelTable(names, distinct_palette(count), coloured=False)
        triples = np.reshape(palette[: 3 * count], (count, 3)).tolist()
        return LabelTable(names, tuple((red, green, blue) for red, green, blue in triples), coloured=False)

    def _from_numbers(self, numbers: NDArray[np.integer], name: str) -> NDArray[np.uint8]:
        wrong = numbers[(numbers >= len(self.classes)) & (numbers != IGNORED)]
        if wrong.size:
            raise DatasetError(
                f"mask {name!r} holds the label {wrong.max()}, but there are {len(self.classes)} classes, "
                f"counted from 0: name it in labels.txt or use {IGNORED} for pixels without a label."
            )
        return numbers.astype(np.uint8)

    def _from_colours(self, mask: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
        known = np.array([*self.palette, *self.table.ignored], np.uint8)
        labels = np.array([*range(len(self.palette)), *(IGNORED for _ in self.table.ignored)], np.uint8)
        codes = _packed(known)
        order = np.argsort(codes)
        pixels = _packed(mask)
        places = np.searchsorted(codes[order], pixels).clip(max=len(codes) - 1)
        unknown = codes[order][places] != pixels
        if unknown.any():
            first = mask[unknown][0]
            raise DatasetError(
                f"mask {name!r} holds the colour {' '.join(map(str, first))} in {unknown.sum()} pixels, "
                "which labels.txt does not list: add a line for it (`R G B ignore` for no label)."
            )
        return labels[order][places]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name!r} is not a text file in UTF-8: save it as one.") from error


def _colour(words: list[str]) -> Colour | None:
    if len(words) < 3 or not all(word.isdecimal() and int(word) <= 255 for word in words):
        return None
    red, green, blue = (int(word) for word in words)
    return red, green, blue


def _packed(colours: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """One number a colour: (..., 3) -> (...)."""
    red, green, blue = np.moveaxis(colours.astype(np.uint32), -1, 0)
    return red << 16 | green << 8 | blue
