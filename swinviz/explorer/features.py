"""Requests about token vectors: what looks like the query, in this picture and a second one; PCA colors."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
from torch import Tensor

from swinviz.explorer.arguments import Arguments, block_of, edits_of, second_of
from swinviz.explorer.session import Session
from swinviz.explorer.wire_format import pack, quantize_vectors
from swinviz.features import principal_components
from swinviz.images import read_image

__all__ = ["MAX_PICTURE_BYTES", "components", "features", "open_second"]

MAX_PICTURE_BYTES = 6 * 2**20
"""Bytes of a second picture's file: the page shrinks it to about a thousand pixels before it sends it."""

_MAX_PIXELS = 4_000_000


def open_second(session: Session, arguments: Arguments) -> bytes:
    """Handle "second": open a picture, whose file comes as base64, beside the session's own.

    Raises:
        ValueError: there is no file, it is too large, or it is no picture (an ImageError).
    """
    try:
        data = base64.b64decode(str(arguments.get("file", "")), validate=True)
    except binascii.Error as error:
        raise ValueError("the second picture did not arrive whole: choose it again.") from error
    if not 0 < len(data) <= MAX_PICTURE_BYTES:
        raise ValueError(f"give a picture of at most {MAX_PICTURE_BYTES // 2**20} MB.")
    name = str(arguments.get("name", ""))[:80]
    key = session.open_second(read_image(data, max_pixels=_MAX_PIXELS), name)
    other = session.second(key)
    return pack({"kind": "second", "key": key, "name": name, "size": other.size}, {"image": other.image})


def features(session: Session, arguments: Arguments) -> bytes:
    """Handle "features": vectors of the tokens after a block, the mean of the session's picture taken off.

    With a second picture named, its vectors, the same mean taken off, so that cosines between the two are
    those of `token_similarity(..., center=True)`.

    Raises:
        ValueError: no such block, edit or second picture.
    """
    key, edits = block_of(session, arguments), edits_of(session, arguments)
    other = second_of(session, arguments)
    own = session.tokens(key, edits)
    mean = own.vectors[0].mean(dim=(0, 1))
    shown = own if other is None else other.tokens(key, edits)
    vectors = quantize_vectors((shown.vectors[0] - mean).numpy())  # H W C
    header = {"kind": "features", "stage": key[0], "block": key[1], "stride": shown.stride}
    return pack(header, {"levels": vectors.levels, "peaks": vectors.peaks})


def components(session: Session, arguments: Arguments) -> bytes:
    """Handle "components": the first three principal components of a block's tokens as colors.

    With a second picture named, one projection for both, and the colors of both.

    Raises:
        ValueError: no such block, edit or second picture; fewer than 3 channels.
    """
    key, edits = block_of(session, arguments), edits_of(session, arguments)
    other = second_of(session, arguments)
    maps = [each.tokens(key, edits) for each in (session, other) if each is not None]
    found = principal_components(maps)
    names = ("colors", "second")
    arrays: dict[str, Any] = {
        name: _bytes(found.colors(tokens)[0]) for name, tokens in zip(names, maps, strict=False)
    }
    header = {
        "kind": "components",
        "stage": key[0],
        "block": key[1],
        "stride": maps[0].stride,
        "explained": found.explained.tolist(),
    }
    return pack(header, arrays)


def _bytes(colors: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(H, W, 3) 0..1 as 0..255."""
    return np.rint(255 * colors.numpy()).astype(np.uint8)
