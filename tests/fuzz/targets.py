"""Entrances for strangers' bytes: what each may raise, and the seeds that a fuzzer begins with.

`python tests/fuzz/run.py TARGET` mutates the seeds with atheris, guided by coverage; `test_fuzz.py` gives the
kept corpus to the same functions.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.demo_samples import make_state, small_model
from support.image_files import encode
from support.models import tiny_model

from swinviz.checkpoints import load, save
from swinviz.demo.live.stream import LiveStream
from swinviz.errors import CheckpointError, ImageError, SwinvizError
from swinviz.explorer import Session, handle
from swinviz.explorer.wire_format import unpack
from swinviz.images import read_image

__all__ = ["TARGETS", "corpus", "seeds"]

_CORPUS = Path(__file__).parent / "corpus"


def image(data: bytes) -> None:
    """An image file: RGB, or one sentence."""
    try:
        pixels = read_image(data, max_pixels=200_000, max_side=2_000)
    except ImageError as error:
        _sentence(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3


def checkpoint(data: bytes) -> None:
    """A weights file: a model, or one sentence."""
    path = _folder() / "weights.pth"
    path.write_bytes(data)
    try:
        load(path)
    except CheckpointError as error:
        _sentence(error)


def live(data: bytes) -> None:
    """What a live visitor sends: settings where the first byte is even, a frame where it is odd."""
    stream = LiveStream(_state(), "tiny")
    try:
        if data[:1] and data[0] % 2:
            stream.answer(data[1:])
        else:
            stream.configure(data[1:].decode("utf-8", "replace"))
    except (SwinvizError, ValueError) as error:
        _sentence(error)


def request(data: bytes) -> None:
    """What the explorer's page asks for: JSON with a name and arguments."""
    try:
        asked = json.loads(data)
        message = handle(_session(), str(asked["name"]), asked.get("args"))
    except (SwinvizError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # what the server answers with 400
    unpack(message)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (image, checkpoint, live, request)
}
"""Entrances by name."""


def seeds(target: str) -> list[bytes]:
    """Sound inputs of a target."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    if target == "image":
        kinds = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
        return [encode(pixels, kind) for kind in kinds]
    if target == "checkpoint":
        return _weights()
    if target == "live":
        gaze = {"x": 0.5, "y": 0.5, "stage": 1, "block": 0, "head": 0}
        texts = [{"model": "tiny", "gaze": None}, {"model": "tiny", "gaze": gaze}]
        frames = [encode(pixels, kind) for kind in ("PNG", "JPEG")]
        return [b"\0" + json.dumps(text).encode() for text in texts] + [b"\1" + b"\0" * 4 + f for f in frames]
    block = {"stage": 1, "block": 1}
    asked = [
        ("manifest", {}),
        ("segmentation", {"edits": "no_shift.off-1-0-1"}),
        ("block", block),
        ("decomposition", block | {"y": 3, "x": 4}),
        ("content", block),
        ("timeline", {"kind": "reach", "y": 3, "x": 4, "coarse": True}),
        ("timeline", {"kind": "rollout", "y": 3, "x": 4}),
    ]
    return [json.dumps({"name": name, "args": arguments}).encode() for name, arguments in asked]


def corpus(target: str) -> list[bytes]:
    """Inputs that once reached new code, kept from a run."""
    with zipfile.ZipFile(_CORPUS / f"{target}.zip") as archive:
        return [archive.read(name) for name in archive.namelist()]


def _sentence(error: Exception) -> None:
    text = str(error)
    assert "\n" not in text, text
    assert len(text) < 2_000, text[:100]


def _weights() -> list[bytes]:
    """A file of each kind, with a few small tensors: no whole model, whose bytes would hide its structure."""
    content = {
        "meta": {"CLASSES": ["a", "b"]},
        "state_dict": dict(list(tiny_model().state_dict().items())[:6]),
    }
    files = []
    for legacy in (False, True):
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=not legacy)
        files.append(file.getvalue())
    return [*files, save(tiny_model(), _folder() / "seed.safetensors").read_bytes()]


@lru_cache(maxsize=1)
def _state():
    return make_state()


@lru_cache(maxsize=1)
def _session() -> Session:
    return Session(small_model(), np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8))


@lru_cache(maxsize=1)
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="swinviz-fuzz-"))
