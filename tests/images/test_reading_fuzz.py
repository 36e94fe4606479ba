"""Mutated files of every format: an image or one sentence, in bounded time and memory."""

from __future__ import annotations

import time

import cv2
import numpy as np
from PIL import Image
from support.fuzzing import limited_memory, mutate
from support.image_files import encode, png_chunk

from swinviz.errors import ImageError
from swinviz.images import read_image


def seeds() -> list[bytes]:
    """Small files of every format and of many of its modes."""
    rng = np.random.default_rng(1)
    rgb = Image.fromarray(cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (24, 16)))
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [
        encode(rgb, exif=exif),
        encode(rgb.convert("P"), transparency=3),
        encode(rgb.convert("RGBA")),
        encode(np.asarray(rgb.convert("L")).astype(np.uint16) * 257),
        encode(rgb, "JPEG", exif=exif),
        encode(rgb, "JPEG", progressive=True),
        encode(rgb.convert("CMYK"), "JPEG"),
        encode(rgb, "WEBP"),
        encode(rgb.convert("RGBA"), "WEBP", lossless=True),
        encode(rgb, "BMP"),
        encode(rgb.convert("P"), "BMP"),
        encode(rgb.convert("1"), "TIFF", compression="group4"),
        encode(rgb.convert("CMYK"), "TIFF"),
    ]
    files += [
        encode(rgb, "TIFF", compression=method) for method in ("raw", "tiff_lzw", "tiff_deflate", "jpeg")
    ]
    animated = {"save_all": True, "append_images": [rgb.transpose(Image.Transpose.ROTATE_180)]}
    files += [encode(rgb, kind, **animated) for kind in ("GIF", "WEBP", "PNG", "TIFF")]
    return files


def with_valid_checksums(data: bytes) -> bytes:
    """A mutated PNG whose chunks pass the check, so that the damage gets in; other files as they are."""
    if not data.startswith(b"\x89PNG"):
        return data
    chunks, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        chunks.append(png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(chunks)


def test_mutated_files_give_an_image_or_one_sentence_in_bounded_time_and_memory(fuzz_count: int) -> None:
    files = seeds()
    read = refused = 0
    with limited_memory(gigabytes=1):
        for number in range(fuzz_count):
            rng = np.random.default_rng(number)
            data = mutate(files[number % len(files)], rng, files)
            if number % 2:
                data = with_valid_checksums(data)
            start = time.process_time()
            try:
                image = read_image(data, max_pixels=1_000_000)
            except ImageError:
                refused += 1
            else:
                read += 1
                assert image.dtype == np.uint8
                assert image.ndim == 3
            assert time.process_time() - start < 2, f"mutant {number} took too long"
    print(f"{read} read, {refused} refused")
    assert min(read, refused) > fuzz_count // 20, "the mutations are too weak or too strong to test anything"
