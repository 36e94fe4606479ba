"""Images in and out: any file or array to RGB, safely; RGB to what the model reads; results to a file."""

from swinviz.images.reading import FORMATS, MAX_PIXELS, ImageLike, read_image
from swinviz.images.resizing import resize
from swinviz.images.saving import save_image
from swinviz.images.scaling import MEAN, STD, denormalize, keep_ratio_size, normalize

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
    "resize",
    "save_image",
]
