"""Other people's formats of labeled pictures, both ways.

    writer = open_writer("coco", folder, model.config.classes, model.config.palette)
    writer.add(labeled_picture(result, "photo"))
    writer.finish(["photo"])

`outlines` and `runs` encode masks, `common` reads strangers' files within bounds, `recognize` opens a folder
by what it holds, and there is one module a format: COCO, YOLO, VOC, Cityscapes, Label Studio, CVAT, GeoJSON.
"""

from swinviz.formats.common import Annotated, AnnotatedSet, FormatWriter, LabeledPicture
from swinviz.formats.outlines import Polygon, fill, outline
from swinviz.formats.recognize import has_parts, recognize
from swinviz.formats.writers import FORMAT_NAMES, labeled_picture, open_writer

__all__ = [
    "FORMAT_NAMES",
    "Annotated",
    "AnnotatedSet",
    "FormatWriter",
    "LabeledPicture",
    "Polygon",
    "fill",
    "has_parts",
    "labeled_picture",
    "open_writer",
    "outline",
    "recognize",
]
