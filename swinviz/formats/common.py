"""Labeled pictures as the formats exchange them, and files of strangers read within bounds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError, ImageError, MissingPackageError
from swinviz.files import replacing
from swinviz.images import save_image
from swinviz.model.config import Color

__all__ = [
    "UNLABELED",
    "Annotated",
    "AnnotatedSet",
    "FormatWriter",
    "ImageIndex",
    "LabeledPicture",
    "Shape",
    "as_size",
    "damaged",
    "draw",
    "read_classes",
    "read_json",
    "read_xml",
    "same_size",
    "save_picture",
    "write_classes",
    "write_text",
]

UNLABELED: Final = 255
"""Label of pixels without one."""

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
"""Endings of a data set's pictures, in lower case."""

_MOST_BYTES: Final = 2**30  # of an annotation file
_MOST_PIXELS: Final = 64_000_000  # of a picture, as images are read


@dataclass(frozen=True, eq=False)
class LabeledPicture:
    """A picture with its labels, to be written.

    Attributes:
        name: path of its files below a format's folder, without ending.
        image: (H, W, 3).
        labels: (H, W), numbers of classes, or `UNLABELED`.
        score: mean confidence over the picture, 0 to 1.
    """

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    score: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.labels.shape[0], self.labels.shape[1]

    def regions(self) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Give the number of each class that occurs, and where (H, W)."""
        for label in np.unique(self.labels).tolist():
            if label != UNLABELED:
                yield label, self.labels == label


class FormatWriter(Protocol):
    """Writes labeled pictures in one format, each whole or not at all."""

    def files(self, name: str) -> list[Path]:
        """Files that `add` writes for a picture of this name."""
        ...

    def add(self, picture: LabeledPicture) -> None:
        """Write one picture's files."""
        ...

    def finish(self, names: Sequence[str]) -> None:
        """Write what there is once for all pictures: these names, in this order."""
        ...


@dataclass(frozen=True, eq=False)
class Shape:
    """One labeled area of a picture.

    Attributes:
        label: number of its class.
        mask: (height, width) in pixels -> (H, W), true inside.
    """

    label: int
    mask: Callable[[tuple[int, int]], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Annotated:
    """One picture of an annotated set.

    Attributes:
        image: path of the picture.
        name: its name in reports.
        labels: (height, width) in pixels -> labels (H, W), where `UNLABELED` is none.
    """

    image: Path
    name: str
    labels: Callable[[tuple[int, int]], NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class AnnotatedSet:
    """An annotated set of pictures that was read.

    Attributes:
        recognized: name of the format and what was found, for a person.
        classes: class names, in the order of the labels.
        palette: one RGB color a class.
        pictures: the pictures whose files are there.
        problems: one sentence for each thing that is wrong.
        drawn: whether areas are drawn, so that pixels without a label are those that no area covers.
    """

    recognized: str
    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    pictures: tuple[Annotated, ...]
    problems: tuple[str, ...] = ()
    drawn: bool = False


def same_size(said: tuple[int, int], shown: tuple[int, int]) -> None:
    """Make sure that an annotation and its picture, each (height, width), have one size.

    Raises:
        DatasetError: they differ.
    """
    if said != shown:
        raise DatasetError(
            f"its annotation is for {said[1]} x {said[0]} pixels, the picture has {shown[1]} x {shown[0]}: "
            "was one of them turned or resized?"
        )


def draw(shapes: Sequence[Shape], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw labels (H, W), the largest areas first so that small ones on them stay; the rest is `UNLABELED`.

    Args:
        shapes: areas; of equal ones the later is on top.
        size: (height, width) in pixels.

    Raises:
        DatasetError: an area is damaged or does not fit the picture.
    """
    with damaged("its annotation"):
        areas = [(shape.label, np.flatnonzero(shape.mask(size))) for shape in shapes]
    labels = np.full(size, UNLABELED, np.uint8)
    for label, inside in sorted(areas, key=lambda area: -len(area[1])):
        labels.flat[inside] = label
    return labels


@contextmanager
def damaged(what: str) -> Iterator[None]:
    """Turn whatever a damaged annotation makes Python raise into one sentence.

    Raises:
        DatasetError: something was raised; one of ours passes.
    """
    try:
        yield
    except (DatasetError, ImageError, MissingPackageError):
        raise
    except (
        *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError),
        *(StopIteration, ZeroDivisionError, MemoryError, FloatingPointError, EOFError),
        *(ElementTree.ParseError, UnicodeError),
    ) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DatasetError(f"{what} is damaged ({reason}): export it again.") from error


def read_text(path: Path) -> str:
    """Read an annotation file.

    Raises:
        DatasetError: it is not there, too large, or no text in UTF-8.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DatasetError(f"{path.name!r} has more than {_MOST_BYTES >> 20} MiB: split it.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name!r} is not a text file in UTF-8: export it again.") from error
    except OSError as error:
        raise DatasetError(f"{path.name!r} cannot be read ({error.strerror}): check the path.") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DatasetError: it cannot be read, or is no JSON.
    """
    text = read_text(path)
    with damaged(f"{path.name!r}"):
        return json.loads(text)


def read_xml(path: Path) -> ElementTree.Element:
    """Read an XML file without entities of its own.

    Raises:
        DatasetError: it cannot be read, is no XML, or declares entities, with which a short file can become a
            very long one.
    """
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DatasetError(
            f"{path.name!r} declares a document type, which no annotation needs: export it again."
        )
    with damaged(f"{path.name!r}"):
        return ElementTree.fromstring(text)  # entities are refused above


def as_size(height: Any, width: Any) -> tuple[int, int]:
    """Read a size (height, width) in pixels.

    Raises:
        DatasetError: no size that a picture can have.
    """
    size = int(height), int(width)
    if min(size) < 1 or size[0] * size[1] > _MOST_PIXELS:
        raise DatasetError(f"a size of {size[1]} x {size[0]} pixels is none that a picture has here.")
    return size


class ImageIndex:
    """The pictures below a folder, found by what an annotation calls them.

    Args:
        root: folder that is searched with its subfolders.
        inside: names of subfolders that may be left out, such as `images`.
    """

    def __init__(self, root: Path, inside: Sequence[str] = ("images",)) -> None:
        self._root, self._inside = root, inside
        self._paths: dict[str, Path] = {}
        self._names: dict[str, list[Path]] = {}
        seen = set()
        for parent, folders, names in os.walk(root, followlinks=True):  # pictures are often linked
            real = os.path.realpath(parent)
            folders[:] = [] if real in seen else sorted(folders)
            if real in seen:
                continue
            seen.add(real)
            for name in sorted(names):
                path = Path(parent, name)
                if path.suffix.lower() in IMAGE_SUFFIXES:
                    self._paths[path.relative_to(root).as_posix()] = path
                    self._names.setdefault(name, []).append(path)

    def find(self, called: str) -> Path | None:
        """Find a picture by its path, or by its name alone if only one has it; never outside the folder."""
        tidy = called.replace("\\", "/").lstrip("/")
        for folder in ("", *(f"{name}/" for name in self._inside)):
            if folder + tidy in self._paths:
                return self._paths[folder + tidy]
        same = self._names.get(tidy.rpartition("/")[2], [])
        ends = [path for path in same if path.as_posix().endswith("/" + tidy)]
        return (ends or same)[0] if len(ends or same) == 1 else None


def missing(called: str, root: Path) -> str:
    """Sentence for a picture that an annotation names and that is not there."""
    return f"picture {called[:120]!r} is annotated, but not below {str(root)!r}: add it, or annotate it not."


def save_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture (H, W, 3), and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, image)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_classes(folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> None:
    """Write classes.json: names and colors, for formats that have no place for all of them."""
    content = [
        {"name": name, "color": "#{:02x}{:02x}{:02x}".format(*color)}
        for name, color in zip(classes, palette, strict=True)
    ]
    write_text(folder / "classes.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_classes(folder: Path) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    """Read names and colors from classes.json; none where there is no such file.

    Raises:
        DatasetError: the file is damaged.
    """
    path = folder / "classes.json"
    if not path.is_file():
        return (), ()
    content = read_json(path)
    with damaged(f"{path.name!r}"):
        names = tuple(str(entry["name"]) for entry in content)
        codes = [bytes.fromhex(str(entry["color"]).removeprefix("#")) for entry in content]
        return names, tuple((code[0], code[1], code[2]) for code in codes)


class Parts:
    """Pieces of a file that all pictures share, kept one a picture until they are put together.

    So a run that was killed goes on, and no more than one piece is in memory.

    Args:
        folder: a hidden folder for the pieces.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """File of a picture's piece."""
        return self._folder / f"{name}.json"

    def add(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a picture's piece."""
        write_text(self.path(name), json.dumps(content))

    def read(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give the pieces that there are, in the order of the names."""
        for name in names:
            if self.path(name).is_file():
                yield read_json(self.path(name))
