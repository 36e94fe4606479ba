"""Bilinear resizing of bytes in OpenCV's fixed-point arithmetic, bit for bit.

The published figures were measured on images that OpenCV resized, whose levels are not those of exact
arithmetic: one in eight differs by one. Weights have 11 bits after the point, the horizontal sum keeps 7 of
them, and each row's share of the vertical sum keeps 2.

Source: OpenCV 4, modules/imgproc/src/resize.cpp (`resizeGeneric_`, `VResizeLinear` and its vector code,
`ResizeAreaFastVec` for halves); mmcv, mmcv/image/geometric.py (`rescale_size`); the scale is that of
mmsegmentation, configs/_base_/datasets/ade20k.py.
"""

from __future__ import annotations

import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["keep_ratio_size", "resize"]

_ONE = 2048  # a weight of 1 in fixed point
_BLOCK = 40_000  # pixels worked on at a time, so that what is between two steps stays in the cache
_WORTH_A_THREAD = 100_000  # pixels of the result

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int32]
Indices = NDArray[np.intp]


def resize(image: Bytes, size: tuple[int, int]) -> Bytes:
    """Bilinear resizing without antialiasing, equal to OpenCV's INTER_LINEAR.

    PIL's BILINEAR and torchvision's default blur before they shrink, which changes what the model sees.

    Args:
        image: (H, W, 3), gray levels 0 to 255.
        size: (height, width) wanted, in pixels.

    Returns:
        (*size, 3).

    >>> resize(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), (1, 4))[0, :, 0].tolist()
    [0, 64, 191, 255]
    """
    height, width = size
    if image.shape[:2] == (height, width):
        return image.copy()
    if image.shape[:2] == (2 * height, 2 * width):
        return _halve(image)
    image = np.ascontiguousarray(image)
    down, right = _taps(image.shape[0], height, repeat_border=True), _taps(image.shape[1], width)
    resized = np.empty((height, width, 3), np.uint8)
    spans = min(_threads(), 1 + height * width // _WORTH_A_THREAD, height)
    starts = [height * span // spans for span in range(spans + 1)]
    if spans == 1:
        _resize_rows(image, resized, down, right, 0, height)
        return resized
    with ThreadPoolExecutor(spans) as threads:
        jobs = [
            threads.submit(_resize_rows, image, resized, down, right, start, stop)
            for start, stop in itertools.pairwise(starts)
        ]
        for job in jobs:
            job.result()
    return resized


def keep_ratio_size(size: tuple[int, int], scale: tuple[int, int] = (2048, 512)) -> tuple[int, int]:
    """The largest size of the same shape with long edge at most max(scale) and short edge at most min(scale).

    Small images are upsampled too. Edges are rounded as mmcv does, int(x + 0.5), to at least one pixel.

    Args:
        size: (height, width) of the image, in pixels.
        scale: the two limits in either order, in pixels.

    >>> keep_ratio_size((480, 640))
    (512, 683)
    >>> keep_ratio_size((300, 3000))
    (205, 2048)
    """
    factor = min(max(scale) / max(size), min(scale) / min(size))
    height, width = (max(1, int(edge * factor + 0.5)) for edge in size)
    return height, width


def _threads() -> int:
    """As many as PyTorch is set to use, where it is loaded: exported models are read without it."""
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch else os.cpu_count() or 1


@dataclass(frozen=True)
class _Taps:
    """The two old positions that each new position along one axis is mixed of, with their weights."""

    first: Indices
    second: Indices
    first_weight: Integers
    second_weight: Integers


def _taps(length: int, size: int, *, repeat_border: bool = False) -> _Taps:
    """Place `size` new positions on an axis of `length` old ones, centers on centers.

    Beyond the outermost centers OpenCV takes the outermost column whole, but mixes the outermost row with
    itself (`repeat_border`), which rounds twice.
    """
    place = ((np.arange(size) + 0.5) * (1.0 / (size / length)) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.intp)
    fraction = place - first.astype(np.float32)
    if not repeat_border:
        fraction[(first < 0) | (first >= length - 1)] = 0.0
        first = np.minimum(first, length - 1)
    return _Taps(
        first.clip(0, length - 1),
        (first + 1).clip(0, length - 1),
        np.rint((np.float32(1.0) - fraction) * _ONE).astype(np.int32),
        np.rint(fraction * _ONE).astype(np.int32),
    )


def _resize_rows(image: Bytes, resized: Bytes, down: _Taps, right: _Taps, start: int, stop: int) -> None:
    """Fill the rows `start` to `stop` of the result, in blocks that stay in the processor's cache."""
    old_height, old_width, _ = image.shape
    width = resized.shape[1]
    step = max(1, min(_BLOCK // width, stop - start))
    columns = np.concatenate([right.first, right.second])
    lines = image.reshape(old_height, 3 * old_width)
    # Two rows a new one at most; numpy is told where to write, as fresh memory would cost more than the sums.
    most = min(2 * step, old_height)
    source = np.empty(most * 3 * old_width + 1, np.uint8)
    pixels = np.empty((most, old_width), np.uint32)
    taken = np.empty((most, 2 * width), np.uint32)
    mixed, other = np.empty((2, most, width), np.int32)
    above, below = np.empty((2, step, width), np.int32)
    for top in range(start, stop, step):
        rows = slice(top, min(top + step, stop))
        used, places = np.unique(np.stack([down.first[rows], down.second[rows]]), return_inverse=True)
        first, second = places.reshape(2, -1)
        count, new = len(used), len(first)
        flat = source[: count * 3 * old_width].reshape(count, 3 * old_width)
        np.take(lines, used, axis=0, out=flat, mode="clip")
        # Four bytes from each pixel on, its own three and one too many: a pixel is moved as one number.
        pixels[:count] = np.ndarray((count, old_width), np.uint32, source, 0, (3 * old_width, 3))
        np.take(pixels[:count], columns, axis=1, out=taken[:count], mode="clip")
        levels = taken[:count].view(np.uint8).reshape(count, 2, width, 4)
        a, b, u, v = mixed[:count], other[:count], above[:new], below[:new]
        for color in range(3):
            np.multiply(levels[:, 0, :, color], right.first_weight, out=a)
            np.multiply(levels[:, 1, :, color], right.second_weight, out=b)
            a += b
            a >>= 4
            _weigh(a, first, down.first_weight[rows], u)
            _weigh(a, second, down.second_weight[rows], v)
            u += v
            u += 2
            np.right_shift(u, 2, out=resized[rows, :, color], casting="unsafe")


def _weigh(lines: Integers, rows: Indices, weights: Integers, out: Integers) -> None:
    """Take rows and give each its weight, rounded down to two bits after the point."""
    np.take(lines, rows, axis=0, out=out, mode="clip")
    out *= weights[:, None]
    out >>= 16


def _halve(image: Bytes) -> Bytes:
    """Average 2 x 2 pixels, half a level rounded up; OpenCV takes this way to exactly half the size."""
    height, width, _ = image.shape
    quads = image.reshape(height // 2, 2, width // 2, 2, 3)
    total = np.add(quads[:, 0, :, 0], quads[:, 0, :, 1], dtype=np.uint16)
    total += quads[:, 1, :, 0]
    total += quads[:, 1, :, 1]
    total += 2
    return (total >> 2).astype(np.uint8)
