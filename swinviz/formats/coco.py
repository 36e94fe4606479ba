"""COCO: instances as RLE or polygons, and panoptic pictures.

Source: https://cocodataset.org/#format-data (object detection, stuff, panoptic).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
    same_size,
    save_picture,
)
from swinviz.formats.outlines import outline
from swinviz.formats.runs import coco_runs, from_coco, require_coco
from swinviz.images import save_image
from swinviz.model.config import Color, distinct_palette

__all__ = ["CocoWriter", "is_coco", "read_coco"]

SPLIT = "default"


class CocoWriter:
    """Writes images/default and annotations/{instances,panoptic}_default.json; a class is one region.

    Args:
        folder: where.
        classes: class names; category ids count from 1.
        palette: their colors.
        form: how regions are written.
    """

    def __init__(
        self,
        folder: Path,
        classes: Sequence[str],
        palette: Sequence[Color],
        form: Literal["rle", "polygons", "panoptic"] = "rle",
    ) -> None:
        self._folder, self._form = folder, form
        self._kind = "panoptic" if form == "panoptic" else "instances"
        if form == "rle":
            require_coco()
        self._parts = Parts(folder / ".parts")
        self._categories = [
            {"id": number + 1, "name": name, "supercategory": "stuff", "isthing": 0, "color": list(color)}
            for number, (name, color) in enumerate(zip(classes, palette, strict=True))
        ]

    def files(self, name: str) -> list[Path]:
        """Files of a picture."""
        return [self._parts.path(name), self._folder / "images" / SPLIT / f"{name}.jpg"]

    def add(self, picture: LabeledPicture) -> None:
        """Write a picture and its regions."""
        save_picture(self._folder / "images" / SPLIT / f"{picture.name}.jpg", picture.image)
        height, width = picture.size
        regions = [self._region(label, mask) for label, mask in picture.regions()]
        if self._form == "panoptic":
            ids = np.where(picture.labels == 255, 0, picture.labels.astype(np.uint32) + 1)
            rgb = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=2).astype(np.uint8)
            path = self._folder / "annotations" / f"panoptic_{SPLIT}" / f"{picture.name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(path, rgb)
        self._parts.add(
            picture.name,
            {"file_name": f"{picture.name}.jpg", "height": height, "width": width, "regions": regions},
        )

    def _region(self, label: int, mask: NDArray[np.bool_]) -> dict[str, Any]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, left = int(rows[0]), int(columns[0])
        region: dict[str, Any] = {
            "category_id": label + 1,
            "area": int(mask.sum()),
            "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
            "iscrowd": 0,
        }
        if self._form == "rle":
            region["segmentation"] = coco_runs(mask)
        elif self._form == "polygons":
            rings = (polygon.as_one_ring() for polygon in outline(mask))
            region["segmentation"] = [ring.ravel().tolist() for ring in rings]
        else:
            region["id"] = label + 1
        return region

    def finish(self, names: Sequence[str]) -> None:
        """Write the JSON file, piece by piece."""
        path = self._folder / "annotations" / f"{self._kind}_{SPLIT}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(
                f'{{"info": {{}}, "licenses": [], "categories": {json.dumps(self._categories)},\n"images": ['
            )
            for number, part in enumerate(self._parts.read(names)):
                image = {"id": number + 1, **{key: part[key] for key in ("file_name", "height", "width")}}
                file.write((",\n" if number else "\n") + json.dumps(image))
            file.write('],\n"annotations": [')
            for number, annotation in enumerate(self._annotations(names)):
                file.write((",\n" if number else "\n") + json.dumps(annotation))
            file.write("]}\n")

    def _annotations(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        count = 0
        for number, part in enumerate(self._parts.read(names)):
            if self._form == "panoptic":
                mask = Path(part["file_name"]).with_suffix(".png").as_posix()
                yield {"image_id": number + 1, "file_name": mask, "segments_info": part["regions"]}
                continue
            for region in part["regions"]:
                count += 1
                yield {"id": count, "image_id": number + 1, **region}


def is_coco(content: Any) -> bool:
    """True for the content of a COCO file."""
    return isinstance(content, Mapping) and {"images", "annotations", "categories"} <= content.keys()


def read_coco(path: Path, root: Path, content: Any = None) -> AnnotatedSet:
    """Read a COCO file, instances or panoptic.

    Args:
        path: the JSON file.
        root: folder that the pictures lie in or below.
        content: the file's content, where it was read before.

    Raises:
        DatasetError: it is no COCO file, or damaged.
        MissingPackageError: pycocotools is not installed.
    """
    content = read_json(path) if content is None else content
    if not is_coco(content):
        raise DatasetError(f"{path.name!r} is no COCO file: it has no images, annotations and categories.")
    require_coco()
    with damaged(f"{path.name!r}"):
        categories = sorted(content["categories"], key=lambda category: int(category["id"]))
        labels = {int(category["id"]): number for number, category in enumerate(categories)}
        classes = tuple(str(category["name"]) for category in categories)
        if not 1 <= len(classes) <= 255 or len(labels) != len(classes):
            raise DatasetError(f"{path.name!r} has {len(classes)} categories: 1 to 255 can be told apart.")
        by_image: dict[int, list[Mapping[str, Any]]] = {}
        for annotation in content["annotations"]:
            by_image.setdefault(int(annotation["image_id"]), []).append(annotation)
        index = ImageIndex(root, ("images", f"images/{SPLIT}", path.stem.rpartition("_")[2]))
        pictures, problems = [], []
        for image in content["images"]:
            called, size = str(image["file_name"]), as_size(image["height"], image["width"])
            found = index.find(called)
            if found is None:
                problems.append(missing(called, root))
                continue
            shapes: list[Shape] = []
            for annotation in by_image.get(int(image["id"]), []):
                if "segments_info" in annotation:
                    shapes += _panoptic(annotation, path, labels, size)
                elif annotation.get("segmentation"):
                    mask = partial(_mask, annotation["segmentation"], size)
                    shapes.append(Shape(labels[int(annotation["category_id"])], mask))
            pictures.append(
                Annotated(found, Path(called).with_suffix("").as_posix(), partial(draw, tuple(shapes)))
            )
    return AnnotatedSet(
        f"COCO ({path.name}: {len(pictures)} pictures, {len(classes)} categories)",
        classes,
        _palette(categories),
        tuple(pictures),
        tuple(problems),
        drawn=True,
    )


def _palette(categories: Sequence[Mapping[str, Any]]) -> tuple[Color, ...]:
    made_up = distinct_palette(len(categories))
    return tuple(
        _color(category.get("color")) or other for category, other in zip(categories, made_up, strict=True)
    )


def _color(said: object) -> Color | None:
    if not isinstance(said, list) or len(said) != 3:
        return None
    red, green, blue = said
    return (red, green, blue) if all(type(v) is int and 0 <= v < 256 for v in said) else None


def _mask(segmentation: Any, size: tuple[int, int], shown: tuple[int, int]) -> NDArray[np.bool_]:
    same_size(size, shown)
    return from_coco(segmentation, size)


def _panoptic(
    annotation: Mapping[str, Any], path: Path, labels: Mapping[int, int], size: tuple[int, int]
) -> Iterator[Shape]:
    folder = path.with_suffix("")
    mask = (folder / str(annotation["file_name"])).resolve()
    if not mask.is_relative_to(folder.resolve()):
        raise DatasetError(
            f"{path.name!r} names a mask outside its folder: {str(annotation['file_name'])[:80]!r}."
        )
    for segment in annotation["segments_info"]:
        label = labels[int(segment["category_id"])]
        yield Shape(label, partial(_segment, mask, int(segment["id"]), size))


def _segment(path: Path, number: int, size: tuple[int, int], shown: tuple[int, int]) -> NDArray[np.bool_]:
    same_size(size, shown)
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            if (opened.height, opened.width) != size:
                raise DatasetError(f"mask {path.name!r} has another size than its picture.")
            rgb = np.asarray(opened.convert("RGB"), np.uint32)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"mask {path.name!r} cannot be read ({error}): export it again.") from error
    return rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2] == number
