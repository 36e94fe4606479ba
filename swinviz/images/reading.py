"""Any image file or array to RGB bytes: what a person sees in a viewer, or one sentence that says why not.

Files come from strangers. Only PIL's own decoders are used (none that calls another program), and a file's
structure and the size in its header are looked at before a pixel is decoded.
"""

from __future__ import annotations

import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from swinviz.errors import ImageError
from swinviz.images.sentences import REFUSALS
from swinviz.images.structure import check_exif, check_scans, check_structure

__all__ = ["FORMATS", "MAX_PIXELS", "MAX_SIDE", "ImageLike", "read_image"]

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]"
"""Accepted by `read_image`, and so by everything that takes an image."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
"""The formats that are read, by PIL's names."""

MAX_PIXELS = 64_000_000
"""The largest image read by default, in pixels: about 8000 x 8000.

Reading one takes up to 22 bytes a pixel beside its file, 1.4 GB (lossless WebP; JPEG 18, PNG 8 to 14).
"""

MAX_SIDE = 40_000
"""The longest side read by default, in pixels: thin strips cost as much as pictures at each step after."""

_MOST_BYTES = 2**30  # of a file: 16 bytes a pixel at the limit
_BAND = 2_000_000  # pixels put over white at a time
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(
    source: ImageLike, *, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE
) -> NDArray[np.uint8]:
    """Read an image as RGB: upright, 8 bits a channel, transparency over white, an animation's first frame.

    Args:
        source: a path; a file's bytes or an open binary file (PNG, JPEG, WebP, GIF, TIFF or BMP); a PIL
            image; or an array (H, W), (H, W, 3) or (H, W, 4) with floats from 0 to 1, uint16 from 0 to 65535,
            or other integers from 0 to 255.
        max_pixels: refuse a file or PIL image with more pixels than this, before decoding it. PIL has a limit
            of its own (`PIL.Image.MAX_IMAGE_PIXELS`), to be raised too for more than about 178 million.
        max_side: refuse it likewise with a longer side than this, in pixels.

    Returns:
        (H, W, 3), a new array that the caller may change.

    Raises:
        ImageError: if there is no such file, it may not be read, is empty, damaged, too large or no image; or
            if an array has another shape or other values.

    >>> read_image(np.full((2, 3), 0.5)).shape
    (2, 3, 3)
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        with _decoding("the image"):
            return _from_pil(source, "the image", (max_pixels, max_side))
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        with _open(path) as file:
            return _from_bytes(file.read(), repr(path.name), (max_pixels, max_side))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(source), "the image", (max_pixels, max_side))
    if hasattr(source, "read"):
        return _from_bytes(_contents(source), "the image", (max_pixels, max_side))
    raise ImageError(
        f"a {type(source).__name__} is not an image; give a path, a file's bytes, a PIL image or an array"
    )


def _open(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{path.name!r} is a folder, not an image; name a file in it")
        if not stat.S_ISREG(mode):  # a pipe would wait forever, /dev/zero would never end
            raise ImageError(f"{path.name!r} is a device or a pipe, not an image file; save the image first")
        if path.stat().st_size > _MOST_BYTES:
            raise ImageError(f"{path.name!r} has more than {_MOST_BYTES // 2**20} MiB; make it smaller")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"there is no file {str(path)!r}; check the path") from error
    except PermissionError as error:
        raise ImageError(f"{path.name!r} may not be read by this user; change its permissions") from error
    except (OSError, ValueError) as error:  # a name too long, a NUL in it, a disk that fails
        if isinstance(error, ImageError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path.name[:80]!r} cannot be opened ({reason}); check the path") from error


def _contents(file: BinaryIO) -> bytes:
    with suppress(AttributeError, OSError):  # a stream that cannot go back is read from where it stands
        file.seek(0)
    contents = file.read()
    if not isinstance(contents, bytes):
        raise ImageError('the image file is open in text mode; open it with mode "rb"')
    return contents


def _from_bytes(contents: bytes, name: str, limits: tuple[int, int]) -> NDArray[np.uint8]:
    if not contents:
        raise ImageError(REFUSALS["empty"].format(name=name))
    check_structure(contents, name)
    with _decoding(name), Image.open(io.BytesIO(contents), formats=FORMATS) as image:
        check_scans(contents, image.width * image.height, name)
        return _from_pil(image, name, limits)


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn whatever PIL raises into an ImageError, and silence its warnings."""
    with _quiet:
        try:
            yield
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(REFUSALS["unknown"].format(name=name)) from error
        except Image.DecompressionBombError as error:
            raise ImageError(f"{name} has more pixels than can be read safely; make it smaller") from error
        except MemoryError as error:
            raise ImageError(REFUSALS["memory"].format(name=name)) from error
        except Exception as error:  # damage shows as OSError, SyntaxError, struct.error, IndexError, ...
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ImageError(REFUSALS["damaged"].format(name=name, reason=reason)) from error


class _Quiet:
    """Silence for PIL's warnings while any thread decodes: Python's warning filters belong to all threads."""

    def __init__(self) -> None:
        self._lock, self._threads = threading.Lock(), 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._threads == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")
            self._threads += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._threads -= 1
            if self._threads == 0:
                self._saved.__exit__(None, None, None)


_quiet = _Quiet()


def _from_pil(image: Image.Image, name: str, limits: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = image.size
    max_pixels, max_side = limits
    known = {"name": name, "width": width, "height": height}
    if max(width, height) > max_side:
        raise ImageError(REFUSALS["long"].format(**known, limit=max_side))
    if width * height > max_pixels:
        raise ImageError(REFUSALS["large"].format(**known, limit=f"{max_pixels / 1e6:g}"))
    image.load()
    exif = image.info.get("exif")
    if isinstance(exif, bytes):
        check_exif(exif.removeprefix(b"Exif\0\0"), name)
    elif "Raw profile type exif" in image.info:  # EXIF as text, before PNG had a place for it
        image.info.pop("Raw profile type exif")
    # After load(), because PIL turns TIFFs upright by itself while loading and then forgets the tag.
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    if image.mode == "F":
        return _from_array(np.asarray(image), name)
    if image.mode.startswith("I"):  # I;16, I;16B; and I, which is 32 bits wide but holds 16-bit files too
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise ImageError(
                f"{name} has 32-bit values beyond 0 to 65535; save it with 8 or 16 bits a channel"
            )
        return _from_array(levels.astype(np.uint16), name)
    return _over_white(image)


def _over_white(image: Image.Image) -> NDArray[np.uint8]:
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"))
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):  # in bands, so that the whole never lies in memory four times
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        band.info.update(image.info)  # a palette's transparency stands there
        rgba = band.convert("RGBA")
        over = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        rgb[top : top + rows] = np.asarray(over.convert("RGB"))
    return rgb


def _from_array(array: NDArray[Any], name: str = "the array") -> NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        hint = "move its first axis last" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else "reshape it"
        raise ImageError(f"{name} has shape {array.shape} instead of (H, W), (H, W, 3) or (H, W, 4); {hint}")
    if array.size == 0:
        raise ImageError(f"{name} has shape {array.shape}, so it has no pixels; give at least one")
    levels = _to_bytes(array, name)
    if levels.ndim == 2:
        return np.repeat(levels[..., None], 3, axis=2)
    if levels.shape[2] == 4:
        return _over_white(Image.fromarray(levels))
    return levels


def _to_bytes(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """A copy of the values as gray levels 0 to 255."""
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # of either byte order
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 / 257 = 255, rounded
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise ImageError(f"{name} holds {array.dtype} values; give uint8, uint16 or floats from 0 to 1")
    highest = 1 if array.dtype.kind == "f" else 255
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= highest):  # written so that NaN fails
        raise ImageError(
            f"{name} holds values from {low:g} to {high:g} as {array.dtype}; scale to 0 to {highest}"
        )
    return np.rint(array * 255).astype(np.uint8) if highest == 1 else array.astype(np.uint8)
