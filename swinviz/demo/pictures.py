"""Pictures from visitors: read with limits, remembered for links to them while their files are there."""

from __future__ import annotations

import hashlib
import html
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from numpy.typing import NDArray
from PIL import Image

from swinviz.demo.refusal import Refusal
from swinviz.demo.security import MAX_PIXELS, MAX_SIDE, MAX_UPLOAD_BYTES
from swinviz.errors import ImageError
from swinviz.images import read_isolated, read_reduced

__all__ = ["Picture", "Pictures", "picture_input"]

_SHOWN_BY_BROWSERS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
_DECODED_BYTES = 64 * 2**20
_REMEMBERED = 1000


class Picture(NamedTuple):
    """A picture as it is worked on.

    Attributes:
        id: name of an example, or a string that nobody can guess who does not have the picture.
        name: name of its file, without the suffix.
        pixels: (H, W, 3).
        sent: (height, width) in pixels before it was reduced.
        shown: whether browsers show its file.
    """

    id: str
    name: str
    pixels: NDArray[np.uint8]
    sent: tuple[int, int]
    shown: bool

    @property
    def note(self) -> str:
        """Sentence on its being reduced; empty where it was not."""
        if self.sent == self.pixels.shape[:2]:
            return ""
        (sent_height, sent_width), (height, width) = self.sent, self.pixels.shape[:2]
        return f"reduced from {sent_width} × {sent_height} to {width} × {height} pixels before anything else"


class Pictures:
    """Visitors' pictures: those used last are kept decoded, more are found by their id while they are there.

    Args:
        max_size: longest side, in pixels, that a picture is worked on at.
        examples: file of each example, by its name, which is its id.
    """

    def __init__(self, max_size: int, examples: Mapping[str, Path]) -> None:
        self.max_size = max_size
        self._secret = secrets.token_bytes(16)
        self._lock = threading.Lock()
        self._decoded: OrderedDict[str, Picture] = OrderedDict()
        self._files: OrderedDict[str, str] = OrderedDict()  # id -> file
        self._ids: OrderedDict[str, tuple[str, bool]] = OrderedDict()  # file -> id, shown by browsers
        self._examples: dict[str, str] = {}  # what would be an example's id -> its name
        for name, file in examples.items():
            pixels, sent = read_reduced(file, max_size)
            self._examples[self._keep(str(file), pixels, sent, shown=True).id] = name
        self._decoded.clear()
        self._ids.clear()
        self._files = OrderedDict((name, str(file)) for name, file in examples.items())

    def open(self, path: str | None) -> Picture:
        """Read an uploaded picture, reduced to the size that is worked on.

        Args:
            path: the uploaded file, or None.

        Raises:
            gr.Error: there is none, or it cannot be read; one sentence that says why.
        """
        if path is None:
            raise Refusal("Please choose a picture first.", title="No picture")
        with self._lock:
            picture_id, shown = self._ids.get(path, ("", False))
            if picture_id in self._decoded:
                self._decoded.move_to_end(picture_id)
                return self._decoded[picture_id]._replace(shown=shown)
        return self._keep(path, *_read(Path(path), self.max_size))

    def find(self, picture_id: str) -> str | None:
        """Return the file of a picture by its id, or None if it is no longer (or never was) here."""
        with self._lock:
            path = self._files.get(picture_id)
        return path if path and Path(path).is_file() else None

    def _keep(self, path: str, pixels: NDArray[np.uint8], sent: tuple[int, int], shown: bool) -> Picture:
        digest = hashlib.blake2b(pixels.tobytes(), key=self._secret, digest_size=12)
        digest.update(repr(pixels.shape).encode())
        picture_id = self._examples.get(digest.hexdigest(), digest.hexdigest())
        with self._lock:
            # The page may send back what it was given in place of a file that browsers do not show: the same
            # pixels, and still the picture that was sent.
            picture = self._decoded.pop(picture_id, None) or Picture(
                picture_id, Path(path).stem, pixels, sent, shown
            )
            self._decoded[picture_id] = picture
            self._ids[path] = picture_id, shown
            if picture_id not in self._examples.values():
                self._files[picture_id] = path
            while len(self._decoded) > 1 and self._decoded_bytes() > _DECODED_BYTES:
                self._decoded.popitem(last=False)
            while len(self._files) > _REMEMBERED:
                self._files.popitem(last=False)
            while len(self._ids) > _REMEMBERED:
                self._ids.popitem(last=False)
        return picture._replace(shown=shown)

    def _decoded_bytes(self) -> int:
        return sum(picture.pixels.nbytes for picture in self._decoded.values())


def picture_input(**settings: Any) -> gr.Image:
    """Make an image upload that hands over the uploaded file itself, undecoded.

    Gradio's own would open the file before any limit of ours is asked, take an animation's color numbers for
    gray values, and report what it cannot read as a bare "Error".

    Args:
        settings: of `gr.Image`.
    """
    picture = gr.Image(type="filepath", image_mode=None, format="png", **settings)
    # Not a subclass, beside whose source file gradio would write a .pyi file at every start.
    picture.preprocess = _uploaded_file  # type: ignore[method-assign]
    return picture


def _uploaded_file(payload: ImageData | None) -> str | None:
    if payload is None:
        return None
    if not payload.path:
        raise Refusal("The picture did not arrive; please upload it as a file.")
    return payload.path


def _read(file: Path, max_size: int) -> tuple[NDArray[np.uint8], tuple[int, int], bool]:
    """Pixels at the size that is worked on, the size before that, and whether browsers show the file."""
    try:
        if file.stat().st_size > MAX_UPLOAD_BYTES:
            raise ImageError(f"it has more than {MAX_UPLOAD_BYTES // 2**20} MB; make it smaller")
        image, sent = read_isolated(file, max_size, MAX_PIXELS, MAX_SIDE)
        with Image.open(file) as header:
            shown = header.format in _SHOWN_BY_BROWSERS
    except FileNotFoundError:
        raise Refusal("The picture is no longer here; please upload it again.", title="No picture") from None
    except ImageError as problem:
        raise Refusal(_presentable(str(problem), file), title="This picture cannot be used") from problem
    return image, sent, shown


def _presentable(message: str, file: Path) -> str:
    """Say the file's name, which a stranger chose, as plain text, and not where the server keeps it."""
    return html.escape(message.replace(str(file), file.name).replace(str(file.parent), ""), quote=False)
