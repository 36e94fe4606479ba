"""Label Studio: tasks with pre-annotations, as brush RLE or polygons, and annotations when reading.

Sources: https://labelstud.io/guide/predictions and /guide/task_format; HumanSignal/label-studio-converter,
label_studio_converter/brush.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlparse
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
    read_json,
    read_xml,
    same_size,
    save_picture,
    write_text,
)
from swinviz.formats.outlines import fill, outline
from swinviz.formats.runs import brush_runs, from_brush_runs
from swinviz.model.config import Color, distinct_palette

__all__ = ["LabelStudioWriter", "is_label_studio", "read_label_studio"]

_KINDS = {"brush": ("brushlabels", "BrushLabels"), "polygons": ("polygonlabels", "PolygonLabels")}


class LabelStudioWriter:
    """Writes tasks.json, labeling_config.xml and images/.

    The tasks name their pictures as files of local storage (`/data/local-files/?d=images/NAME.jpg`): point a
    local storage of the project at the folder. A class is one brush; a connected area one polygon.

    Args:
        folder: where.
        classes: class names.
        palette: their colors.
        form: brush RLE, or polygons.
    """

    def __init__(
        self,
        folder: Path,
        classes: Sequence[str],
        palette: Sequence[Color],
        form: Literal["brush", "polygons"] = "brush",
    ) -> None:
        self._folder, self._classes, self._palette, self._form = folder, classes, palette, form
        self._parts = Parts(folder / ".parts")

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        return [self._parts.path(name), self._folder / "images" / f"{name}.jpg"]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture and its task."""
        save_picture(self._folder / "images" / f"{picture.name}.jpg", picture.image)
        kind, _ = _KINDS[self._form]
        height, width = picture.size
        results: list[dict[str, Any]] = []
        for label, mask in picture.regions():
            for value in self._values(mask):
                results.append(
                    {
                        "id": f"region-{len(results)}",
                        "type": kind,
                        "from_name": "label",
                        "to_name": "image",
                        "original_width": width,
                        "original_height": height,
                        "image_rotation": 0,
                        "value": {**value, kind: [self._classes[label]]},
                    }
                )
        prediction = {"model_version": "swinviz", "score": round(picture.score, 6), "result": results}
        address = f"/data/local-files/?d=images/{picture.name}.jpg"
        self._parts.add(picture.name, {"data": {"image": address}, "predictions": [prediction]})

    def _values(self, mask: NDArray[np.bool_]) -> list[dict[str, Any]]:
        if self._form == "brush":
            return [{"format": "rle", "rle": brush_runs(mask)}]
        percent = 100 / np.array([mask.shape[1], mask.shape[0]])
        rings = (polygon.as_one_ring() for polygon in outline(mask))
        return [{"points": (ring * percent).tolist(), "closed": True} for ring in rings]

    def finish(self, names: Sequence[str]) -> None:
        """Write the tasks, one by one, and the labeling configuration that they need."""
        with (
            replacing(self._folder / "tasks.json") as temporary,
            temporary.open("w", encoding="utf-8") as file,
        ):
            file.write("[")
            for number, part in enumerate(self._parts.read(names)):
                file.write((",\n" if number else "\n") + json.dumps(part))
            file.write("]\n")
        _, tag = _KINDS[self._form]
        labels = "".join(
            '    <Label value={} background="#{:02x}{:02x}{:02x}"/>\n'.format(quoteattr(name), *color)
            for name, color in zip(self._classes, self._palette, strict=True)
        )
        write_text(
            self._folder / "labeling_config.xml",
            '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
            f'  <{tag} name="label" toName="image">\n{labels}  </{tag}>\n</View>\n',
        )


def is_label_studio(content: Any) -> bool:
    """True for the content of a file of Label Studio's tasks."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, Mapping) and "data" in task for task in content[:10])
    )


def read_label_studio(path: Path, content: Any = None) -> AnnotatedSet:
    """Read Label Studio's tasks: of each the first annotation, or else the first prediction.

    Args:
        path: the JSON file; the pictures lie beside or below it.
        content: the file's content, where it was read before.

    Raises:
        DatasetError: it is no such file, or damaged.
    """
    content = read_json(path) if content is None else content
    if not is_label_studio(content):
        raise DatasetError(f"{path.name!r} is no list of Label Studio's tasks: export it as JSON.")
    folder = path.parent
    with damaged(f"{path.name!r}"):
        index = ImageIndex(folder)
        found: list[tuple[Path, str, list[tuple[str, Any]]]] = []
        problems = []
        for task in content:
            address = next(str(value) for value in task["data"].values() if isinstance(value, str))
            called = _file(address)
            image = index.find(called)
            if image is None:
                problems.append(missing(called, folder))
                continue
            drawn = [*task.get("annotations", ()), *task.get("predictions", ())]
            results = drawn[0].get("result", ()) if drawn else ()
            regions = [region for result in results for region in _regions(result)]
            found.append((image, Path(called.rpartition("images/")[2]).with_suffix("").as_posix(), regions))
        classes, palette = _classes(folder, {name for _, _, regions in found for name, _ in regions})
        numbers = {name: number for number, name in enumerate(classes)}
        pictures = tuple(
            Annotated(image, name, partial(draw, tuple(Shape(numbers[kind], mask) for kind, mask in regions)))
            for image, name, regions in found
        )
    said = f"Label Studio ({path.name}: {len(pictures)} pictures, {len(classes)} labels)"
    return AnnotatedSet(said, classes, palette, pictures, tuple(problems), drawn=True)


def _file(address: str) -> str:
    """Path of a picture in an address such as /data/local-files/?d=images/a.jpg."""
    parsed = urlparse(address)
    return parse_qs(parsed.query).get("d", [unquote(parsed.path)])[0]


def _regions(result: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Label and mask of one result; other kinds than areas are left out."""
    kind = str(result.get("type"))
    value = result.get("value", {})
    names = value.get(kind) or value.get("labels") or ()
    if kind not in ("brushlabels", "polygonlabels", "rectanglelabels") or not names:
        return []
    size = as_size(result["original_height"], result["original_width"])
    return [(str(names[0]), partial(_mask, kind, dict(value), size))]


def _mask(
    kind: str, value: Mapping[str, Any], said: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.bool_]:
    same_size(said, size)
    if kind == "brushlabels":
        return from_brush_runs(value["rle"], size)
    if kind == "polygonlabels":
        corners = np.array(value["points"], np.float64)
    else:
        left, top = float(value["x"]), float(value["y"])
        right, bottom = left + float(value["width"]), top + float(value["height"])
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
        raise DatasetError("a polygon has corners that are no numbers.")
    return fill([corners * (size[1] / 100, size[0] / 100)], size)


def _classes(folder: Path, used: set[str]) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    """Names and colors in the labeling configuration, if one lies beside the tasks; else the names used."""
    listed: list[tuple[str, str]] = []
    path = folder / "labeling_config.xml"
    if path.is_file():
        labels = read_xml(path).iter("Label")
        listed = [(label.attrib["value"], label.attrib.get("background", "")) for label in labels]
    names = tuple(name for name, _ in listed) if used <= {name for name, _ in listed} else ()
    names = names or tuple(sorted(used))
    if not 1 <= len(names) <= 255:
        raise DatasetError(f"there are {len(names)} labels: 1 to 255 can be told apart.")
    colors = dict(listed)
    palette = []
    for name, made_up in zip(names, distinct_palette(len(names)), strict=True):
        code = colors.get(name, "").removeprefix("#")
        known = len(code) == 6 and all(letter in "0123456789abcdefABCDEF" for letter in code)
        rgb = bytes.fromhex(code) if known else bytes(made_up)
        palette.append((rgb[0], rgb[1], rgb[2]))
    return names, tuple(palette)
