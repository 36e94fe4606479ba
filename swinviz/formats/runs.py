"""Run-length encodings of masks: COCO's by pycocotools, Label Studio's brush, CVAT's.

Sources: cocodataset/cocoapi, common/maskApi.c; HumanSignal/label-studio-converter, brush.py (thi.ng's
rle-pack); CVAT's documentation, "CVAT for images 1.1".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import DatasetError
from swinviz.lazy import require_package

__all__ = [
    "brush_runs",
    "coco_runs",
    "cvat_runs",
    "from_brush_runs",
    "from_coco",
    "from_cvat_runs",
    "require_coco",
]

_SIZES: Final = (3, 4, 8, 16)  # bits that a brush run's length may have
_WORD: Final = 8  # bits of a brush value
_CHANNELS: Final = 4  # a brush mask is an RGBA picture; all four say the same


def require_coco() -> Any:
    """Import pycocotools' mask module.

    Raises:
        MissingPackageError: it is not installed; the message says how to install it.
    """
    return require_package("pycocotools.mask", "swinviz[formats]", needed="COCO needs pycocotools, which")


def coco_runs(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Encode a mask (H, W) as COCO's compressed RLE: size and counts, a text.

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    runs = require_coco().encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in runs["size"]], "counts": runs["counts"].decode("ascii")}


def from_coco(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode a COCO segmentation, polygons or RLE, to a mask (H, W).

    Args:
        segmentation: a list of polygons [x, y, x, y, ...], or a mapping with size and counts.
        size: (height, width) of the image, in pixels.

    Raises:
        DatasetError: it is neither, or of another size.
        MissingPackageError: pycocotools is not installed.
    """
    height, width = size
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str):
        polygons = [[float(number) for number in polygon] for polygon in segmentation]
        if not polygons or any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
            raise DatasetError("a polygon needs three corners or more, as x, y, x, y, ...")
        if not all(abs(number) < 1e6 for polygon in polygons for number in polygon):
            raise DatasetError("a polygon has a corner far outside the image")
        coco = require_coco()
        merged = coco.merge(coco.frPyObjects(polygons, height, width))
        return _from_lengths(_lengths(merged["counts"]), size)
    if not isinstance(segmentation, Mapping):
        raise DatasetError("a segmentation is neither polygons nor RLE")
    counts = segmentation["counts"]
    if [int(side) for side in segmentation["size"]] != [height, width]:
        raise DatasetError(f"an RLE has size {segmentation['size']}, the image {[height, width]}")
    if isinstance(counts, str):
        counts = counts.encode("ascii")
    lengths = _lengths(counts) if isinstance(counts, bytes) else [int(count) for count in counts]
    return _from_lengths(lengths, size)


def _from_lengths(lengths: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask (H, W) of COCO's run lengths, column by column, first the zeros.

    Not `pycocotools.mask.decode`: where the counts end too early it leaves in the mask whatever memory held.
    """
    height, width = size
    if min(lengths, default=0) < 0 or sum(lengths) != height * width:
        raise DatasetError(f"an RLE counts {sum(lengths)} pixels, the image has {height * width}")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T


def _lengths(counts: bytes) -> list[int]:
    """Run lengths of COCO's compressed counts (maskApi.c, rleFrString)."""
    lengths: list[int] = []
    value = shift = 0
    for byte in counts:
        digit = byte - 48
        if not 0 <= digit < 64:
            raise DatasetError("an RLE's counts hold characters that they never have")
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
        elif shift > 60:
            raise DatasetError("an RLE's counts are no numbers")
    if shift:
        raise DatasetError("an RLE's counts end in the middle of a number")
    return lengths


def brush_runs(mask: NDArray[np.bool_]) -> list[int]:
    """Encode a mask (H, W) as Label Studio's brush: bytes (0 to 255) of runs of RGBA values."""
    lengths = _runs(mask)
    bits = [f"{mask.size * _CHANNELS:032b}{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    value = bool(mask.flat[0]) if mask.size else False
    for length in lengths:
        left = length * _CHANNELS
        while left:
            part = min(left, 1 << _SIZES[-1])
            index = next(number for number, size in enumerate(_SIZES) if part <= 1 << size)
            bits.append(f"1{index:02b}{part - 1:0{_SIZES[index]}b}{255 * value:08b}")
            left -= part
        value = not value
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def from_brush_runs(runs: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode Label Studio's brush to a mask (H, W), true where its alpha is not 0.

    Args:
        runs: bytes, 0 to 255.
        size: (height, width) of the image, in pixels.

    Raises:
        DatasetError: the bytes are no such encoding, or of another size.
    """
    data = bytes(runs)
    bits, at = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else "", 0

    def take(count: int) -> int:
        nonlocal at
        if at + count > len(bits):
            raise DatasetError("a brush's RLE ends too early")
        at += count
        return int(bits[at - count : at], 2)

    total = take(32)
    if total != size[0] * size[1] * _CHANNELS:
        raise DatasetError(f"a brush's RLE has {total} values, the image {size[0] * size[1] * _CHANNELS}")
    word = take(5) + 1
    sizes = [take(4) + 1 for _ in _SIZES]
    values = np.zeros(total, np.uint8)
    filled = 0
    while filled < total:
        repeated = take(1)
        end = filled + 1 + take(sizes[take(2)])
        if end > total:
            raise DatasetError("a brush's RLE has more values than it says")
        if repeated:
            values[filled:end] = min(take(word), 255)
        else:
            values[filled:end] = [min(take(word), 255) for _ in range(end - filled)]
        filled = end
    return values.reshape(*size, _CHANNELS)[..., 3] > 0


def cvat_runs(mask: NDArray[np.bool_]) -> tuple[str, tuple[int, int, int, int]]:
    """Encode a mask (H, W) that is not empty as CVAT's: runs, first of zeros, and the rectangle they fill.

    Returns:
        Runs as a text, row by row inside the rectangle (left, top, width, height), in pixels.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    lengths = _runs(part)
    runs = [0, *lengths] if part.flat[0] else lengths
    return ", ".join(map(str, runs)), (left, top, part.shape[1], part.shape[0])


def from_cvat_runs(
    runs: str, rectangle: tuple[int, int, int, int], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Decode CVAT's runs to a mask (H, W).

    Args:
        runs: lengths, the first of zeros, separated by commas.
        rectangle: (left, top, width, height) that they fill, in pixels.
        size: (height, width) of the image, in pixels.

    Raises:
        DatasetError: the runs do not fill the rectangle, or it lies outside the image.
    """
    left, top, width, height = rectangle
    lengths = [int(length) for length in runs.split(",")]
    if min(left, top, width, height, *lengths) < 0 or left + width > size[1] or top + height > size[0]:
        raise DatasetError("a mask lies outside the image")
    if sum(lengths) != width * height:
        raise DatasetError(f"a mask's runs count {sum(lengths)} pixels, its rectangle has {width * height}")
    values = np.arange(len(lengths)) % 2 == 1
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = np.repeat(values, lengths).reshape(height, width)
    return mask


def _runs(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of equal values, row by row."""
    flat = mask.ravel()
    ends = [*(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), flat.size]
    return np.diff([0, *ends]).tolist() if flat.size else []
