"""Files built to take minutes or gigabytes to open are refused; what programs write is read."""

from __future__ import annotations

import contextlib
import io
import resource
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image
from support.image_files import encode, png_chunk

from swinviz.errors import ImageError
from swinviz.images import read_image
from swinviz.images.structure import check_scans

MANY = 200_000


def progressive(side: int, repeats: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (9, 99, 200)).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * repeats + b"\xff\xd9"


def png_with(*chunks: bytes, side: int = 4, color: int = 2, channels: int = 3) -> bytes:
    """A flat PNG with chunks before its picture."""
    header = struct.pack(">IIBBBBB", side, side, 8, color, 0, 0, 0)
    picture = png_chunk(b"IDAT", zlib.compress(bytes(side * (side * channels + 1))))
    parts = (png_chunk(b"IHDR", header), *chunks, picture, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(tags: list[tuple[int, int, int, int | None]], body: bytes) -> bytes:
    """A TIFF of (tag, type, count, value); None points at the body, which all may share."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", t, k, n, start if v is None else v) for t, k, n, v in sorted(tags)
    )
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + body


SHARED = [(1000 + i, 7, 1_000_000, None) for i in range(300)]  # 300 tags that point at one block
GRAY = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
STRIPS = [
    (256, 4, 1, 1),
    (257, 4, 1, MANY),
    *GRAY[2:],
    (273, 4, MANY, None),
    (278, 4, 1, 1),
    (279, 4, MANY, None),
]


def gif_with(blocks: bytes) -> bytes:
    """A GIF with extensions before its picture."""
    whole = encode(Image.new("P", (8, 8)), "GIF")
    flags = whole[10]
    at = whole.index(b"\x2c", 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 128 else 0))
    return whole[:at] + blocks + whole[at:]


PICTURE = [*GRAY, (273, 4, 1, 4), (278, 4, 1, 4), (279, 4, 1, 16)]
ATTACKS = {
    "a JPEG of 1000 scans": lambda: progressive(700, 1000),
    "a large JPEG of 45 scans": lambda: progressive(7000, 45),
    "empty chunks of a PNG": lambda: png_with(png_chunk(b"abCd", b"") * MANY),
    "empty picture data of a PNG": lambda: png_with(png_chunk(b"IDAT", b"") * MANY),
    "EXIF tags that share a block": lambda: png_with(png_chunk(b"eXIf", tiff(SHARED, bytes(1_000_000)))),
    "tags of a TIFF that share a block": lambda: tiff(PICTURE + SHARED, bytes(1_000_000)),
    "strips of a TIFF": lambda: tiff(STRIPS, bytes(4 * MANY)),
    "blocks of a GIF's comment": lambda: gif_with(b"\x21\xfe" + (b"\xff" + b"a" * 255) * 20_000 + b"\0"),
    "a TIFF of a JPEG of 500 scans": lambda: scans_in_a_strip(500),
    "segments of a JPEG": lambda: progressive(8, 0)[:2] + b"\xff\xfe\0\2" * MANY + progressive(8, 0)[2:],
    "comments of a GIF": lambda: gif_with(b"\x21\xfe\x01a\0" * MANY),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_built_to_be_slow_is_refused_at_once(attack: str) -> None:
    contents = ATTACKS[attack]()
    started = time.process_time()
    with pytest.raises(ImageError, match="built to be slow") as refusal:
        read_image(contents)
    assert time.process_time() - started < 1.0
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_a_side_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    thin = encode(Image.new("RGB", (100_000, 1)), "PNG")
    with pytest.raises(ImageError, match="100000 x 1 pixels, a side beyond the limit of 40000"):
        read_image(thin)
    assert read_image(thin, max_side=100_000).shape == (1, 100_000, 3)
    assert read_image(encode(Image.new("RGB", (1, 5000)), "PNG")).shape == (5000, 1, 3)


def test_what_cameras_and_programs_write_is_read() -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker" * 500
    exif.get_ifd(0x8769)[0x927C] = bytes(30_000)  # a maker's note
    for kind, options in (
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
    ):
        file = io.BytesIO()
        noise.save(file, kind, exif=exif, **options)
        assert read_image(file.getvalue()).shape == (200, 300, 3), kind  # turned upright by its EXIF
    animation = io.BytesIO()
    noise.save(
        animation, "GIF", save_all=True, append_images=[noise] * 20, comment=b"a comment" * 100, loop=0
    )
    assert read_image(animation.getvalue()).shape == (300, 200, 3)


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8))


def film_behind() -> bytes:
    """A telephone's picture in motion: a JPEG, and behind it a film, whose bytes may be any."""
    return encode(Image.new("RGB", (3000, 2000)), "JPEG") + np.random.default_rng(3).bytes(9_000_000)


# In all of them the two bytes that begin a JPEG's scan occur by chance, more than a hundred times.
LARGE = {
    "PNG": lambda: encode(noise(2500, 3300), "PNG", compress_level=0),
    "TIFF": lambda: encode(noise(2500, 3300), "TIFF"),
    "BMP": lambda: encode(noise(2500, 3300), "BMP"),
    "a film behind a JPEG": film_behind,
    "many JPEG strips of a TIFF": lambda: encode(
        Image.new("RGB", (4000, 4000)), "TIFF", compression="jpeg", strip_size=4000 * 8 * 3
    ),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_file_is_not_taken_for_one_of_many_scans(kind: str) -> None:
    contents = LARGE[kind]()
    assert contents.count(b"\xff\xda") > 100
    assert read_image(contents).ndim == 3


def test_a_progressive_picture_of_four_channels_has_no_more_scans_than_is_usual() -> None:
    contents = encode(Image.new("CMYK", (64, 64)), "JPEG", progressive=True)
    check_scans(contents, 64_000_000, "the largest")
    assert contents.count(b"\xff\xda") == 18


def scans_in_a_strip(repeats: int) -> bytes:
    """A TIFF whose one strip is a progressive JPEG with its last scan repeated."""
    strip = progressive(700, repeats)
    tags = [(256, 4, 1, 700), (257, 4, 1, 700), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 6)]
    tags += [(277, 3, 1, 3), (278, 4, 1, 700), (273, 4, 1, 8 + 2 + 12 * 9 + 4), (279, 4, 1, len(strip))]
    return tiff(tags, strip)


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**32])
def test_numbers_of_64_bits_are_no_places_in_a_file(number: int) -> None:
    """A BigTIFF whose directory, or whose strips, lie beyond what can be addressed (found by fuzzing)."""
    entries = [(259, 3, 1, 7), (273, 16, number, number), (279, 16, number, number)]
    for start, tags in ((number, b""), (16, b"".join(struct.pack("<HHQQ", *entry) for entry in entries))):
        contents = b"II+\0\x08\0\0\0" + struct.pack("<QQ", start, len(entries)) + tags
        with pytest.raises(ImageError):
            read_image(contents)
        with contextlib.suppress(ImageError):
            check_scans(contents, 1_000_000, "it")


def test_transparency_in_bands_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rgba = Image.fromarray(rng.integers(0, 256, (90, 70, 4), dtype=np.uint8))
    whole = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    monkeypatch.setattr("swinviz.images.reading._BAND", 500)
    assert np.array_equal(read_image(encode(rgba, "PNG")), np.asarray(whole))


@pytest.mark.slow
def test_the_largest_picture_stays_within_two_gigabytes_and_ten_seconds() -> None:
    large = png_with(side=7000, color=6, channels=4)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert read_image(large).shape == (7000, 7000, 3)
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2e6  # kB
