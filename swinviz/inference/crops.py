"""Overlapping crops that cover an image, for images that are not looked at whole."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Crop", "crops"]


class Crop(NamedTuple):
    """A crop and the part of the image that it answers for, as (rows, columns); all in the image's pixels.

    Attributes:
        seen: what the model is shown.
        kept: the middle of it, up to half of each overlap; the kept parts of all crops tile the image.
    """

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]

    @property
    def kept_within(self) -> tuple[slice, slice]:
        """The kept part, counted from the crop's corner."""
        rows, columns = (
            slice(kept.start - seen.start, kept.stop - seen.start)
            for kept, seen in zip(self.kept, self.seen, strict=True)
        )
        return rows, columns


def crops(size: tuple[int, int], crop: tuple[int, int], stride: tuple[int, int]) -> list[Crop]:
    """Cover an image with crops, row by row; the last ones are moved inward so that all are full.

    An image smaller than a crop is its own crop along that side.

    Args:
        size: (height, width) of the image, in pixels.
        crop: (height, width) of a crop.
        stride: (vertical, horizontal) step from one crop to the next.

    Returns:
        The crops that mmsegmentation's slide inference takes (mmseg/models/segmentors/encoder_decoder.py).

    >>> [crop.seen[1] for crop in crops((4, 10), (4, 4), (3, 3))]
    [slice(0, 4, None), slice(3, 7, None), slice(6, 10, None)]
    """
    rows, columns = (_spans(*side) for side in zip(size, crop, stride, strict=True))
    return [
        Crop((seen_rows, seen_columns), (kept_rows, kept_columns))
        for seen_rows, kept_rows in rows
        for seen_columns, kept_columns in columns
    ]


def _spans(length: int, crop: int, stride: int) -> list[tuple[slice, slice]]:
    """Cut one side into (seen, kept) spans."""
    count = max(length - crop + stride - 1, 0) // stride + 1
    ends = [min(index * stride + crop, length) for index in range(count)]
    starts = [max(end - crop, 0) for end in ends]
    cuts = [0, *((end + start) // 2 for end, start in zip(ends, starts[1:], strict=False)), length]
    return [
        (slice(start, end), slice(first, last))
        for start, end, first, last in zip(starts, ends, cuts[:-1], cuts[1:], strict=True)
    ]
