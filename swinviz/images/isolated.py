"""Strangers' image files are decoded in a process of their own, which is ended where one takes too long.

What is known to make a decoder slow is refused before it decodes (`structure`). This is for what is not
known yet, and for decoders that crash. Run as a program, this module is that process: it imports no torch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import ImageError
from swinviz.images.reading import MAX_PIXELS, MAX_SIDE, read_image
from swinviz.images.resizing import keep_ratio_size, resize

__all__ = ["read_isolated", "read_reduced"]

_AT_ONCE = threading.BoundedSemaphore(2)
_MEMORY = 2 * 2**30  # bytes that the process may ask for
_PATIENCE = 6  # times the deadline, by the clock: others may be using the processor


def read_reduced(
    file: Path, longest: int, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Read an image file and reduce the image to a size.

    Args:
        file: a PNG, JPEG, WebP, GIF, TIFF or BMP.
        longest: side, in pixels, beyond which the image is reduced.
        max_pixels: as for `read_image`.
        max_side: as for `read_image`.

    Returns:
        RGB (H, W, 3), and (height, width) in pixels before it was reduced.

    Raises:
        ImageError: the file cannot be read; the message says why.
    """
    image = read_image(file, max_pixels=max_pixels, max_side=max_side)
    size = image.shape[0], image.shape[1]
    if max(size) > longest:
        image = resize(image, keep_ratio_size(size, (longest, longest)))
    return image, size


def read_isolated(
    file: Path,
    longest: int,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
    *,
    seconds: float = 10.0,
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Do the same in a process that has a deadline and 2 GiB of memory (Windows: the deadline alone).

    Two such processes run at once; who comes third waits.

    Args:
        file: as for `read_reduced`.
        longest: as for `read_reduced`.
        max_pixels: as for `read_image`.
        max_side: as for `read_image`.
        seconds: processor time for this file, beside a fifth of a second in which the process starts.

    Returns:
        As `read_reduced`: RGB (H, W, 3), and (height, width) before it was reduced.

    Raises:
        ImageError: the file cannot be read, or not within these limits; the message says which.
    """
    task = [str(file), longest, max_pixels, max_side, seconds]
    command = [sys.executable, "-m", __name__, json.dumps(task)]
    paths = os.pathsep.join(path or os.curdir for path in sys.path)
    try:
        with _AT_ONCE:
            ended = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": paths},
                capture_output=True,
                timeout=_PATIENCE * seconds,
                check=False,
            )
    except subprocess.TimeoutExpired as problem:
        raise _too_slow(file, seconds) from problem
    if ended.returncode == -getattr(signal, "SIGPROF", 0):
        raise _too_slow(file, seconds)
    if ended.returncode != 0:
        raise ImageError(f"{file.name!r} cannot be opened safely; save it again as a plain PNG or JPEG")
    head, _, pixels = ended.stdout.partition(b"\n")
    answer = json.loads(head)
    if "refusal" in answer:
        raise ImageError(answer["refusal"])
    height, width = answer["size"]
    return np.frombuffer(bytearray(pixels), np.uint8).reshape(answer["shape"]), (height, width)


def _too_slow(file: Path, seconds: float) -> ImageError:
    return ImageError(
        f"{file.name!r} takes longer than {seconds:g} seconds to open; save it again as a plain PNG or JPEG"
    )


def _bind(seconds: float) -> None:
    """Let the system end this process after so much processor time, and refuse it more than its memory."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    signal.setitimer(signal.ITIMER_PROF, seconds)  # nobody receives SIGPROF, which ends a process then


def _main(task: str) -> None:
    name, longest, max_pixels, max_side, seconds = json.loads(task)
    _bind(seconds)
    answer: dict[str, object]
    try:
        image, size = read_reduced(Path(name), longest, max_pixels, max_side)
    except ImageError as refusal:
        answer, pixels = {"refusal": str(refusal)}, b""
    else:
        answer, pixels = {"size": size, "shape": image.shape}, image.tobytes()
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)


if __name__ == "__main__":
    _main(sys.argv[1])
