"""A segmentation as the browser's viewer takes it: pictures as data addresses, no files left behind."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.inference import Segmentation

__all__ = ["class_shares", "encode_result", "picture_address", "png", "values_address"]


def encode_result(result: Segmentation, note: str) -> str:
    """Make what viewer.js shows.

    Args:
        result: labels below 256, since a PNG's pixel holds one byte.
        note: the line below the picture.

    Returns:
        JSON: image (JPEG), labels and scores (PNG; numbers 0..255 and percent) as data addresses; classes,
        palette, shares (pairs of class number and share, largest first) and the note.
    """
    return json.dumps(
        {
            "image": picture_address(result.image),
            "labels": values_address(result.labels),
            "scores": values_address(np.rint(100 * result.scores)),
            "classes": result.classes,
            "palette": result.palette,
            "shares": class_shares(result),
            "note": " · ".join([note, *result.notes]),
        }
    )


def class_shares(result: Segmentation) -> list[tuple[int, float]]:
    """List (class number, share of the pixels) of the classes that occur, largest first."""
    numbers = {name: number for number, name in enumerate(result.classes)}
    return [(numbers[entry.name], round(float(entry.share), 6)) for entry in result.legend()]


def picture_address(image: NDArray[np.uint8]) -> str:
    """Encode a picture (H, W, 3) as a JPEG in a data address."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90, subsampling=0)
    return _address("jpeg", buffer.getvalue())


def values_address(values: NDArray[Any]) -> str:
    """Encode numbers 0..255 (H, W) as a gray PNG in a data address."""
    return _address("png", png(values))


def png(values: NDArray[Any], level: int = 6) -> bytes:
    """Encode numbers as a gray PNG.

    Args:
        values: (H, W), 0 to 255.
        level: effort, 0 (fast) to 9 (small).
    """
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def _address(kind: str, data: bytes | Sequence[int]) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(bytes(data)).decode()}"
