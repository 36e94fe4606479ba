"""The one binary message of the viewer: a JSON header, then arrays, as JavaScript can view them in place.

Layout: the four letters "SWV1", the header's length as uint32, the header (padded with spaces), then each
array at a multiple of 8 bytes; everything little-endian. Numbers that fill a picture are never JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAGIC", "Fixed", "Rows", "fixed_point", "pack", "quantize_logs", "quantize_rows", "unpack"]

MAGIC = b"SWV1"
"""How every message begins: the format and its version."""

_ALIGNMENT = 8


@dataclass(frozen=True)
class Fixed:
    """An array of whole numbers that stand for `integers * step`.

    Attributes:
        integers: uint8 or uint16, of any shape.
        step: the value of 1, in the unit of what is stored; above 0.
    """

    integers: NDArray[Any]
    step: float


@dataclass(frozen=True)
class Rows:
    """Attention rows as bytes: row i is `levels[i] * peaks[i] / 255`.

    Attributes:
        levels: (..., N) uint8; 255 is the row's largest value.
        peaks: (...) the rows' largest values.
    """

    levels: NDArray[np.uint8]
    peaks: Fixed


def fixed_point(values: NDArray[Any]) -> Fixed:
    """Store values from 0 up, in an array of any shape, in 16 bits, evenly spaced up to the largest.

    Returns:
        Integers and their step; the error is at most half a step, the largest value / 131070.

    >>> stored = fixed_point(np.array([0.0, 1.0, 4.0]))
    >>> (stored.integers * stored.step).round(3).tolist()
    [0.0, 1.0, 4.0]
    """
    step = float(values.max(initial=0.0)) / 65535 or 1.0
    return Fixed(np.clip(np.rint(values / step), 0, 65535).astype(np.uint16), step)


def quantize_rows(probabilities: NDArray[Any]) -> Rows:
    """Store attention rows in a byte a value, each row relative to its own largest value.

    Args:
        probabilities: (..., N), 0..1.

    Returns:
        Levels and peaks. A value is off by at most 1/510 (0.2 %) of its row's largest value, plus 1/131070
        for the peak itself.

    >>> rows = quantize_rows(np.array([[0.5, 0.3, 0.2]]))
    >>> rows.levels.tolist()
    [[255, 153, 102]]
    """
    peaks = fixed_point(probabilities.max(axis=-1))
    stored = peaks.integers[..., None] * np.float32(peaks.step)
    relative = np.divide(probabilities, stored, out=np.zeros_like(probabilities), where=stored > 0)
    return Rows(np.clip(np.rint(255 * relative), 0, 255).astype(np.uint8), peaks)


def quantize_logs(probabilities: NDArray[Any], span: float) -> NDArray[np.uint8]:
    """Store the logarithms of rows in a byte a value, each row relative to its own largest value.

    What a row of logarithms says survives when others are added to it, which even levels do not: a small
    probability may become a large one.

    Args:
        probabilities: (..., N), 0..1.
        span: natural logarithm of how far below the largest value the smallest stored one is, in nats.

    Returns:
        Levels of the same shape: 255 for the largest value, 0 for all `span` or more below. One in between is
        off by a factor of at most e**(span / 510).

    >>> quantize_logs(np.exp([[0.0, -6.0, -20.0]]), span=12).tolist()
    [[255, 128, 0]]
    """
    with np.errstate(divide="ignore"):  # what has come to nothing has the logarithm -inf, and the level 0
        logs = np.log(probabilities)
    below = logs.max(axis=-1, keepdims=True) - logs
    return np.rint(255 * (1 - np.clip(below / span, 0, 1))).astype(np.uint8)


def pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any] | Fixed]) -> bytes:
    """Join a header and named arrays into one message.

    Args:
        header: JSON values; the key "arrays" is taken.
        arrays: uint8, uint16, int32 or float32 arrays; `Fixed` ones carry their step.

    Raises:
        ValueError: an array of another type, which JavaScript would have to convert.
    """
    entries, parts, offset = [], [], 0
    for name, value in arrays.items():
        data, step = (value.integers, value.step) if isinstance(value, Fixed) else (value, 1.0)
        if data.dtype.name not in _TYPES:
            raise ValueError(f"array {name!r} is {data.dtype}: convert it to one of {', '.join(_TYPES)}.")
        raw = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("<")).tobytes()
        entries.append(
            {"name": name, "type": data.dtype.name, "shape": data.shape, "step": step, "at": offset}
        )
        parts.append(raw + bytes(-len(raw) % _ALIGNMENT))
        offset += len(parts[-1])
    text = json.dumps({**header, "arrays": entries}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return MAGIC + struct.pack("<I", len(text)) + text + b"".join(parts)


_TYPES = ("uint8", "uint16", "int32", "float32")


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a message back: the header, and the arrays as they were stored, steps not applied.

    Raises:
        ValueError: the bytes are no such message.

    >>> header, arrays = unpack(pack({"kind": "labels"}, {"labels": np.zeros((2, 3), np.uint8)}))
    >>> header["kind"], arrays["labels"].shape
    ('labels', (2, 3))
    """
    if message[:4] != MAGIC:
        raise ValueError("the bytes are no viewer message: they do not begin with SWV1.")
    (length,) = struct.unpack_from("<I", message, 4)
    header = json.loads(message[8 : 8 + length])
    arrays = {}
    for entry in header.pop("arrays"):
        count = int(np.prod(entry["shape"], dtype=int))
        data = np.frombuffer(message, np.dtype(entry["type"]), count, 8 + length + entry["at"])
        arrays[entry["name"]] = data.reshape(entry["shape"])
    return header, arrays
