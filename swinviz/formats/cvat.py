"""CVAT for images 1.1: one XML file with masks, and polygons when reading.

Source: CVAT's documentation, "CVAT for images 1.1" (`mask` with rle, left, top, width, height).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError
from swinviz.files import replacing
from swinviz.formats.common import (
    Annotated,
    AnnotatedSet,
    ImageIndex,
    LabeledPicture,
    Parts,
    Shape,
    as_size,
    damaged,
    draw,
    missing,
    read_xml,
    same_size,
    save_picture,
    write_text,
)
from swinviz.formats.outlines import fill
from swinviz.formats.runs import cvat_runs, from_cvat_runs
from swinviz.model.config import Color, distinct_palette

__all__ = ["CvatWriter", "read_cvat"]


class CvatWriter:
    """Writes annotations.xml, labels.json (for the project's "Raw" labels) and images/; a class is one mask.

    Args:
        folder: where.
        classes: class names.
        palette: their colors.
    """

    def __init__(self, folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> None:
        self._folder, self._classes, self._palette = folder, classes, palette
        self._parts = Parts(folder / ".parts")

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        return [self._parts.path(name), self._folder / "images" / f"{name}.jpg"]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture and its masks."""
        save_picture(self._folder / "images" / f"{picture.name}.jpg", picture.image)
        height, width = picture.size
        masks = [(label, *cvat_runs(mask)) for label, mask in picture.regions()]
        content = {"name": f"{picture.name}.jpg", "height": height, "width": width, "masks": masks}
        self._parts.add(picture.name, content)

    def finish(self, names: Sequence[str]) -> None:
        """Write the XML file, piece by piece, and the labels."""
        colors = ["#{:02x}{:02x}{:02x}".format(*color) for color in self._palette]
        labels = [
            {"name": name, "color": color, "type": "mask", "attributes": []}
            for name, color in zip(self._classes, colors, strict=True)
        ]
        write_text(self._folder / "labels.json", json.dumps(labels, indent=2, ensure_ascii=False) + "\n")
        path = self._folder / "annotations.xml"
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            file.write("  <meta><task><labels>\n")
            for name, color in zip(self._classes, colors, strict=True):
                file.write(f"    <label><name>{_text(name)}</name><color>{color}</color><type>mask</type>")
                file.write("<attributes></attributes></label>\n")
            file.write("  </labels></task></meta>\n")
            for number, part in enumerate(self._parts.read(names)):
                size = f'width="{part["width"]}" height="{part["height"]}"'
                file.write(f'  <image id="{number}" name={quoteattr(part["name"])} {size}>\n')
                for label, runs, (left, top, width, height) in part["masks"]:
                    file.write(
                        f'    <mask label={quoteattr(self._classes[label])} source="auto" occluded="0" '
                        f'rle="{runs}" left="{left}" top="{top}" width="{width}" height="{height}" '
                        'z_order="0"></mask>\n'
                    )
                file.write("  </image>\n")
            file.write("</annotations>\n")


def _text(text: str) -> str:
    return quoteattr(text, {'"': "&quot;"})[1:-1]


def read_cvat(path: Path) -> AnnotatedSet:
    """Read CVAT's annotations.xml: masks, polygons and rectangles.

    Args:
        path: the XML file; the pictures lie beside or below it.

    Raises:
        DatasetError: it is no such file, or damaged.
    """
    root, folder = read_xml(path), path.parent
    with damaged(f"{path.name!r}"):
        if root.tag != "annotations":
            raise DatasetError(f"{path.name!r} is no file of CVAT's: export it as CVAT for images 1.1.")
        listed = [(_child(label, "name"), label.findtext("color") or "") for label in root.iter("label")]
        if not listed:
            listed = [(n, "") for n in sorted({s.get("label") or "" for i in root.iter("image") for s in i})]
        if not 1 <= len(listed) <= 255:
            raise DatasetError(f"{path.name!r} names {len(listed)} labels: 1 to 255 can be told apart.")
        labels = {name: number for number, (name, _) in enumerate(listed)}
        index = ImageIndex(folder)
        pictures, problems = [], []
        for image in root.iter("image"):
            called = image.attrib["name"]
            size = as_size(image.attrib["height"], image.attrib["width"])
            found = index.find(called)
            if found is None:
                problems.append(missing(called, folder))
                continue
            shapes = tuple(
                Shape(labels[shape.attrib["label"]], partial(_mask, shape.tag, dict(shape.attrib), size))
                for shape in image
                if shape.tag in ("mask", "polygon", "box")
            )
            name = Path(called).with_suffix("").as_posix()
            pictures.append(Annotated(found, name, partial(draw, shapes)))
    made_up = distinct_palette(len(listed))
    palette = tuple(_color(color) or other for (_, color), other in zip(listed, made_up, strict=True))
    said = f"CVAT for images ({len(pictures)} pictures, {len(listed)} labels)"
    return AnnotatedSet(said, tuple(labels), palette, tuple(pictures), tuple(problems), drawn=True)


def _child(element: ElementTree.Element, tag: str) -> str:
    text = element.findtext(tag)
    if not text:
        raise DatasetError(f"a label has no {tag}: export the file again.")
    return text


def _color(text: str) -> Color | None:
    try:
        code = bytes.fromhex(text.removeprefix("#"))
    except ValueError:
        return None
    return (code[0], code[1], code[2]) if len(code) == 3 else None


def _mask(
    tag: str, attributes: dict[str, str], said: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.bool_]:
    same_size(said, size)
    if tag == "mask":
        left, top, width, height = (int(attributes[side]) for side in ("left", "top", "width", "height"))
        return from_cvat_runs(attributes["rle"], (left, top, width, height), size)
    if tag == "polygon":
        corners = np.array([point.split(",") for point in attributes["points"].split(";")], np.float64)
    else:
        left_, top_, right, bottom = (float(attributes[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
        corners = np.array([[left_, top_], [right, top_], [right, bottom], [left_, bottom]])
    if corners.shape[1] != 2 or not np.isfinite(corners).all():
        raise DatasetError("a polygon has corners that are no numbers.")
    return fill([corners], size)
