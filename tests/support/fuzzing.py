"""Damage to files as it happens and as it is made on purpose, and the bounds it is read within."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

EXTREMES = [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\xff\xff", b"\x01\x00\x00\x00"]


def mutate(data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """One to five of: a changed byte, a cut, a loss, a repeat, an extreme number, another file spliced in."""
    mutant = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, max(1, len(mutant))))
        match rng.integers(0, 6):
            case 0:
                mutant[at : at + 1] = rng.bytes(1)
            case 1:
                del mutant[at:]
            case 2:
                del mutant[at : at + int(rng.integers(1, 64))]
            case 3:
                mutant[at:at] = mutant[at : at + int(rng.integers(1, 64))]
            case 4:
                mutant[at : at + 4] = EXTREMES[rng.integers(0, len(EXTREMES))]
            case 5:
                other = others[rng.integers(0, len(others))]
                mutant[at:] = other[int(rng.integers(0, len(other))) :]
    return bytes(mutant)


@contextmanager
def limited_memory(gigabytes: float) -> Iterator[None]:
    """So much more address space and no more: a reader that believes a false size meets a MemoryError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(gigabytes * 2**30), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
