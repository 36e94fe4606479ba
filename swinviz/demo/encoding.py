"""Segmentations as the browser takes them: pictures as data addresses, no files left behind."""

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

__all__ = ["encode_comparison", "encode_result", "flipped", "png"]


def encode_result(result: Segmentation, note: str, name: str = "picture", **link: str) -> str:
    """Make what viewer.js shows.

    Args:
        result: labels below 256, since a PNG's pixel holds one byte.
        note: the line below the picture.
        name: name of the picture, for the names of downloads.
        link: parts of the page's address that stand for this picture.

    Returns:
        JSON: image (JPEG), labels and scores (PNG; numbers 0..255 and percent) as data addresses; classes,
        palette, shares (pairs of class number and share, largest first), the percentage below which a pixel
        is unsure, the note, the name and the link.
    """
    return json.dumps(
        {
            "image": _picture_address(result.image),
            "labels": _values_address(result.labels),
            "scores": _values_address(np.rint(100 * result.scores)),
            "classes": result.classes,
            "palette": result.palette,
            "shares": _class_shares(result),
            "unsureBelow": round(100 * result.unsure_below),
            "note": " · ".join([note, *result.notes]),
            "name": name,
            "link": link,
        }
    )


def flipped(before: Segmentation, after: Segmentation) -> NDArray[np.bool_]:
    """Tell which pixels changed their class, by its name: two models may number classes differently.

    Returns:
        (H, W).
    """
    names = {name: number for number, name in enumerate(dict.fromkeys((*before.classes, *after.classes)))}
    numbers = [
        np.array([names[name] for name in result.classes])[result.labels] for result in (before, after)
    ]
    return numbers[0] != numbers[1]


def encode_comparison(before: Segmentation, after: Segmentation, titles: tuple[str, str], **link: str) -> str:
    """Make what compare.js shows.

    Args:
        before: the left side.
        after: the right side, of the same picture.
        titles: what the two are called.
        link: parts of the page's address that stand for this comparison.

    Returns:
        JSON: the picture, the flipped pixels (255 where they are) and their share, and for each side its
        title, labels, scores, classes, palette, shares and the percentage below which a pixel is unsure, as
        `encode_result` has them.
    """
    changed = flipped(before, after)
    return json.dumps(
        {
            "image": _picture_address(before.image),
            "flipped": _values_address(changed * 255),
            "flippedShare": float(changed.mean()),
            "link": link,
            "sides": [_side(result, title) for result, title in zip((before, after), titles, strict=True)],
        }
    )


def _side(result: Segmentation, title: str) -> dict[str, Any]:
    return {
        "title": f"{title} · {result.seconds:.2f} s",
        "labels": _values_address(result.labels),
        "scores": _values_address(np.rint(100 * result.scores)),
        "classes": result.classes,
        "palette": result.palette,
        "shares": _class_shares(result),
        "unsureBelow": round(100 * result.unsure_below),
    }


def _class_shares(result: Segmentation) -> list[tuple[int, float]]:
    """List (class number, share of the pixels) of the classes that occur, largest first."""
    numbers = {name: number for number, name in enumerate(result.classes)}
    return [(numbers[entry.name], round(float(entry.share), 6)) for entry in result.legend()]


def _picture_address(image: NDArray[np.uint8]) -> str:
    """Encode a picture (H, W, 3) as a JPEG in a data address."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90, subsampling=0)
    return _address("jpeg", buffer.getvalue())


def _values_address(values: NDArray[Any]) -> str:
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
