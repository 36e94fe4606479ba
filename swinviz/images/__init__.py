"""Images in and out: any file or array to RGB, safely; RGB to what the model reads; results to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swinviz.lazy import names_from

if TYPE_CHECKING:
    from swinviz.images.isolated import read_isolated, read_reduced
    from swinviz.images.reading import FORMATS, MAX_PIXELS, ImageLike, read_image
    from swinviz.images.resizing import keep_ratio_size, resize
    from swinviz.images.saving import save_image
    from swinviz.images.scaling import MEAN, STD, denormalize, normalize

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "MEAN",
    "STD",
    "ImageLike",
    "denormalize",
    "keep_ratio_size",
    "normalize",
    "read_image",
    "read_isolated",
    "read_reduced",
    "resize",
    "save_image",
]

__getattr__ = names_from(
    __name__,
    {
        "FORMATS": "reading",
        "ImageLike": "reading",
        "MAX_PIXELS": "reading",
        "MEAN": "scaling",
        "STD": "scaling",
        "denormalize": "scaling",
        "keep_ratio_size": "resizing",
        "normalize": "scaling",
        "read_image": "reading",
        "read_isolated": "isolated",
        "read_reduced": "isolated",
        "resize": "resizing",
        "save_image": "saving",
    },
)
