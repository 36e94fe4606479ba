"""Files that are no readable image are refused in one sentence: what it is, why, what to do."""

from __future__ import annotations

import io
import os
import re
import resource
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from support.image_files import RGB, encode, one_sentence, png
from support.permissions import bound_by_permissions

from swinviz.errors import ImageError
from swinviz.images import read_image


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((3, 8, 9), np.uint8), "move its first axis last"),
        (np.zeros(7, np.uint8), "shape"),
        (np.zeros((1, 4, 5, 3), np.uint8), "shape"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.full((2, 2), 300), "values from 300 to 300"),
        (np.full((2, 2), -1), "scale to 0 to 255"),
        (np.full((2, 2), 128.0), "scale to 0 to 1"),
        (np.array([[0.5, np.nan]]), "nan"),
        (np.array([[0.5, np.inf]]), "inf"),
        (np.zeros((2, 2), complex), "complex"),
        (np.array([["a", "b"]]), "<U1"),
    ],
)
def test_array_that_is_no_image_is_explained(array: NDArray[Any], reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as error:
        read_image(array)
    one_sentence(error)


def test_missing_file_names_the_path(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.png", tmp_path / "no folder" / "nothing.png"):
        with pytest.raises(ImageError, match=re.escape(repr(str(path)))) as error:
            read_image(path)
        assert "there is no file" in one_sentence(error)


def test_file_used_as_a_folder_folder_device_and_odd_names_are_explained(tmp_path: Path) -> None:
    (tmp_path / "file.png").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.png")
    for path, reason in {
        str(tmp_path / "file.png" / "below.png"): "no file",
        str(tmp_path): "is a folder",
        str(tmp_path / "pipe.png"): "a device or a pipe",
        "/dev/zero": "a device or a pipe",
        "a\0b.png": "cannot be opened",
        "n" * 5000: "cannot be opened",
        "": "is a folder",
    }.items():
        with pytest.raises(ImageError, match=reason) as error:
            read_image(path)
        one_sentence(error)


def test_unreadable_file_says_permissions(tmp_path: Path, picture: RGB) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encode(picture))
    path.chmod(0)
    with bound_by_permissions(), pytest.raises(ImageError, match=r"'secret.png' may not be read") as error:
        read_image(path)
    one_sentence(error)


def test_empty_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(ImageError, match=r"'empty.jpg' is empty \(0 bytes\)") as error:
        read_image(path)
    one_sentence(error)
    with pytest.raises(ImageError, match="the image is empty"):
        read_image(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is text",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",  # PIL would call Ghostscript
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"P6 1 1 255\n\x00\x00\x00",
        bytes(1000),
    ],
)
def test_file_that_is_no_image_names_what_can_be_read(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"^'holiday.png' is .*(PNG, JPEG, WebP|truncated)") as error:
        read_image(path)
    one_sentence(error)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_truncated_file_says_so(file_format: str, rng: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    whole = encode(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), file_format)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=r"'cut.png' is (truncated or damaged|not a PNG)") as error:
        read_image(path)
    one_sentence(error)


@pytest.mark.parametrize("side", [8_001, 10_000, 12_000, 60_000])
def test_decompression_bomb_is_refused_before_it_is_decoded(side: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side, 8, 2, bytes(1000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        with pytest.raises(ImageError, match=r"'bomb.png' has") as error:
            read_image(path)
    assert "make it smaller" in one_sentence(error)
    assert leaked == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_limit_counts_pixels_and_can_be_set(picture: RGB) -> None:
    data = encode(picture)
    assert read_image(data, max_pixels=35).shape == (5, 7, 3)
    with pytest.raises(ImageError, match="7 x 5 pixels") as error:
        read_image(data, max_pixels=34)
    one_sentence(error)
    with pytest.raises(ImageError, match="7 x 5 pixels"):
        read_image(Image.open(io.BytesIO(data)), max_pixels=34)


def test_32_bit_values_are_refused_rather_than_clipped() -> None:
    with pytest.raises(ImageError, match="32-bit values") as error:
        read_image(encode(np.array([[0, 70000]], np.int32), "TIFF"))
    one_sentence(error)
    with pytest.raises(ImageError, match="scale to 0 to 1"):
        read_image(encode(np.array([[0, 255]], np.float32), "TIFF"))
    assert read_image(encode(np.array([[0, 1]], np.float32), "TIFF"))[0, :, 0].tolist() == [0, 255]


def test_things_that_are_no_images_at_all_are_explained() -> None:
    for thing in (None, 7, [[1, 2], [3, 4]], torch.zeros(3, 4, 4)):
        with pytest.raises(ImageError, match=f"a {type(thing).__name__} is not an image") as error:
            read_image(thing)  # type: ignore[arg-type]
        one_sentence(error)
    with pytest.raises(ImageError, match="text mode") as error:
        read_image(io.StringIO("text"))  # type: ignore[arg-type]
    one_sentence(error)
    closed = Image.open(io.BytesIO(encode(np.zeros((4, 4, 3), np.uint8))))
    closed.close()
    with pytest.raises(ImageError) as error:
        read_image(closed)
    one_sentence(error)


def test_name_with_a_newline_stays_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines <b>.png"
    path.write_bytes(b"no image")
    with pytest.raises(ImageError) as error:
        read_image(path)
    one_sentence(error)
