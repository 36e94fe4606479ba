"""Reading every kind of image file and array as a person sees it."""

from __future__ import annotations

import io
import struct
import threading
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.image_files import LOSSLESS, RGB, encode, png

from swinviz.images import read_image


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_lossless_file_gives_its_exact_pixels(picture: RGB, file_format: str) -> None:
    assert np.array_equal(read_image(encode(picture, file_format, **LOSSLESS[file_format])), picture)


def test_jpeg_gives_what_opencv_decodes(picture: RGB) -> None:
    smooth = cv2.resize(picture, (70, 50))
    data = encode(smooth, "JPEG", quality=95, subsampling=0)
    peer = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(read_image(data).astype(int) - peer).max() <= 2


def test_path_string_bytes_file_pil_and_array_give_the_same(picture: RGB, tmp_path: Path) -> None:
    path = tmp_path / "ünï cödé 画像.png"
    path.write_bytes(encode(picture))
    with path.open("rb") as file:
        file.read(10)  # somebody looked at it before us
        from_file = read_image(file)
        assert not file.closed
    sources: list[Any] = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), picture]
    for image in [from_file, read_image(Image.open(path)), *map(read_image, sources)]:
        assert np.array_equal(image, picture)
        assert image.dtype == np.uint8
        assert image.flags.writeable
        assert image.flags.c_contiguous


def test_result_is_a_copy_that_the_caller_may_change(picture: RGB) -> None:
    before = picture.copy()
    read_image(picture)[:] = 0
    assert np.array_equal(picture, before)


def test_format_is_told_by_content_not_by_suffix(picture: RGB, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(picture, "PNG"))
    assert np.array_equal(read_image(path), picture)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
@pytest.mark.parametrize("file_format", [*LOSSLESS, "JPEG", "GIF"])
def test_thinnest_images_are_read(size: tuple[int, int], file_format: str) -> None:
    gray = np.full((*size, 3), 128, np.uint8)
    image = read_image(encode(gray, file_format))
    assert image.shape == (*size, 3)
    assert np.abs(image.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int, file_format: str) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)  # red at the top left, green at the top right, blue at the bottom left
    upright[:8, -8:] = (0, 255, 0)
    upright[-8:, :8] = (0, 0, 255)
    # How a camera stores an upright scene, by EXIF 2.3: row 0 and column 0 of the stored picture are the
    # visual top/left, top/right, bottom/right, bottom/left, left/top, right/top, right/bottom, left/bottom.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: upright.swapaxes(0, 1)[::-1],
        7: upright.swapaxes(0, 1)[::-1, ::-1],
        8: upright.swapaxes(0, 1)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = (
        {"lossless": True} if file_format == "WEBP" else {"subsampling": 0} if file_format == "JPEG" else {}
    )
    image = read_image(encode(np.ascontiguousarray(stored), file_format, exif=exif, **options))
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).max() <= 6


def test_impossible_exif_rotation_is_ignored(picture: RGB) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert np.array_equal(read_image(encode(picture, exif=exif)), picture)


def test_corrupt_exif_does_not_spoil_a_good_image(picture: RGB) -> None:
    data = encode(picture, "PNG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff garbage")
    assert np.array_equal(read_image(data), picture)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_not_clipped(file_format: str) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image = read_image(encode(levels, file_format))
    assert np.array_equal(image[..., 0].ravel(), [round(level / 257) for level in range(65536)])
    assert np.array_equal(image[..., 0], image[..., 2])


def test_16_bit_big_endian_and_mode_i_are_scaled_too() -> None:
    levels = np.array([[0, 257, 25700, 65535]], np.uint16)
    expected = [0, 1, 100, 255]
    assert read_image(Image.fromarray(levels.astype(np.int32)))[0, :, 0].tolist() == expected
    assert read_image(levels.astype(">u2"))[0, :, 0].tolist() == expected
    big_endian = Image.frombytes("I;16B", (4, 1), levels.astype(">u2").tobytes())
    assert read_image(big_endian)[0, :, 0].tolist() == expected


def test_16_bit_color_png_keeps_its_brightness() -> None:
    data = png(2, 1, 16, 2, b"\x00" + struct.pack(">6H", 0, 30000, 65535, 65535, 128 * 257, 257))
    assert np.abs(read_image(data)[0].astype(int) - [[0, 117, 255], [255, 128, 1]]).max() <= 1


def naive_cmyk(cmyk: NDArray[np.uint8]) -> NDArray[np.float64]:
    ink = cmyk.astype(float) / 255
    return 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])


def test_cmyk_tiff_becomes_rgb(rng: np.random.Generator) -> None:
    cmyk = rng.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    image = read_image(encode(Image.frombytes("CMYK", (7, 5), cmyk.tobytes()), "TIFF"))
    assert np.abs(image - naive_cmyk(cmyk)).max() <= 1


def test_cmyk_jpeg_is_right_with_adobe_inversion_and_without() -> None:
    cmyk = np.zeros((16, 16, 4), np.uint8)
    cmyk[..., 0], cmyk[..., 3] = 200, 30  # a dark cyan
    # PIL writes what Photoshop does: an Adobe APP14 segment and inverted inks.
    adobe = encode(Image.frombytes("CMYK", (16, 16), cmyk.tobytes()), "JPEG", quality=100)
    assert b"Adobe" in adobe
    assert np.abs(read_image(adobe) - naive_cmyk(cmyk)).max() <= 4
    # Without the segment viewers disagree; PIL, OpenCV and Chrome take the inks for inverted all the same.
    start = adobe.index(b"\xff\xee")
    length = struct.unpack(">H", adobe[start + 2 : start + 4])[0]
    plain = adobe[:start] + adobe[start + 2 + length :]
    for data in (adobe, plain):
        peer = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(read_image(data).astype(int) - peer).max() <= 4


def over_white(rgba: NDArray[Any]) -> NDArray[np.float64]:
    alpha = rgba[..., 3:].astype(float) / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "array"])
def test_alpha_is_composited_on_white(rng: np.random.Generator, file_format: str) -> None:
    rgba = rng.integers(0, 256, (9, 11, 4), dtype=np.uint8)
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
    image = read_image(rgba if file_format == "array" else encode(rgba, file_format, **options))
    assert np.abs(image - over_white(rgba)).max() <= 1


def test_palette_with_transparency_shows_colors_over_white() -> None:
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 200, 0, 0, 0, 0, 200])
    picture.putdata([0, 1, 2])
    expected = [[10, 20, 30], [255, 255, 255], [0, 0, 200]]
    assert read_image(encode(picture, "PNG", transparency=1))[0].tolist() == expected
    assert read_image(encode(picture, "GIF", transparency=1))[0].tolist() == expected
    # One alpha per palette entry: half transparent red.
    image = read_image(encode(picture, "PNG", transparency=bytes([255, 128, 255])))
    assert np.abs(image[0, 1] - over_white(np.array([200, 0, 0, 128]))).max() <= 1


def test_one_transparent_gray_or_color_shows_white() -> None:
    gray = Image.fromarray(np.array([[7, 9]], np.uint8))
    assert read_image(encode(gray, transparency=9))[0].tolist() == [[7, 7, 7], [255, 255, 255]]
    color = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert read_image(encode(color, transparency=(1, 2, 3)))[0].tolist() == [[255, 255, 255], [4, 5, 6]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "HSV", "CMYK"])
def test_every_usual_mode_of_a_pil_image_is_read(mode: str) -> None:
    red = Image.new("RGB", (3, 2), (255, 0, 0))
    image = read_image(red.convert(mode if mode != "PA" else "P").convert(mode))
    gray = mode in {"1", "L", "LA"}
    assert image.shape == (2, 3, 3)
    assert gray or np.abs(image.astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_gives_its_first_frame(file_format: str) -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    frames = [Image.new("RGB", (8, 6), color) for color in colors]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    image = read_image(data)
    assert image.shape == (6, 8, 3)
    assert (image == [255, 0, 0]).all()


def test_pil_image_gives_the_frame_that_its_owner_chose() -> None:
    frames = [Image.new("RGB", (8, 6), color) for color in [(255, 0, 0), (0, 255, 0)]]
    picture = Image.open(io.BytesIO(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    picture.seek(1)
    assert (read_image(picture) == [0, 255, 0]).all()


def test_arrays_of_every_kind_mean_the_same_gray() -> None:
    for array in (
        np.full((2, 3), 51, np.uint8),
        np.full((2, 3, 1), 51, np.int64),
        np.full((2, 3), 51 * 257, np.uint16),
        np.full((2, 3), 0.2, np.float16),
        np.full((2, 3, 3), 0.2),
    ):
        assert (read_image(array) == np.full((2, 3, 3), 51)).all(), array.dtype
    assert read_image(np.array([[True, False]]))[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_rounded_to_the_nearest_level(dtype: type) -> None:
    levels = np.arange(256)[None]
    for nudge in (-0.4, 0, 0.4):
        floats = np.clip((levels + nudge) / 255, 0, 1).astype(dtype)
        assert np.array_equal(read_image(floats)[..., 0], levels)


def test_threads_read_at_the_same_time_and_leave_the_warning_filters_alone(picture: RGB) -> None:
    data = encode(cv2.resize(picture, (300, 200)))
    expected, filters, results = read_image(data), list(warnings.filters), []
    threads = [threading.Thread(target=lambda: results.append(read_image(data))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 16
    assert all(np.array_equal(result, expected) for result in results)
    assert list(warnings.filters) == filters
