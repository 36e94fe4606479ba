"""Masks to polygons along the edges of their pixels, and polygons back to masks: exact both ways.

Coordinates are (x, y) in pixels from the upper left corner of the image: the pixel of row y and column x is
the square from (x, y) to (x + 1, y + 1), and belongs to a polygon if its center does (even-odd rule).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError

__all__ = ["Polygon", "fill", "outline"]

Ring = NDArray[np.float64]
"""Corners (N, 2), x and y, of a closed line; the last is joined to the first."""

_MOST_CROSSINGS = 200_000_000  # of edges with rows of pixels, about two gigabytes of work


@dataclass(frozen=True, eq=False)
class Polygon:
    """One connected area.

    Attributes:
        outer: corners (N, 2) of its border, in pixels.
        holes: corners (N, 2) each of the borders of its holes.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()

    def as_one_ring(self) -> Ring:
        """Join the holes to the border by cuts without width: (N, 2), for formats that know no holes."""
        ring = self.outer
        for hole in sorted(self.holes, key=lambda corners: float(corners[:, 0].min())):
            start = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
            turned = np.roll(hole, -start, axis=0)
            at = int(np.abs(ring - turned[0]).sum(axis=1).argmin())
            ring = np.concatenate([ring[: at + 1], turned, turned[:1], ring[at:]])
        return ring


def outline(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Find the polygons of a mask (H, W); `fill` gives back the same mask.

    >>> ring = np.ones((3, 3), bool)
    >>> ring[1, 1] = False
    >>> [(polygon.outer.tolist(), len(polygon.holes)) for polygon in outline(ring)]
    [([[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0]], 1)]
    """
    outers: list[tuple[Ring, tuple[float, float, float, float]]] = []
    inner: list[tuple[Ring, tuple[float, float]]] = []
    for ring in _rings(mask):
        top = ring[:, 1].min()
        edge = ring[ring[:, 1] == top]
        x, y = int(edge[:, 0].min()), int(top)
        if mask[y, x]:
            low, high = ring.min(axis=0), ring.max(axis=0)
            outers.append((ring, (low[0], low[1], high[0], high[1])))
        else:
            inner.append((ring, (x + 0.5, y - 0.5)))  # a pixel of the area around the hole
    holes: list[list[Ring]] = [[] for _ in outers]
    for ring, beside in inner:
        around = [
            (box[2] - box[0]) * (box[3] - box[1])
            if _within(box, *beside) and _contains(outer, *beside)
            else np.inf
            for outer, box in outers
        ]
        holes[int(np.argmin(around))].append(ring)
    return [Polygon(outer, tuple(own)) for (outer, _), own in zip(outers, holes, strict=True)]


def fill(rings: Sequence[Ring], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill closed lines by the even-odd rule: (H, W), true where a pixel's center is inside.

    Args:
        rings: corners (N, 2) each, x and y in pixels; parts outside the image are cut off.
        size: (height, width) in pixels.

    Raises:
        DatasetError: so many edges that filling would take minutes.
    """
    height, width = size
    starts = np.concatenate([np.asarray(ring, np.float64) for ring in rings] or [np.empty((0, 2))])
    ends = np.concatenate(
        [np.roll(np.asarray(ring, np.float64), -1, axis=0) for ring in rings] or [np.empty((0, 2))]
    )
    # Edges downward, and the rows whose centers each passes: from ceil(y0 - 0.5) to below ceil(y1 - 0.5).
    upward = starts[:, 1] > ends[:, 1]
    starts[upward], ends[upward] = ends[upward], starts[upward].copy()
    first = np.clip(np.ceil(starts[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(ends[:, 1] - 0.5), 0, height).astype(np.int64)
    counts = last - first
    if counts.sum() > _MOST_CROSSINGS:
        raise DatasetError(f"polygons with {len(starts)} corners are too much to fill: simplify them.")
    toggles = np.zeros((height, width + 1), np.uint8)
    for part in _parts(counts):
        edges = np.repeat(np.arange(len(counts))[part], counts[part])
        offsets = np.arange(len(edges)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        rows = first[edges] + offsets
        down = (rows + 0.5 - starts[edges, 1]) / (ends[edges, 1] - starts[edges, 1])
        x = starts[edges, 0] + down * (ends[edges, 0] - starts[edges, 0])
        columns = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
        flat = np.bincount(rows * (width + 1) + columns, minlength=toggles.size)
        toggles ^= (flat & 1).astype(np.uint8).reshape(toggles.shape)
    return np.bitwise_xor.accumulate(toggles, axis=1)[:, :width].astype(bool)


def _parts(counts: NDArray[np.int64]) -> list[slice]:
    """Runs of edges with some five million crossings each."""
    bounds = np.searchsorted(np.cumsum(counts), np.arange(5_000_000, counts.sum(), 5_000_000))
    edges = [0, *np.unique(bounds).tolist(), len(counts)]
    return [slice(low, high) for low, high in pairwise(edges) if high > low]


def _rings(mask: NDArray[np.bool_]) -> list[Ring]:
    """Closed lines around the pixels of a mask, corner by corner; outer borders and holes alike."""
    padded = np.pad(mask, 1).astype(np.int8)
    block = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    total = sum(block[1:], block[0])
    double = (total == 2) & (block[0] == block[3])  # two pixels that touch at their corners: two turns
    times = np.where(double, 2, (total % 2 == 1).astype(np.int8))
    rows, columns = np.nonzero(times)
    repeat = times[rows, columns]
    rows, columns = np.repeat(rows, repeat), np.repeat(columns, repeat)
    # Along a row the corners are ends of horizontal edges, in pairs; along a column, of vertical ones.
    across = np.arange(len(rows)) ^ 1
    by_column = np.lexsort((rows, columns))
    down = np.empty_like(across)
    down[by_column] = by_column[np.arange(len(rows)) ^ 1]
    horizontal, vertical = across.tolist(), down.tolist()
    used = [False] * len(rows)
    found = []
    for start in range(len(rows)):
        if used[start]:
            continue
        ring, here = [], start
        while not used[here]:
            there = horizontal[here]
            used[here] = used[there] = True
            ring += [here, there]
            here = vertical[there]
        found.append(np.stack([columns[ring], rows[ring]], axis=1).astype(np.float64))
    return found


def _within(box: tuple[float, float, float, float], x: float, y: float) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]


def _contains(ring: Ring, x: float, y: float) -> bool:
    """True where a point that lies on no corner's row is inside a line of horizontal and vertical edges."""
    following = np.roll(ring, -1, axis=0)
    passes = (ring[:, 1] > y) != (following[:, 1] > y)
    return bool(np.count_nonzero(passes & (ring[:, 0] > x)) % 2)
