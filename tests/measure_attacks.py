"""Time and memory of files built to harm, and of the costliest that are read.

`python tests/measure_attacks.py [WORD]` opens each (or those with the word in their names) in a process
of its own, after everything is imported; the peak is of the process above what it held before. The figures
are in docs/testing.md.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "images"))

from support.demo_samples import make_state
from support.image_files import encode, png_chunk
from support.models import tiny_model
from test_structure import ATTACKS, progressive

from swinviz.checkpoints import load, save
from swinviz.checkpoints.metadata import METADATA_KEY
from swinviz.demo.live.stream import LiveStream
from swinviz.demo.security import MAX_PIXELS, MAX_SIDE
from swinviz.errors import SwinvizError
from swinviz.images import read_image
from swinviz.inference import InferenceOptions

SIDE = int(MAX_PIXELS**0.5)


def smooth(mode: str = "RGB") -> Image.Image:
    """A picture of the demo's largest size, half noise and half even."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[: SIDE // 12] = rng.integers(0, 256, (SIDE // 12, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def interlaced() -> bytes:
    """A PNG of 16 bits a channel with transparency in seven passes, by hand: PIL writes none."""
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    packer, rows = zlib.compressobj(1), []
    for left, top, right, down in passes:
        row = b"\x04" + bytes(-(-(SIDE - left) // right) * 8)
        rows += [packer.compress(row) for _ in range(-(-(SIDE - top) // down))]
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 6, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", b"".join(rows) + packer.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def deep(kind: type) -> bytes:
    return encode(np.zeros((SIDE, SIDE), kind), "TIFF", compression="tiff_deflate")


def described(**lies: dict[str, Any]) -> bytes:
    """A sound file whose description of the model lies."""
    path = save(tiny_model(), Path(tempfile.mkdtemp()) / "lie.safetensors")
    with safe_open(path, framework="pt") as file:
        config = json.loads(file.metadata()[METADATA_KEY])
    for key, value in lies.items():
        config[key] |= value
    save_file(load_file(path), path, {METADATA_KEY: json.dumps(config)})
    return path.read_bytes()


CASES: dict[str, dict[str, Callable[[], bytes]]] = {
    "image": {
        **ATTACKS,
        "a JPEG of 1000 scans, 7000 squared": lambda: progressive(7000, 1000),
        "largest: PNG, transparent, turned": lambda: encode(smooth("RGBA"), exif=turned(), compress_level=1),
        "largest: PNG, 16 bits, interlaced": interlaced,
        "largest: JPEG, turned": lambda: encode(smooth(), "JPEG", exif=turned()),
        "largest: JPEG, progressive, CMYK": lambda: encode(smooth("CMYK"), "JPEG", progressive=True),
        "largest: WebP, lossless": lambda: encode(smooth(), "WEBP", lossless=True, quality=0, method=0),
        "largest: GIF": lambda: encode(smooth("P"), "GIF"),
        "largest: TIFF, 32-bit floats": lambda: deep(np.float32),
        "largest: TIFF, 32-bit integers": lambda: deep(np.int32),
    },
    "live": {"a frame of 1 x 100000": lambda: encode(Image.new("RGB", (1, 100_000)))},
    "segment": {
        "the API on 1 x 40000": lambda: encode(Image.new("RGB", (1, 40_000))),
        "the API on 40000 x 1": lambda: encode(Image.new("RGB", (40_000, 1))),
    },
    "load": {
        "mlp_ratio 1e5": lambda: described(backbone={"mlp_ratio": 1e5}),
        "pool_scales of 200,000 entries": lambda: described(head={"pool_scales": [1] * 200_000}),
        "60,000 channels": lambda: described(head={"channels": 60_000}),
        "depths of 1e9": lambda: described(backbone={"depths": [10**9, 2, 2, 2]}),
    },
}


def segment(content: bytes) -> object:
    height, width = read_image(content).shape[:2]
    return tiny_model().segment(io.BytesIO(content), InferenceOptions(scale=(width, height)))


def open_as_weights(content: bytes) -> object:
    path = Path(tempfile.mkdtemp()) / "weights.pth"
    path.write_bytes(content)
    return load(path)


OPEN: dict[str, Callable[[bytes], object]] = {
    "image": lambda content: read_image(content, max_pixels=MAX_PIXELS, max_side=MAX_SIDE),
    "live": lambda content: LiveStream(make_state(), "tiny").answer(bytes(4) + content),
    "segment": segment,
    "load": open_as_weights,
}


def measure(entrance: str, file: str) -> None:
    """Open one file, and print what it took."""
    content = Path(file).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = peak(), (time.process_time(), time.perf_counter())
    try:
        OPEN[entrance](content)
        end = "read"
    except SwinvizError as error:
        end = f"refused: {error}"[:90]
    seconds, wall = time.process_time() - started[0], time.perf_counter() - started[1]
    print(f"{seconds:6.2f} s of a core  {wall:6.2f} s  {(peak() - before) / 1e6:5.2f} GB  {end}")


def peak() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def main() -> None:
    """Measure everything, or the cases whose names hold a word."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "content"
        for entrance, cases in CASES.items():
            for name, build in cases.items():
                if word in name:
                    file.write_bytes(build())
                    command = [sys.executable, __file__, "--open", entrance, str(file)]
                    ran = subprocess.run(command, capture_output=True, text=True, check=False)
                    said = ran.stdout.strip() or ran.stderr.strip()[-200:]
                    print(f"{name:38} {file.stat().st_size / 1e6:6.2f} MB  {said}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--open"]:
        measure(*sys.argv[2:])
    else:
        main()
