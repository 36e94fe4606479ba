"""Small models, pictures and hostile files that the demo's tests share."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from support import models
from swinviz.demo.models import Choice, ModelPool
from swinviz.demo.options import DemoOptions
from swinviz.demo.state import DemoState
from swinviz.segmenter import SwinUPerNet

HOSTILE = '<img src=x onerror="document.title=1">'
"""A class name that would run if a page took it for HTML."""

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "https_proxy": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
}
"""Environment of a server under test: one that tries to download finds a proxy that is not there."""


def small_model(seed: int = 4, classes: tuple[str, ...] = ("sky", "sand", "sea")) -> SwinUPerNet:
    model = models.tiny_model(seed=seed)
    model.config = replace(model.config, classes=classes, scale=(128, 64))
    return model


def make_state(**options: object) -> DemoState:
    """State of a demo with two tiny models."""
    pool = ModelPool(lambda name, download: small_model(len(name)), lambda: [Choice("tiny"), Choice("other")])
    return DemoState(DemoOptions(**options), pool, "tiny")


def picture(size: tuple[int, int] = (48, 64), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def file_bytes(image: np.ndarray | Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **settings)
    return buffer.getvalue()


def pixels_of(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def bad_uploads() -> dict[str, bytes]:
    whole = file_bytes(picture())
    return {
        "text.png": b"this is no picture",
        "cut.png": whole[: len(whole) // 2],
        "empty.png": b"",
        "bomb.png": png_header(40_000, 40_000),
    }


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def odd_uploads() -> dict[str, bytes]:
    rgb = Image.fromarray(picture())
    exif = Image.Exif()
    exif[0x0112] = 6
    transparent = rgb.convert("P")
    transparent.info["transparency"] = 0
    gray16 = Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 20)
    return {
        "one pixel.png": file_bytes(picture((1, 1))),
        "line.png": file_bytes(picture((1, 5000))),
        "16 bit.png": file_bytes(gray16),
        "cmyk.jpg": file_bytes(rgb.convert("CMYK"), "JPEG"),
        "palette.png": file_bytes(transparent),
        "animated.gif": file_bytes(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)]),
        "turned.jpg": file_bytes(rgb, "JPEG", exif=exif),
        "ünïcode name.webp": file_bytes(rgb, "WEBP"),
    }


def read_answer(answer: bytes | str) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Answer of the live socket to a frame: its header, and its PNGs as arrays."""
    assert isinstance(answer, bytes), answer
    (length,) = struct.unpack_from("<I", answer)
    header, at, parts = json.loads(answer[4 : 4 + length]), 4 + length, []
    for size in header["parts"]:
        parts.append(np.asarray(Image.open(io.BytesIO(answer[at : at + size]))))
        at += size
    assert at == len(answer)
    return header, parts
