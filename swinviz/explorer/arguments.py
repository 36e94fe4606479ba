"""Arguments of the viewer's requests: they come from a browser, and are checked here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swinviz.explorer.session import Session
from swinviz.interventions.named import EditNames, parse_edits
from swinviz.model.hooks import BlockId

__all__ = ["Arguments", "block_of", "edits_of", "pixel_of", "region_of", "second_of"]

Arguments = Mapping[str, Any]
"""Arguments of a request by name."""


def block_of(session: Session, arguments: Arguments) -> BlockId:
    """Read the (stage, block) that is asked about.

    Raises:
        ValueError: it is missing, or the model has no such block.
    """
    key = BlockId(_whole(arguments, "stage"), _whole(arguments, "block"))
    if key not in session.geometries:
        depths = session.model.config.backbone.depths
        raise ValueError(f"there is no block {key[1]} in a stage {key[0]}: the depths are {depths}.")
    return key


def pixel_of(session: Session, arguments: Arguments) -> tuple[int, int]:
    """Read the pixel (y, x) that is asked about.

    Raises:
        ValueError: it is missing or outside the picture.
    """
    y, x = _whole(arguments, "y"), _whole(arguments, "x")
    height, width = session.size
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(f"pixel (y={y}, x={x}) is outside the {height}x{width} image.")
    return y, x


def region_of(session: Session, arguments: Arguments) -> tuple[int, int, int, int] | None:
    """Read the rectangle (top, left, bottom, right), in pixels, that is asked about; None for a pixel.

    Raises:
        ValueError: it is no rectangle of pixels inside the picture.
    """
    text = arguments.get("region")
    if text is None:
        return None
    parts = str(text).split(".")
    if len(parts) == 4 and all(part.isdecimal() and len(part) < 8 for part in parts):
        top, left, bottom, right = map(int, parts)
        if top < bottom <= session.size[0] and left < right <= session.size[1]:
            return top, left, bottom, right
    raise ValueError(f"there is no region {str(text)[:40]!r} in the picture: give top.left.bottom.right.")


def edits_of(session: Session, arguments: Arguments) -> EditNames:
    """Read the edits of the model, by default none.

    Raises:
        ValueError: there is no edit of such a name.
    """
    return parse_edits(str(arguments.get("edits", "")), session.model.config.backbone)


def second_of(session: Session, arguments: Arguments) -> Session | None:
    """Find the second picture that is asked about; None where none is named.

    Raises:
        ValueError: it is no longer open.
    """
    key = arguments.get("second")
    return None if key is None else session.second(str(key))


def _whole(arguments: Arguments, name: str) -> int:
    value = arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"argument {name!r} is {value!r}: give a whole number.")
    return value
