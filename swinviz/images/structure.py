"""Limits on the structure of image files: small ones can be built to take minutes or gigabytes to open.

PIL's decoders read some parts in Python loops, and metadata as often as it is pointed at. What is counted
here is far above what cameras and programs write, and costs milliseconds to count.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from swinviz.errors import ImageError

__all__ = ["check_exif", "check_scans", "check_structure"]

_MOST_SCANS = 100  # of a JPEG; programs write about ten, each is a pass over the whole picture
_USUAL_SCANS = 20  # a progressive picture of four channels has 18, whatever its size
_MOST_SCANNED = 1_000_000_000  # pixels times scans beyond the usual
_MOST_BLOCKS = 100_000  # chunks of a PNG, blocks of a GIF before its picture; 8 kB a chunk is usual
_MOST_STRIPS = 100_000  # strips or tiles of a TIFF; a row each is usual at most
_SLACK = 2**17  # bytes of metadata beyond twice what there is to point at
_MOST_EXIF = 2**16 + 16  # bytes of a JPEG's EXIF: one segment
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COMPRESSION, _JPEG = 259, 7
_OFFSETS, _COUNTS = (273, 324), (279, 325)  # of strips and tiles
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)  # not the stuffing, nor restarts
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_BARE = (0x01, 0xD8, _END_OF_IMAGE)  # markers that no length follows


def check_structure(contents: bytes, name: str) -> None:
    """Refuse a file whose structure would take unreasonably long to open.

    Args:
        contents: the file's bytes.
        name: of the image, for the message.

    Raises:
        ImageError: there are more scans, chunks, blocks, strips or metadata than any program writes.
    """
    if contents[:2] == b"\xff\xd8":
        _check_jpeg(contents, name)
    elif contents[:8] == b"\x89PNG\r\n\x1a\n":
        _check_png(contents, name)
    elif contents[:3] == b"GIF":
        _check_gif(contents, name)
    elif contents[:4] in _TIFF_STARTS:
        check_exif(contents, name)
    elif contents[:4] == b"RIFF" and contents[8:12] == b"WEBP":
        _check_webp(contents, name)


def check_scans(contents: bytes, pixels: int, name: str) -> None:
    """Refuse a JPEG (or a TIFF of JPEGs) whose scans pass over too many pixels in all.

    Args:
        contents: the file's bytes.
        pixels: width times height.
        name: of the image, for the message.

    Raises:
        ImageError: the scans are too many for the size.
    """
    if contents[:2] == b"\xff\xd8":
        scans = _scans(contents, name)
    elif contents[:4] in _TIFF_STARTS:
        scans = max((_scans(piece, name) for piece in _jpegs_of_tiff(contents, name)), default=0)
    else:
        return
    if scans > _USUAL_SCANS and scans * pixels > _MOST_SCANNED:
        raise _refusal(name, f"{scans} scans of {pixels / 1e6:.0f} million pixels")


def check_exif(contents: bytes, name: str) -> None:
    """Refuse a TIFF file or EXIF block whose tags point at more data than there is, time and again.

    Args:
        contents: bytes from the byte order mark on.
        name: of the image, for the message.

    Raises:
        ImageError: its tags hold more than twice its bytes, or it has too many strips.
    """
    total, strips = 0, 0
    for tag, kind, values, _ in _tags(contents):
        total += values * _TIFF_SIZES.get(kind, 1)
        if tag in (*_OFFSETS, *_COUNTS):
            strips = max(strips, values)
    if total > 2 * len(contents) + _SLACK:
        raise _refusal(name, f"tags of {total / 1e6:.0f} MB in {len(contents) / 1e6:.1f} MB")
    if strips > _MOST_STRIPS:
        raise _refusal(name, f"{strips} strips")


def _tags(contents: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Walk the first directory of a TIFF: tag, type, number of values, place of the first; ends at damage."""
    order = _order(contents)
    large = contents[2:4] in (b"+\0", b"\0+")  # BigTIFF
    head, count_size, entry, offset = (8, 8, 20, "Q") if large else (4, 2, 12, "L")
    try:
        (start,) = struct.unpack_from(order + offset, contents, head)
        (count,) = struct.unpack_from(order + ("Q" if large else "H"), contents, start)
        for index in range(min(count, 65_536)):
            at = start + count_size + index * entry
            tag, kind, values = struct.unpack_from(order + "HH" + offset, contents, at)
            place = at + entry - struct.calcsize("=" + offset)  # where few values stand themselves
            if values * _TIFF_SIZES.get(kind, 1) > struct.calcsize("=" + offset):
                (place,) = struct.unpack_from(order + offset, contents, place)
            yield tag, kind, values, place
    except (struct.error, OverflowError):
        return  # damaged: the decoder says how


def _jpegs_of_tiff(contents: bytes, name: str) -> Iterator[memoryview]:
    """Cut out the strips or tiles of a TIFF that are JPEGs."""
    found = {tag: (kind, values, place) for tag, kind, values, place in _tags(contents)}
    if _COMPRESSION not in found or _numbers(contents, *found[_COMPRESSION])[:1] != (_JPEG,):
        return
    for offsets, counts in zip(_OFFSETS, _COUNTS, strict=True):
        if offsets in found and counts in found:
            places = zip(
                _numbers(contents, *found[offsets]), _numbers(contents, *found[counts]), strict=False
            )
            pieces = set(places)
            if sum(count for _, count in pieces) > 2 * len(contents) + _SLACK:
                raise _refusal(name, f"strips of more bytes than its {len(contents) / 1e6:.1f} MB")
            yield from (memoryview(contents)[start : start + count] for start, count in pieces)


def _numbers(contents: bytes, kind: int, values: int, place: int) -> tuple[int, ...]:
    """Read the whole numbers of a TIFF's tag; none where it is damaged."""
    letter = {1: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}.get(kind)
    try:
        return struct.unpack_from(f"{_order(contents)}{values}{letter}", contents, place) if letter else ()
    except (struct.error, OverflowError):
        return ()


def _order(contents: bytes) -> str:
    return "<" if contents[:2] == b"II" else ">"


def _scans(contents: bytes | memoryview, name: str) -> int:
    """Count the scans of a JPEG up to its end; what stands behind it, such as a film, belongs to others."""
    at = scans = segments = 0
    while match := _MARKER.search(contents, at):
        marker, at = match[1][0], match.end()
        segments += 1
        if marker == _END_OF_IMAGE:
            break
        if marker not in _BARE:
            at += int.from_bytes(contents[at : at + 2], "big")
        scans += marker == _START_OF_SCAN
        if scans > _MOST_SCANS:
            raise _refusal(name, f"more than {_MOST_SCANS} scans")
        if segments > _MOST_BLOCKS:
            raise _refusal(name, f"more than {_MOST_BLOCKS} segments")
    return scans


def _check_jpeg(contents: bytes, name: str) -> None:
    _scans(contents, name)
    at, exif = 2, 0
    while at + 4 <= len(contents) and contents[at] == 0xFF and contents[at + 1] != _START_OF_SCAN:
        length = int.from_bytes(contents[at + 2 : at + 4], "big")
        if contents[at + 1] == 0xE1 and contents[at + 4 : at + 10] == b"Exif\0\0":
            exif += length
        if exif > _MOST_EXIF:
            raise _refusal(name, "EXIF in too many segments")
        at += 2 + length


def _check_png(contents: bytes, name: str) -> None:
    at, chunks = 8, 0
    while at + 8 <= len(contents):
        length, kind = int.from_bytes(contents[at : at + 4], "big"), contents[at + 4 : at + 8]
        if kind == b"eXIf":
            check_exif(contents[at + 8 : at + 8 + length], name)
        chunks += 1
        if chunks > _MOST_BLOCKS:
            raise _refusal(name, f"more than {_MOST_BLOCKS} chunks")
        at += 12 + length


def _check_gif(contents: bytes, name: str) -> None:
    if len(contents) < 13:
        return
    flags = contents[10]
    at = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    blocks = 0
    while at + 1 < len(contents) and contents[at] == 0x21:  # extensions before the first picture
        at += 2
        while at < len(contents) and contents[at]:
            at += 1 + contents[at]
            blocks += 1
            if blocks > _MOST_BLOCKS // 10:
                raise _refusal(name, f"more than {_MOST_BLOCKS // 10} blocks before its picture")
        at += 1
        blocks += 1


def _check_webp(contents: bytes, name: str) -> None:
    at = 12
    for _ in range(1000):
        if at + 8 > len(contents):
            return
        kind, length = contents[at : at + 4], int.from_bytes(contents[at + 4 : at + 8], "little")
        if kind == b"EXIF":
            block = contents[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
            check_exif(block, name)
        at += 8 + length + length % 2
    raise _refusal(name, "more than 1000 chunks")


def _refusal(name: str, why: str) -> ImageError:
    return ImageError(f"{name} is built to be slow to open ({why}); save it again with an image editor")
