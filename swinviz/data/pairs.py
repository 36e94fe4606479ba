"""Images and label maps in two folders, paired by name: what ADE20K and people's own data have in common."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from swinviz.data.dataset import IGNORE_INDEX, Sample
from swinviz.errors import DatasetError, ImageError
from swinviz.images import MAX_PIXELS, read_image
from swinviz.model.config import Color

__all__ = [
    "DatasetCheck",
    "FileDataset",
    "LabeledImages",
    "indices",
    "read_mask",
    "require_folder",
]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")
"""Formats that keep labels exactly; JPEG would invent some along every edge."""


@dataclass(frozen=True, eq=False)
class DatasetCheck:
    """Findings of a scan of a whole data set.

    Attributes:
        images: number of pairs that were read.
        problems: one sentence for each thing that is wrong.
        classes: class names.
        pixels: (K,), how many pixels carry each label.
        ignored: how many pixels carry none.
    """

    images: int
    problems: tuple[str, ...]
    classes: tuple[str, ...]
    pixels: NDArray[np.int64]
    ignored: int

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        total = max(1, int(self.pixels.sum()) + self.ignored)
        absent = [name for name, count in zip(self.classes, self.pixels, strict=True) if not count]
        lines = [
            f"{self.images} images, {len(self.classes)} classes, {100 * self.ignored / total:.1f} % of the "
            f"pixels ignored; {len(self.problems) or 'no'} problem{'' if len(self.problems) == 1 else 's'}.",
        ]
        if absent:
            lines.append(f"No pixel has {'one of these labels' if len(absent) > 1 else 'the label'}: "
                         f"{', '.join(absent)}.")  # fmt: skip
        return "\n".join([*lines, *self.problems])


class FileDataset(Dataset[Sample], ABC):
    """Images and labels in files, and a check of all of them.

    Attributes:
        classes: class names, in the order of the labels.
        palette: one RGB color a class.
        names: name of each image in reports.
        unpaired: one sentence for each image without labels or labels without image.
        recognized: what was found, for a person.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    names: list[str]
    unpaired: list[str]
    recognized: str = "images and masks"

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """Name of an image in reports."""
        return self.names[index]

    def refuse_problems(self, *, strict: bool) -> None:
        """Stop at what `unpaired` lists, if strict.

        Raises:
            DatasetError: something is listed.
        """
        if strict and self.unpaired:
            raise DatasetError(_listed(self.unpaired))

    def check(self, *, progress: bool = True) -> DatasetCheck:
        """Read everything and report all that is wrong at once, instead of stopping at the first."""
        problems = list(self.unpaired)
        counts = np.zeros(256, np.int64)
        for index in tqdm(range(len(self)), desc="checking", unit="image", disable=not progress):
            try:
                _, labels = self[index]
            except (DatasetError, ImageError) as error:
                problems.append(str(error))
                continue
            counts += np.bincount(labels.ravel(), minlength=256)
        return DatasetCheck(
            images=len(self),
            problems=tuple(problems),
            classes=self.classes,
            pixels=counts[: len(self.classes)],
            ignored=int(counts[IGNORE_INDEX]),
        )


class LabeledImages(FileDataset):
    """A folder of images and a folder of masks; image `a/b.jpg` belongs to mask `a/b.png`.

    Args:
        images: folder of the images; subfolders are searched too.
        masks: folder of the masks, laid out in the same way.
        strict: refuse images without a mask and masks without an image; otherwise leave them out, so that
            `check` can report them together with everything else.

    Raises:
        DatasetError: a folder is missing or holds no images, or (if strict) something has no partner.
    """

    def __init__(self, images: Path, masks: Path, *, strict: bool = True) -> None:
        found_images, found_masks = _by_name(images, IMAGE_SUFFIXES), _by_name(masks, MASK_SUFFIXES)
        names = sorted(found_images.keys() & found_masks.keys())
        self.pairs = [(found_images[name], found_masks[name]) for name in names]
        self.names = names
        self.unpaired = [
            f"image {found_images[name].name!r} has no mask {name + '.png'!r} in {str(masks)!r}: add it or "
            "remove the image."
            for name in sorted(found_images.keys() - found_masks.keys())
        ] + [
            f"mask {found_masks[name].name!r} has no image {name + '.jpg'!r} in {str(images)!r}: add it or "
            "remove the mask."
            for name in sorted(found_masks.keys() - found_images.keys())
        ]
        self.refuse_problems(strict=strict)
        if not self.pairs:
            raise DatasetError(
                f"{str(images)!r} holds no image that has a mask in {str(masks)!r}: check both."
            )

    @abstractmethod
    def decode(self, mask: Image.Image, name: str) -> NDArray[np.uint8]:
        """Turn a mask as it is stored into labels (H, W) with `IGNORE_INDEX`.

        Raises:
            DatasetError: the mask holds something that is no label.
        """

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read one pair.

        Raises:
            DatasetError: the two differ in size, or the mask holds something that is no label.
            ImageError: a file cannot be read.
            IndexError: there is no such pair.
        """
        image_path, mask_path = self.pairs[index]
        image, labels = read_image(image_path), self.labels(mask_path)
        if image.shape[:2] != labels.shape:
            raise DatasetError(
                f"image {image_path.name!r} has {image.shape[0]} x {image.shape[1]} pixels and its mask "
                f"{labels.shape[0]} x {labels.shape[1]}: make them the same (was one of them rotated?)."
            )
        return image, labels

    def labels(self, path: Path) -> NDArray[np.uint8]:
        """Read the labels (H, W) of one mask file."""
        return self.decode(read_mask(path), path.name)


def read_mask(path: Path) -> Image.Image:
    """Read a mask file as it is stored, palette indices and all.

    Raises:
        ImageError: it cannot be read, or is too large.
    """
    try:
        with Image.open(path, formats=("PNG", "BMP", "TIFF", "GIF")) as mask:
            if mask.width * mask.height > MAX_PIXELS:
                raise ImageError(
                    f"mask {path.name!r} has {mask.width} x {mask.height} pixels, more than the limit of "
                    f"{MAX_PIXELS / 1e6:g} million: cut it and its image into pieces."
                )
            mask.load()
            return mask
    except (OSError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise ImageError(f"mask {path.name!r} cannot be read ({error}): export or copy it again.") from error


def indices(mask: Image.Image, name: str) -> NDArray[np.integer]:
    """Values (H, W) of a mask that holds numbers, each at least 0.

    Raises:
        DatasetError: a mask of another kind.
    """
    values = np.asarray(mask)
    if values.ndim != 2 or values.dtype.kind not in "bui" or values.min() < 0:
        raise DatasetError(
            f"mask {name!r} is stored as {mask.mode}, not as class numbers: save it as a gray or palette PNG."
        )
    return values


def require_folder(folder: Path, instead: str) -> None:
    """Make sure that there is such a folder.

    Raises:
        DatasetError: there is none; the message ends in `instead`.
    """
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {str(folder)!r}: {instead}.")


def _by_name(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    require_folder(folder, "give the folder that holds it")
    files: Iterable[Path] = (file for file in folder.rglob("*") if file.suffix.lower() in suffixes)
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


def _listed(problems: list[str], shown: int = 5) -> str:
    more = [f"And {len(problems) - shown} more like these."] if len(problems) > shown else []
    return "\n".join([*problems[:shown], *more])
