"""Planes that the steps work on, float32 (3, H, W) in gray levels 0 to 255, so that they round only once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bytes", "Planes", "coin", "to_bytes"]

Bytes = NDArray[np.uint8]
"""An image as files have it: (H, W, 3)."""

Planes = NDArray[np.float32]
"""An image as transforms compute with it: (3, H, W), gray levels 0 to 255."""


def to_bytes(planes: Planes) -> Bytes:
    """Round planes (3, H, W) to an image (H, W, 3)."""
    pixels = np.clip(planes + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def coin(rng: np.random.Generator, probability: float = 0.5) -> bool:
    """Return True with the given probability."""
    return bool(rng.uniform() < probability)
