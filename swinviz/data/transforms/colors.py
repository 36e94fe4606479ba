"""The published distortion of colors: brightness, contrast, saturation, hue.

Source: mmsegmentation 0.x, mmseg/datasets/pipelines/transforms.py (PhotoMetricDistortion). It truncates to
bytes after every step; here they are rounded once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swinviz.data.transforms.planes import Planes, coin

__all__ = ["Photometric", "scale_saturation", "turn_hue"]

TINY = np.float32(1e-3)  # a spread of gray levels that is none


@dataclass(frozen=True)
class Photometric:
    """Brightness, contrast, saturation and hue, each changed with probability one half.

    Contrast comes before or after the two color steps, as a coin decides.

    Attributes:
        brightness: largest shift, in gray levels.
        contrast: bounds of the factor.
        saturation: bounds of the factor.
        hue: largest turn, in steps of two degrees (OpenCV's unit; the upper bound itself is not drawn).
    """

    brightness: float = 32
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: int = 18

    def __call__(self, planes: Planes, rng: np.random.Generator) -> Planes:
        """Distort planes (3, H, W); the result is again within 0 to 255."""
        if coin(rng):
            planes = np.clip(planes + np.float32(rng.uniform(-self.brightness, self.brightness)), 0, 255)
        contrast_last = coin(rng)
        if not contrast_last:
            planes = self._change_contrast(planes, rng)
        if coin(rng):
            planes = scale_saturation(planes, rng.uniform(*self.saturation))
        if coin(rng) and self.hue:
            planes = turn_hue(planes, 2.0 * int(rng.integers(-self.hue, self.hue)))
        return self._change_contrast(planes, rng) if contrast_last else planes

    def _change_contrast(self, planes: Planes, rng: np.random.Generator) -> Planes:
        return np.clip(planes * np.float32(rng.uniform(*self.contrast)), 0, 255) if coin(rng) else planes


def scale_saturation(planes: Planes, factor: float) -> Planes:
    """Multiply the saturation of HSV of planes (3, H, W), at most up to 1; hue and value stay.

    Every channel lies below the largest one, the value, by a distance proportional to the saturation; so
    no conversion is needed.
    """
    value, spread = _value_and_spread(planes)
    # The saturation spread / value must not exceed 1: factor <= value / spread.
    limit = value / np.maximum(spread, TINY)
    return value - (value - planes) * np.minimum(limit, np.float32(factor))


def turn_hue(planes: Planes, degrees: float) -> Planes:
    """Turn the hue of HSV of planes (3, H, W) by an angle; saturation and value stay."""
    red, green, blue = planes
    value, spread = _value_and_spread(planes)
    scale = 1 / np.maximum(spread, TINY)
    hue = np.where(
        value == red,
        (green - blue) * scale,
        np.where(value == green, (blue - red) * scale + 2, (red - green) * scale + 4),
    )  # in sixths of a turn: 0 red, 2 green, 4 blue
    hue += np.float32(degrees / 60)
    out = np.empty_like(planes)
    for channel, offset in enumerate((5, 3, 1)):
        k = hue + np.float32(offset)
        k -= 6 * np.floor(k * np.float32(1 / 6))  # a fast k % 6
        out[channel] = value - spread * np.clip(2 - np.abs(k - 2), 0, 1)
    return out


def _value_and_spread(planes: Planes) -> tuple[Planes, Planes]:
    """Return the largest of the three channels and its distance to the smallest, both (H, W)."""
    red, green, blue = planes
    value = np.maximum(np.maximum(red, green), blue)
    return value, value - np.minimum(np.minimum(red, green), blue)
