"""The published recipe's augmentation: resize, crop, mirror, distort, pad; and what a camera adds to it.

Every step is a pure function of its arguments and of a numpy Generator, so that a sample can be drawn again.
Inside, pictures are planes: float32 (3, H, W) in grey levels 0 to 255. They are rounded to bytes once, at the
end, where mmsegmentation truncates after each step; and only the part of a resized image that the crop keeps
is ever computed. Neither changes what is learned from.

Source: mmsegmentation 0.x, configs/_base_/datasets/ade20k.py (the steps and their order) and
mmseg/datasets/pipelines/transforms.py (Resize, RandomCrop, RandomFlip, PhotoMetricDistortion, Pad).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.images import MEAN, keep_ratio_size

__all__ = [
    "Camera",
    "Photometric",
    "TrainTransform",
    "Window",
    "blur",
    "choose_window",
    "random_size",
    "resize_labels",
    "resize_planes",
    "scale_saturation",
    "turn_hue",
]

Bytes = NDArray[np.uint8]
Planes = NDArray[np.float32]

IGNORED = 255
TINY = np.float32(1e-3)  # a spread of grey levels that is none
TRIES = 10  # crops that are looked at before one with too much of one class is taken anyway


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def random_size(
    size: tuple[int, int], scale: tuple[int, int], ratios: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int]:
    """Draw the (height, width) an image is resized to: keep-ratio `scale` times a number from `ratios`.

    >>> random_size((480, 640), (2048, 512), (0.5, 0.5), np.random.default_rng(0))
    (256, 341)
    """
    ratio = rng.uniform(*ratios)
    return keep_ratio_size(size, (int(scale[0] * ratio), int(scale[1] * ratio)))


def resize_planes(image: Bytes, size: tuple[int, int], window: Window) -> Planes:
    """Resize an image (H, W, 3) to `size` bilinearly, without antialiasing; return a window of the result.

    Equals OpenCV's INTER_LINEAR, and torch's interpolate with align_corners and antialias off, within one
    grey level.
    """
    rows = _taps(image.shape[0], size[0], window.top, window.height)
    columns = _taps(image.shape[1], size[1], window.left, window.width)
    left, right = int(columns.first[0]), int(columns.second[-1]) + 1
    source = np.ascontiguousarray(image[:, left:right].transpose(2, 0, 1))
    lines = _blend(source, rows, axis=1)  # 3 h W'
    columns = columns._replace(first=columns.first - left, second=columns.second - left)
    return _blend(lines, columns, axis=2)  # 3 h w


class _Taps(NamedTuple):
    """For each pixel of a stretch: its two neighbours in the source, and the weight of the second."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    weight: NDArray[np.float32]


def _blend(source: Bytes | Planes, taps: _Taps, axis: int) -> Planes:
    before = source.take(taps.first, axis).astype(np.float32, copy=False)
    out: Planes = source.take(taps.second, axis).astype(np.float32, copy=False)
    out -= before
    out *= taps.weight[:, None] if axis == 1 else taps.weight
    out += before
    return out


def _taps(source: int, target: int, start: int, count: int) -> _Taps:
    place = (np.arange(start, start + count) + 0.5) * (source / target) - 0.5
    place = np.clip(place, 0, source - 1)
    first = place.astype(np.intp)
    return _Taps(first, np.minimum(first + 1, source - 1), (place - first).astype(np.float32))


def resize_labels(labels: Bytes, size: tuple[int, int], window: Window) -> Bytes:
    """Resize labels (H, W) to `size` by taking nearest pixels; return a window of the result.

    Equals OpenCV's INTER_NEAREST, which takes the pixel at floor(position * source / target).
    """
    rows = _nearest(labels.shape[0], size[0], window.top, window.height)
    columns = _nearest(labels.shape[1], size[1], window.left, window.width)
    return labels[rows[:, None], columns]


def _nearest(source: int, target: int, start: int, count: int) -> NDArray[np.intp]:
    # 1 / (target / source) is how OpenCV computes the factor; source / target rounds otherwise.
    places = np.floor(np.arange(start, start + count) * (1 / (target / source)))
    return np.minimum(places.astype(np.intp), source - 1)


def choose_window(
    labels: Bytes,
    size: tuple[int, int],
    crop: tuple[int, int],
    max_share: float,
    rng: np.random.Generator,
) -> Window:
    """Draw a crop of the labels resized to `size`, preferring one that no class fills.

    Up to ten crops are looked at; the first with more than one class, none of them with a share of
    `max_share` or more of the pixels that count, is taken. If there is none, an eleventh is taken unseen.
    An image smaller than the crop is kept whole.
    """
    window = _any_window(size, crop, rng)
    if max_share >= 1:
        return window
    for _ in range(TRIES):
        counts = np.bincount(resize_labels(labels, size, window).ravel(), minlength=256)[:IGNORED]
        if np.count_nonzero(counts) > 1 and counts.max() < max_share * counts.sum():
            break
        window = _any_window(size, crop, rng)
    return window


def _any_window(size: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator) -> Window:
    height, width = min(size[0], crop[0]), min(size[1], crop[1])
    top, left = rng.integers(size[0] - height + 1), rng.integers(size[1] - width + 1)
    return Window(int(top), int(left), height, width)


def scale_saturation(planes: Planes, factor: float) -> Planes:
    """Multiply the saturation of HSV by `factor`, at most up to 1; hue and value stay.

    Every channel lies below the largest one, the value, by a distance proportional to the saturation; so
    no conversion is needed.
    """
    value, spread = _value_and_spread(planes)
    # The saturation spread / value must not exceed 1: factor <= value / spread.
    limit = value / np.maximum(spread, TINY)
    return value - (value - planes) * np.minimum(limit, np.float32(factor))


def turn_hue(planes: Planes, degrees: float) -> Planes:
    """Turn the hue of HSV by an angle; saturation and value stay."""
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


def blur(planes: Planes, deviation: float) -> Planes:
    """Blur with a Gaussian of the given standard deviation (pixels), borders repeated."""
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


@dataclass(frozen=True)
class Photometric:
    """Brightness, contrast, saturation and hue, each changed with probability one half.

    Contrast comes before or after the two colour steps, as a coin decides.

    Attributes:
        brightness: largest shift, in grey levels.
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
        if _coin(rng):
            planes = np.clip(planes + np.float32(rng.uniform(-self.brightness, self.brightness)), 0, 255)
        contrast_last = _coin(rng)
        if not contrast_last:
            planes = self._change_contrast(planes, rng)
        if _coin(rng):
            planes = scale_saturation(planes, rng.uniform(*self.saturation))
        if _coin(rng) and self.hue:
            planes = turn_hue(planes, 2.0 * int(rng.integers(-self.hue, self.hue)))
        return self._change_contrast(planes, rng) if contrast_last else planes

    def _change_contrast(self, planes: Planes, rng: np.random.Generator) -> Planes:
        return np.clip(planes * np.float32(rng.uniform(*self.contrast)), 0, 255) if _coin(rng) else planes


def _coin(rng: np.random.Generator, probability: float = 0.5) -> bool:
    return bool(rng.uniform() < probability)


@dataclass(frozen=True)
class Camera:
    """What lenses, sensors and files do to photographs; not in the published recipe.

    `nano` learns from drawings and is shown photographs, so it must not rely on tones and crispness.

    Attributes:
        chance: probability of each of the six changes.
        gamma: bounds of the exponent on tones.
        cast: largest relative change of a channel's gain.
        fade: largest share of grey mixed in; 1 is black and white.
        blur: largest standard deviation of the blur, in pixels.
        noise: largest standard deviation of the grain, in grey levels.
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
        if _coin(rng, self.chance):
            exponent = np.float32(rng.uniform(*self.gamma))
            # A hue turned in float32 can come out a hair below 0, which has no power.
            planes = (np.maximum(planes, 0) * np.float32(1 / 255)) ** exponent * np.float32(255)
        if _coin(rng, self.chance):
            planes = planes * rng.uniform(1 - self.cast, 1 + self.cast, (3, 1, 1)).astype(np.float32)
        if _coin(rng, self.chance):
            grey = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), planes, 1)
            planes = planes + (grey - planes) * np.float32(rng.uniform(0, self.fade))
        if _coin(rng, self.chance):
            planes = blur(planes, rng.uniform(0, self.blur))
        if _coin(rng, self.chance):
            deviation = np.float32(rng.uniform(0, self.noise))
            planes = planes + rng.standard_normal(planes.shape, np.float32) * deviation
        if _coin(rng, self.chance):
            planes = _through_jpeg(planes, int(rng.integers(self.jpeg[0], self.jpeg[1] + 1)))
        return np.clip(planes, 0, 255)


def _through_jpeg(planes: Planes, quality: int) -> Planes:
    file = io.BytesIO()
    Image.fromarray(_to_bytes(planes)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32).transpose(2, 0, 1)


def _to_bytes(planes: Planes) -> Bytes:
    """Round planes (3, H, W) to an image (H, W, 3)."""
    pixels = np.clip(planes + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


@dataclass(frozen=True)
class TrainTransform:
    """The augmentation of a training sample; the defaults are the published recipe's.

    Attributes:
        scale: the size an image is brought to before `ratios`: long and short edge at most, in pixels.
        ratios: bounds of the random factor on `scale`.
        crop: height and width of the result, in pixels.
        max_share: the largest share of one class in a crop, if it can be helped; 1 for any.
        mirror: probability of mirroring left to right.
        photometric: the colour distortion; None for none.
        camera: further changes, of photographs; None for none.

    Raises:
        ValueError: a bound that leaves nothing to draw from.

    >>> image, labels = np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400), np.uint8)
    >>> image, labels = TrainTransform()(image, labels, np.random.default_rng(0))
    >>> image.shape, labels.shape
    ((512, 512, 3), (512, 512))
    """

    scale: tuple[int, int] = (2048, 512)
    ratios: tuple[float, float] = (0.5, 2.0)
    crop: tuple[int, int] = (512, 512)
    max_share: float = 0.75
    mirror: float = 0.5
    photometric: Photometric | None = field(default_factory=Photometric)
    camera: Camera | None = None

    def __post_init__(self) -> None:
        if min(*self.scale, *self.crop) < 1:
            raise ValueError(
                f"scale {self.scale} and crop {self.crop} must be at least 1 pixel: enlarge them"
            )
        if not 0 < self.ratios[0] <= self.ratios[1]:
            raise ValueError(f"ratios {self.ratios} must be two positive numbers, the smaller one first")
        if not 0 < self.max_share <= 1 or not 0 <= self.mirror <= 1:
            raise ValueError(
                f"max_share {self.max_share} and mirror {self.mirror} are shares: give numbers from 0 to 1"
            )

    @classmethod
    def for_scenes(cls, size: int = 128) -> TrainTransform:
        """Return the recipe for the procedural scenes: crops of `size`, made to carry over to photographs.

        The smallest ratio is 0.75, not 0.5, because a scene is as large as its crop and would mostly be
        padding.
        """
        return cls(scale=(4 * size, size), ratios=(0.75, 2.0), crop=(size, size), camera=Camera())

    def __call__(self, image: Bytes, labels: Bytes, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        """Augment an image (H, W, 3) and its labels (H, W); both come back with the size of the crop.

        What the crop lacks is padded at the right and the bottom: labels with 255, the image with the
        rounded mean colour. mmsegmentation pads with 0 after normalising, that is with the mean itself;
        rounding makes a difference of less than 0.01 standard deviations.

        Raises:
            ValueError: image and labels of different sizes.
        """
        if image.shape != (*labels.shape, 3):
            raise ValueError(
                f"image {image.shape} and labels {labels.shape} do not belong together: "
                "give (H, W, 3) and (H, W)"
            )
        size = random_size(labels.shape, self.scale, self.ratios, rng)
        window = choose_window(labels, size, self.crop, self.max_share, rng)
        planes, chosen = resize_planes(image, size, window), resize_labels(labels, size, window)
        if _coin(rng, self.mirror):
            planes, chosen = planes[..., ::-1], chosen[:, ::-1]
        for distort in (self.photometric, self.camera):
            if distort is not None:
                planes = distort(planes, rng)
        pixels = np.empty((*self.crop, 3), np.uint8)
        pixels[:] = np.rint(MEAN)
        pixels[: window.height, : window.width] = _to_bytes(planes)
        padded = np.full(self.crop, IGNORED, np.uint8)
        padded[: window.height, : window.width] = chosen
        return pixels, padded
