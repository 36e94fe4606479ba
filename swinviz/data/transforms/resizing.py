"""Random size and random crop: only the part of the resized image that the crop keeps is ever computed.

Source: mmsegmentation 0.x, mmseg/datasets/pipelines/transforms.py (Resize, RandomCrop).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.transforms.planes import Bytes, Planes
from swinviz.images import keep_ratio_size
from swinviz.model.geometry import Box

__all__ = ["choose_crop", "random_size", "resize_labels", "resize_planes"]

TRIES = 10  # crops that are looked at before one with too much of one class is taken anyway


def random_size(
    size: tuple[int, int], scale: tuple[int, int], ratios: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int]:
    """Draw the (height, width) an image is resized to: keep-ratio `scale` times a number from `ratios`.

    >>> random_size((480, 640), (2048, 512), (0.5, 0.5), np.random.default_rng(0))
    (256, 341)
    """
    ratio = rng.uniform(*ratios)
    return keep_ratio_size(size, (int(scale[0] * ratio), int(scale[1] * ratio)))


def resize_planes(image: Bytes, size: tuple[int, int], box: Box) -> Planes:
    """Resize an image (H, W, 3) to `size` bilinearly, without antialiasing; return a crop of the result.

    Equals OpenCV's INTER_LINEAR, and torch's interpolate with align_corners and antialias off, within one
    gray level.
    """
    rows = _taps(image.shape[0], size[0], box.top, box.bottom - box.top)
    columns = _taps(image.shape[1], size[1], box.left, box.right - box.left)
    left, right = int(columns.first[0]), int(columns.second[-1]) + 1
    source = np.ascontiguousarray(image[:, left:right].transpose(2, 0, 1))
    lines = _blend(source, rows, axis=1)  # 3 h W'
    columns = columns._replace(first=columns.first - left, second=columns.second - left)
    return _blend(lines, columns, axis=2)  # 3 h w


class _Taps(NamedTuple):
    """For each pixel of a stretch: its two neighbors in the source, and the weight of the second."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    weight: NDArray[np.float32]


def _blend(source: Bytes | Planes, taps: _Taps, axis: int) -> Planes:
    before = source.take(taps.first, axis).astype(np.float32, copy=False)
    out: Planes = source.take(taps.second, axis).astype(np.float32, copy=False)
    out -= before
    out *= taps.weight[:, None] if axis == 1 else taps.weight
    out += before
    return out


def _taps(source: int, target: int, start: int, count: int) -> _Taps:
    place = (np.arange(start, start + count) + 0.5) * (source / target) - 0.5
    place = np.clip(place, 0, source - 1)
    first = place.astype(np.intp)
    return _Taps(first, np.minimum(first + 1, source - 1), (place - first).astype(np.float32))


def resize_labels(labels: Bytes, size: tuple[int, int], box: Box) -> Bytes:
    """Resize labels (H, W) to `size` by taking nearest pixels; return a crop of the result.

    Equals OpenCV's INTER_NEAREST, which takes the pixel at floor(position * source / target).
    """
    rows = _nearest(labels.shape[0], size[0], box.top, box.bottom - box.top)
    columns = _nearest(labels.shape[1], size[1], box.left, box.right - box.left)
    return labels[rows[:, None], columns]


def _nearest(source: int, target: int, start: int, count: int) -> NDArray[np.intp]:
    # 1 / (target / source) is how OpenCV computes the factor; source / target rounds otherwise.
    places = np.floor(np.arange(start, start + count) * (1 / (target / source)))
    return np.minimum(places.astype(np.intp), source - 1)


def choose_crop(
    labels: Bytes,
    size: tuple[int, int],
    crop: tuple[int, int],
    cat_max_ratio: float,
    rng: np.random.Generator,
) -> Box:
    """Draw a crop of the labels resized to `size`, preferring one that no class fills.

    Up to ten crops are looked at; the first with more than one class, none of them with a share of
    `cat_max_ratio` or more of the pixels that count, is taken. If there is none, an eleventh is taken unseen.
    An image smaller than the crop is kept whole.
    """
    box = _any_crop(size, crop, rng)
    if cat_max_ratio >= 1:
        return box
    for _ in range(TRIES):
        counts = np.bincount(resize_labels(labels, size, box).ravel(), minlength=256)[:IGNORE_INDEX]
        if np.count_nonzero(counts) > 1 and counts.max() < cat_max_ratio * counts.sum():
            break
        box = _any_crop(size, crop, rng)
    return box


def _any_crop(size: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator) -> Box:
    height, width = min(size[0], crop[0]), min(size[1], crop[1])
    top, left = int(rng.integers(size[0] - height + 1)), int(rng.integers(size[1] - width + 1))
    return Box(top, left, top + height, left + width)
