"""Effects of lenses, sensors and files on photographs: for a model that learns from drawings."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from swinviz.data.transforms.planes import Planes, coin, to_bytes

__all__ = ["Camera", "blur"]


@dataclass(frozen=True)
class Camera:
    """Effects of lenses, sensors and files on photographs; not in the published recipe.

    `nano` learns from drawings and is shown photographs, so it must not rely on tones and crispness.

    Attributes:
        chance: probability of each of the six changes.
        gamma: bounds of the exponent on tones from 0 to 1; 1 changes nothing.
        cast: largest change of a channel's gain, as a share of it.
        fade: largest share of gray mixed in; 1 is black and white.
        blur: largest standard deviation of the blur, in pixels.
        noise: largest standard deviation of the grain, in gray levels.
        jpeg: bounds of the quality of a round trip through JPEG.
    """

    chance: float = 0.35
    gamma: tuple[float, float] = (0.6, 1.6)
    cast: float = 0.2
    fade: float = 0.8
    blur: float = 1.2
    noise: float = 12.0
    jpeg: tuple[int, int] = (30, 90)

    def __call__(self, planes: Planes, rng: np.random.Generator) -> Planes:
        """Change planes (3, H, W); the result is again within 0 to 255."""
        if coin(rng, self.chance):
            exponent = np.float32(rng.uniform(*self.gamma))
            # A hue turned in float32 can come out a hair below 0, which has no power.
            planes = (np.maximum(planes, 0) * np.float32(1 / 255)) ** exponent * np.float32(255)
        if coin(rng, self.chance):
            planes = planes * rng.uniform(1 - self.cast, 1 + self.cast, (3, 1, 1)).astype(np.float32)
        if coin(rng, self.chance):
            gray = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), planes, 1)
            planes = planes + (gray - planes) * np.float32(rng.uniform(0, self.fade))
        if coin(rng, self.chance):
            planes = blur(planes, rng.uniform(0, self.blur))
        if coin(rng, self.chance):
            deviation = np.float32(rng.uniform(0, self.noise))
            planes = planes + rng.standard_normal(planes.shape, np.float32) * deviation
        if coin(rng, self.chance):
            planes = _through_jpeg(planes, int(rng.integers(self.jpeg[0], self.jpeg[1] + 1)))
        return np.clip(planes, 0, 255)


def blur(planes: Planes, deviation: float) -> Planes:
    """Blur planes (3, H, W) with a Gaussian of the given standard deviation (pixels), borders repeated."""
    reach = int(np.ceil(2.5 * deviation))
    if reach == 0:
        return planes
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        margins = [(0, 0), (0, 0), (0, 0)]
        margins[axis] = (reach, reach)
        padded, length = np.pad(planes, margins, mode="edge"), planes.shape[axis]
        planes = np.zeros_like(planes)
        for start, weight in enumerate(weights.astype(np.float32)):
            stretch = slice(start, start + length)
            planes += weight * (padded[:, stretch] if axis == 1 else padded[:, :, stretch])
    return planes


def _through_jpeg(planes: Planes, quality: int) -> Planes:
    file = io.BytesIO()
    Image.fromarray(to_bytes(planes)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32).transpose(2, 0, 1)
