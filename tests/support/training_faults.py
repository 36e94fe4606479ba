"""Full disks and damaged files, as they come to a training run."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def full_disk(file_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes: every writer meets the system's own refusal.

    Python ignores SIGXFSZ, so that write(2) answers EFBIG, as it answers ENOSPC on a disk that is full.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def damaged(content: bytes, seed: int) -> tuple[bytes, str]:
    """Damage a file as disks, cables and copying do; say in which way."""
    rng = np.random.default_rng(seed)
    data = bytearray(content)
    start = int(rng.integers(len(data)))
    end = min(len(data), start + int(rng.integers(1, 4097)))
    kind = (
        "a flipped bit",
        "a flipped bit at the end",
        "a flipped bit at the start",
        "zeros",
        "noise",
        "cut off",
        "a block missing",
        "a block twice",
        "two blocks exchanged",
        "bytes after the end",
        "ten flipped bits",
        "a later part again",
    )[seed % 12]
    if kind == "a flipped bit":
        data[start] ^= 1 << int(rng.integers(8))
    elif kind == "a flipped bit at the end":  # the archive's directory
        data[-1 - int(rng.integers(2048))] ^= 1 << int(rng.integers(8))
    elif kind == "a flipped bit at the start":
        data[int(rng.integers(128))] ^= 1 << int(rng.integers(8))
    elif kind == "zeros":
        data[start:end] = bytes(end - start)
    elif kind == "noise":
        data[start:end] = rng.bytes(end - start)
    elif kind == "cut off":
        del data[start:]
    elif kind == "a block missing":
        del data[start:end]
    elif kind == "a block twice":
        data[start:start] = data[start:end]
    elif kind == "two blocks exchanged":
        half = len(data) // 2
        size = int(rng.integers(1, 4097))
        first, second = int(rng.integers(half - size)), half + int(rng.integers(half - size))
        block = data[first : first + size]
        data[first : first + size] = data[second : second + size]
        data[second : second + size] = block
    elif kind == "bytes after the end":
        data += rng.bytes(int(rng.integers(1, 4097)))
    elif kind == "ten flipped bits":
        for place in rng.integers(len(data), size=10):
            data[place] ^= 1 << int(rng.integers(8))
    else:
        data[: len(data) // 2] = data[len(data) - len(data) // 2 :]
    return bytes(data), f"{kind}, seed {seed}"
