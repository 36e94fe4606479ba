"""GeoJSON polygons in pixels: x to the right, y downward, from the image's upper left corner.

Source: RFC 7946 (Feature, Polygon, MultiPolygon; outer rings counter-clockwise in a plane whose y points up).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError
from swinviz.formats.common import (
    Annotated,
    AnnotatedSet,
    ImageIndex,
    LabeledPicture,
    Shape,
    damaged,
    draw,
    missing,
    read_classes,
    read_json,
    save_picture,
    write_classes,
    write_text,
)
from swinviz.formats.outlines import Ring, fill, outline
from swinviz.model.config import Color, distinct_palette

__all__ = ["GeoJsonWriter", "read_geojson"]


class GeoJsonWriter:
    """Writes NAME.geojson and images/NAME.jpg; a class is one MultiPolygon with its holes.

    Args:
        folder: where.
        classes: class names.
        palette: their colors, as `#rrggbb`.
    """

    def __init__(self, folder: Path, classes: Sequence[str], palette: Sequence[Color]) -> None:
        self._folder, self._classes, self._palette = folder, classes, palette

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        return [self._folder / f"{name}.geojson", self._folder / "images" / f"{name}.jpg"]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture and its polygons."""
        path, image = self.files(picture.name)
        save_picture(image, picture.image)
        features = []
        for label, mask in picture.regions():
            polygons = [
                [_closed(polygon.outer, turn=1), *(_closed(hole, turn=-1) for hole in polygon.holes)]
                for polygon in outline(mask)
            ]
            properties = {
                "class": self._classes[label],
                "label": label,
                "color": "#{:02x}{:02x}{:02x}".format(*self._palette[label]),
                "share": round(float(mask.mean()), 6),
            }
            geometry = {"type": "MultiPolygon", "coordinates": polygons}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
        height, width = picture.size
        content = {
            "type": "FeatureCollection",
            "image": {"file_name": f"images/{picture.name}.jpg", "height": height, "width": width},
            "features": features,
        }
        write_text(path, json.dumps(content))

    def finish(self, names: Sequence[str]) -> None:
        """Write the class names, which no single picture has all of."""
        write_classes(self._folder, self._classes, self._palette)


def _closed(ring: Ring, turn: int) -> list[list[float]]:
    """The ring with its first corner again at the end, in the direction of `turn` (1 or -1)."""
    x, y = ring.T
    area = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
    corners = ring if area * turn > 0 else ring[::-1]
    return np.concatenate([corners, corners[:1]]).tolist()


def read_geojson(root: Path) -> AnnotatedSet:
    """Read the .geojson files of a folder, each with the picture that it names or that has its name.

    Args:
        root: the folder; subfolders are searched too.

    Raises:
        DatasetError: there is none that can be read, or more than 255 classes.
    """
    files = sorted(root.rglob("*.geojson"))
    index = ImageIndex(root)
    names, palette = read_classes(root)
    read, problems = [], []
    for path in files:
        name = path.relative_to(root).with_suffix("").as_posix()
        try:
            content = read_json(path)
            with damaged(f"{path.name!r}"):
                called = str(_image(content) or name)
                shapes = [_shape(feature) for feature in content["features"]]
        except DatasetError as error:
            problems.append(str(error))
            continue
        image = index.find(called) or next(
            filter(None, (index.find(name + s) for s in (".jpg", ".png"))), None
        )
        if image is None:
            problems.append(missing(called, root))
            continue
        read.append((image, name, shapes))
    if not read:
        raise DatasetError(problems[0] if problems else f"{str(root)!r} holds no .geojson file.")
    if not names:
        names = tuple(sorted({kind for _, _, shapes in read for kind, _ in shapes}))
        palette = distinct_palette(len(names))
    if not 1 <= len(names) <= 255:
        raise DatasetError(f"the .geojson files name {len(names)} classes: 1 to 255 can be told apart.")
    numbers = {name: number for number, name in enumerate(names)}
    unknown = {kind for _, _, shapes in read for kind, _ in shapes} - numbers.keys()
    if unknown:
        raise DatasetError(
            f"classes.json does not name {min(unknown)[:80]!r}, which a .geojson file has: add it."
        )
    pictures = tuple(
        Annotated(image, name, partial(draw, tuple(Shape(numbers[kind], mask) for kind, mask in shapes)))
        for image, name, shapes in read
    )
    said = f"GeoJSON polygons in pixels ({len(pictures)} pictures, {len(names)} classes)"
    return AnnotatedSet(said, names, palette, pictures, tuple(problems), drawn=True)


def _image(content: Mapping[str, Any]) -> object:
    image = content.get("image")
    return image["file_name"] if isinstance(image, Mapping) else image


def _shape(feature: Mapping[str, Any]) -> tuple[str, Any]:
    """Class name, and a function from the size to the mask, of one feature."""
    geometry, properties = feature["geometry"], feature["properties"]
    if geometry["type"] == "Polygon":
        polygons = [geometry["coordinates"]]
    elif geometry["type"] == "MultiPolygon":
        polygons = geometry["coordinates"]
    else:
        raise DatasetError(f"a geometry is a {str(geometry['type'])[:40]!r}: only polygons have pixels.")
    areas = [
        [np.array(ring, np.float64).reshape(-1, len(ring[0]))[:, :2] for ring in rings] for rings in polygons
    ]
    if not all(np.isfinite(ring).all() for rings in areas for ring in rings):
        raise DatasetError("a polygon has corners that are no numbers.")
    name = next(
        str(properties[key]) for key in ("class", "classification", "name", "label") if key in properties
    )
    return name, partial(_mask, areas)


def _mask(areas: list[list[Ring]], size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(size, bool)
    for rings in areas:
        mask |= fill(rings, size)
    return mask
