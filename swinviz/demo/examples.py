"""Pictures to try: photographs that come with the package, and scenes that no shipped model has seen."""

from __future__ import annotations

import base64
import io
import json
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from PIL import Image

from swinviz.data import examples as photographs
from swinviz.data.scenes import scene

__all__ = ["example_files", "thumbnails"]

_PHOTOGRAPHS = ("temple", "raccoon", "rocket")
_SCENES = {"street": 9, "lake": 7, "beach": 3}
_SCENE_SIZE = (384, 512)
_HELD_OUT = 1  # the world of validation scenes: the model that comes with the package has not seen it
_THUMBNAIL = (144, 96)


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="swinviz-examples-")


def example_files() -> dict[str, Path]:
    """List picture files to try by their names."""
    folder = Path(photographs.__file__).parent
    files = {}
    for (
        name
    ) in _PHOTOGRAPHS:  # copied, because the page hands out nothing of the folder that it is started from
        files[name] = Path(_folder().name) / f"{name}.jpg"
        if not files[name].exists():
            shutil.copyfile(folder / f"{name}.jpg", files[name])
    for name, index in _SCENES.items():
        files[name] = Path(_folder().name) / f"{name}.png"
        if not files[name].exists():
            # Hardly compressed: it is written at every start, and read on this machine alone.
            Image.fromarray(scene(_HELD_OUT, index, _SCENE_SIZE)[0]).save(files[name], compress_level=1)
    return files


def thumbnails() -> str:
    """Make what examples.js shows: JSON, a list of {name, kind, image}, the image as a data address."""
    shown = []
    for name, file in example_files().items():
        with Image.open(file) as image:
            small = image.convert("RGB")
        small.thumbnail((2 * _THUMBNAIL[0], 2 * _THUMBNAIL[1]))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=80)
        address = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        kind = "photograph" if name in _PHOTOGRAPHS else "drawn scene"
        shown.append({"name": name, "kind": kind, "image": address})
    return json.dumps(shown)
