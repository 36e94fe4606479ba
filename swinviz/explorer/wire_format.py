"""Messages to the viewer: safetensors, whose arrays JavaScript can view in place, and a header.

The header is JSON, the one entry of the metadata; its key "steps" has the value of 1 of every array that
holds fixed-point numbers. Numbers that fill a picture are never JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as tensors

__all__ = [
    "Fixed",
    "Rows",
    "fixed_point",
    "pack",
    "quantize_logs",
    "quantize_rows",
    "quantize_vectors",
    "unpack",
]

_TYPES = ("uint8", "uint16", "int32", "float32")


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
    """Attention rows as bytes: row i is `levels[i] * peaks[i] / 255`; or vectors, see `quantize_vectors`.

    Attributes:
        levels: (..., N) uint8; 255 is the row's largest value.
        peaks: (...) the rows' largest values, for vectors the largest magnitudes.
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


def quantize_vectors(vectors: NDArray[Any]) -> Rows:
    """Store vectors in a byte a value, each relative to its own largest one.

    Args:
        vectors: (..., C), of any sign.

    Returns:
        Vector i is `(levels[i] - 128) * peaks[i] / 127`. A value is off by at most 1/254 (0.4 %) of its
        vector's largest one, plus 1/131070 of the largest of all.

    >>> stored = quantize_vectors(np.array([[1.0, -0.5, 0.0]]))
    >>> stored.levels.tolist()
    [[255, 64, 128]]
    """
    peaks = fixed_point(np.abs(vectors).max(axis=-1))
    stored = peaks.integers[..., None] * np.float32(peaks.step)
    relative = np.divide(vectors, stored, out=np.zeros_like(vectors), where=stored > 0)
    return Rows(np.clip(np.rint(128 + 127 * relative), 1, 255).astype(np.uint8), peaks)


def pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any] | Fixed]) -> bytes:
    """Join a header and named arrays into one message.

    Args:
        header: JSON values; the key "steps" is taken.
        arrays: uint8, uint16, int32 or float32 arrays; `Fixed` ones carry their step.

    Raises:
        ValueError: an array of another type, which JavaScript would have to convert.
    """
    steps = {name: value.step for name, value in arrays.items() if isinstance(value, Fixed)}
    stored = {}
    for name, value in arrays.items():
        data = value.integers if isinstance(value, Fixed) else value
        if data.dtype.name not in _TYPES:
            raise ValueError(f"array {name!r} is {data.dtype}: convert it to one of {', '.join(_TYPES)}.")
        stored[name] = np.ascontiguousarray(data)
    text = json.dumps({**header, "steps": steps}, separators=(",", ":"))
    return tensors.save(stored, metadata={"header": text})


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any] | Fixed]]:
    """Read a message back: the header, and the arrays as they were packed.

    Raises:
        ValueError: the bytes are no such message.

    >>> header, arrays = unpack(pack({"kind": "labels"}, {"labels": np.zeros((2, 3), np.uint8)}))
    >>> header["kind"], arrays["labels"].shape
    ('labels', (2, 3))
    """
    try:
        stored = tensors.load(message)
        length = int.from_bytes(message[:8], "little")
        header = json.loads(json.loads(message[8 : 8 + length])["__metadata__"]["header"])
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"the bytes are no viewer message: {error}.") from error
    steps = header.pop("steps")
    return header, {
        name: Fixed(data, steps[name]) if name in steps else data for name, data in stored.items()
    }
