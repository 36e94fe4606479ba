"""Pictures from visitors and pictures to choose from."""

from __future__ import annotations

import html
import importlib.util
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from numpy.typing import NDArray
from PIL import Image

from swinviz.data.scenes import scene
from swinviz.demo.refusal import Refusal
from swinviz.demo.security import MAX_PIXELS, MAX_SIDE, MAX_UPLOAD_BYTES
from swinviz.errors import ImageError
from swinviz.images import keep_ratio_size, read_image, resize

__all__ = ["examples", "open_picture", "picture_input"]

# (package, file below it): photographs that come with packages the demo needs anyway.
_PHOTOGRAPHS = (
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ("gradio", "media_assets/images/lion.jpg"),
    ("gradio", "media_assets/images/cheetah.jpg"),
)
_SCENES = (7, 9, 3)
_SCENE_SIZE = (384, 512)
_HELD_OUT = 1  # the world of validation scenes: the model that comes with the package has not seen it


def picture_input(**settings: Any) -> gr.Image:
    """Make an image upload that hands over the uploaded file itself, undecoded.

    Gradio's own would open the file before any limit of ours is asked, take an animation's color numbers for
    gray values, and report what it cannot read as a bare "Error".

    Args:
        settings: of `gr.Image`.
    """
    picture = gr.Image(type="filepath", image_mode=None, **settings)
    # Not a subclass, beside whose source file gradio would write a .pyi file at every start.
    picture.preprocess = _uploaded_file  # type: ignore[method-assign]
    return picture


def _uploaded_file(payload: ImageData | None) -> str | None:
    if payload is None:
        return None
    if not payload.path:
        raise Refusal("The picture did not arrive; please upload it as a file.")
    return payload.path


def open_picture(path: str | None, max_size: int) -> NDArray[np.uint8]:
    """Read an uploaded picture, reduced to the size that is worked on.

    Args:
        path: the uploaded file, or None.
        max_size: longest side of the result, in pixels.

    Returns:
        (H, W, 3).

    Raises:
        gr.Error: there is none, or it cannot be read; one sentence that says why.
    """
    if path is None:
        raise Refusal("Please choose a picture first.", title="No picture")
    file = Path(path)
    try:
        if file.stat().st_size > MAX_UPLOAD_BYTES:
            raise ImageError(f"it has more than {MAX_UPLOAD_BYTES // 2**20} MB; make it smaller")
        image = read_image(file, max_pixels=MAX_PIXELS, max_side=MAX_SIDE)
    except FileNotFoundError:
        raise Refusal("The picture is no longer here; please upload it again.", title="No picture") from None
    except ImageError as problem:
        raise Refusal(_presentable(str(problem), file), title="This picture cannot be used") from problem
    if max(image.shape[:2]) <= max_size:
        return image
    return resize(image, keep_ratio_size(image.shape[:2], (max_size, max_size)))


def _presentable(message: str, file: Path) -> str:
    """Say the file's name, which a stranger chose, as plain text, and not where the server keeps it."""
    return html.escape(message.replace(str(file), file.name).replace(str(file.parent), ""), quote=False)


@lru_cache(maxsize=1)
def _scene_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="swinviz-scenes-")


def examples() -> list[str]:
    """List picture files to try: photographs of installed packages, then scenes no shipped model has seen."""
    return [*(str(path) for path in _photographs()), *_scenes()]


def _scenes() -> Iterator[str]:
    for index in _SCENES:
        file = Path(_scene_folder().name) / f"scene {index}.png"
        if not file.exists():
            image, _ = scene(_HELD_OUT, index, _SCENE_SIZE)
            Image.fromarray(image).save(file)
        yield str(file)


def _photographs() -> Iterator[Path]:
    for package, name in _PHOTOGRAPHS:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (file := Path(folder) / name).is_file():
                yield file
