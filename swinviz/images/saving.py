"""Writing an image file, whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.errors import ImageError
from swinviz.files import replacing

__all__ = ["save_image"]

_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".webp": ("WEBP", {"lossless": True}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_deflate"}),
    ".bmp": ("BMP", {}),
}


def save_image(path: str | os.PathLike[str], image: NDArray[np.uint8] | Image.Image) -> Path:
    """Write an image in the format of the path's suffix; an older file is replaced only by a whole new one.

    Args:
        path: where; .png, .jpg, .webp, .tif or .bmp. Only JPEG loses detail, so it is not for label maps.
        image: RGB (H, W, 3), RGBA (H, W, 4) or gray (H, W) bytes, or a PIL image (a palette is kept).

    Returns:
        The path written.

    Raises:
        ImageError: if the folder is missing or may not be written, the disk is full, the format is unknown,
            or the image does not fit it.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise ImageError(
            f"{path.name!r} does not end in a format that can be written; use {', '.join(_WRITERS)}"
        )
    # Encoded in memory first: PIL reports a full disk without its errno when it writes by itself.
    encoded = _encode(image, path)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(encoded)
    except OSError as error:
        raise ImageError(_why_not_written(path, error)) from error
    return path


def _encode(image: NDArray[np.uint8] | Image.Image, path: Path) -> bytes:
    file_format, options = _WRITERS[path.suffix.lower()]
    buffer = io.BytesIO()
    try:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture.save(buffer, format=file_format, **options)
    except (OSError, TypeError, ValueError) as error:
        kind = image.mode if isinstance(image, Image.Image) else f"{image.dtype} {image.shape}"
        raise ImageError(
            f"{path.name!r} cannot be written as {file_format} from {kind}; give RGB bytes (H, W, 3)"
        ) from error
    return buffer.getvalue()


def _why_not_written(path: Path, error: OSError) -> str:
    folder = str(path.parent)
    if not path.parent.is_dir():
        return f"{path.name!r} cannot be saved because there is no folder {folder!r}; create it first"
    if path.is_dir():
        return f"{path.name!r} cannot be saved because it is a folder; choose another name"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path.name!r} cannot be saved because the disk is full; free some space or save elsewhere"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path.name!r} cannot be saved because {folder!r} may not be written; choose another folder"
    return f"{path.name!r} cannot be saved ({error.strerror}); choose another name or folder"
