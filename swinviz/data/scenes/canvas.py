"""The canvas: one coverage mask paints the picture and writes the label, so that they cannot disagree.

Coordinates are in units of the image's height: y runs from 0 (top) to 1, x from 0 to width / height.
Colours are float RGB in 0..1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from swinviz.data.scenes.noise import Field, sample_nearest, tile

Colour = Field
SUPERSAMPLE = 3  # sprites are drawn this many times larger per side and averaged down


def rgb(red: float, green: float, blue: float) -> Colour:
    """Return a colour from three numbers in 0..1."""
    return np.array((red, green, blue), np.float32)


def mix(a: Field, b: Field, t: Field | float) -> Field:
    """Blend from `a` (t = 0) to `b` (t = 1)."""
    out: Field = a + (b - a) * np.asarray(t, np.float32)
    return out


def smoothstep(low: float, high: float, x: Field) -> Field:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    out: Field = t * t * (3 - 2 * t)
    return out


class Canvas:
    """A picture (height, width, 3), its label map (height, width), and the noise they share."""

    def __init__(self, height: int, width: int, texture: np.random.Generator) -> None:
        self.height, self.width = height, width
        self.aspect = width / height
        self.y: Field = ((np.arange(height, dtype=np.float32) + 0.5) / np.float32(height))[:, None]
        self.x: Field = (np.arange(width, dtype=np.float32) + 0.5) / np.float32(height)
        self.image: Field = np.zeros((height, width, 3), np.float32)
        self.label: NDArray[np.uint8] = np.full((height, width), 255, np.uint8)
        self.texture = texture
        self.grain = self._grain()

    def _grain(self) -> Field:
        """Return leaf-sized noise (height, width): a stretch of the tile, the same size in any image."""
        offset = self.texture.uniform(0, 256, 2).astype(np.float32)
        scale = np.float32(max(128, self.height * 0.6))
        return sample_nearest(tile(0.95, 16), self.y * scale + offset[0], self.x * scale + offset[1])

    def row(self, y: float) -> int:
        """Return the pixel row of a height, clipped to 0..height."""
        return int(min(max(round(y * self.height), 0), self.height))

    def below(self, curve: Field) -> Field:
        """Return the coverage (height, width) of everything under y = curve(x), anti-aliased."""
        out: Field = np.clip((self.y - curve) * np.float32(self.height) + np.float32(0.5), 0, 1)
        return out

    def paint(self, coverage: Field, colour: Field, label: int, top: int = 0, left: int = 0) -> None:
        """Blend `colour` in where `coverage` (h, w) says, with its corner at pixel (top, left)."""
        h, w = coverage.shape
        image = self.image[top : top + h, left : left + w]
        image += coverage[..., None] * (colour - image)
        self.label[top : top + h, left : left + w][coverage >= 0.5] = label


class Sprite:
    """A small picture of one object, drawn larger and averaged down onto the canvas."""

    def __init__(self, canvas: Canvas, left: float, top: float, right: float, bottom: float) -> None:
        h, w = canvas.height, canvas.width
        self.canvas = canvas
        self.left, self.top = max(int(np.floor(left * h)), 0), max(int(np.floor(top * h)), 0)
        self.right, self.bottom = min(int(np.ceil(right * h)), w), min(int(np.ceil(bottom * h)), h)
        self.visible = self.right > self.left and self.bottom > self.top
        size = (max(self.right - self.left, 1) * SUPERSAMPLE, max(self.bottom - self.top, 1) * SUPERSAMPLE)
        # Four plain channels: red, green, blue, coverage. "RGBA" would be un-premultiplied when averaged.
        self._image = Image.new("CMYK", size, (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)

    def _points(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        s = self.canvas.height * SUPERSAMPLE
        dx, dy = self.left * SUPERSAMPLE, self.top * SUPERSAMPLE
        return [(x * s - dx - 0.5, y * s - dy - 0.5) for x, y in points]

    @staticmethod
    def _ink(colour: Colour) -> tuple[int, int, int, int]:
        r, g, b = (int(min(max(float(c), 0.0), 1.0) * 255 + 0.5) for c in colour)
        return (r, g, b, 255)

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon of (x, y) corners."""
        self._draw.polygon(self._points(points), fill=self._ink(colour))

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill an upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an upright ellipse with centre (x, y)."""
        (x0, y0), (x1, y1) = self._points([(x - rx, y - ry), (x + rx, y + ry)])
        if x1 >= x0 and y1 >= y0:
            self._draw.ellipse((x0, y0, x1, y1), fill=self._ink(colour))

    def line(self, points: Sequence[tuple[float, float]], width: float, colour: Colour) -> None:
        """Draw a line of the given width."""
        thickness = max(round(width * self.canvas.height * SUPERSAMPLE), 1)
        self._draw.line(self._points(points), fill=self._ink(colour), width=thickness)

    def stamp(self, label: int, roughness: float = 0.0) -> None:
        """Average down and blend onto the canvas; `roughness` is the strength of its texture."""
        if not self.visible:
            return
        pixels = np.asarray(self._image.reduce(SUPERSAMPLE), np.float32) * np.float32(1 / 255)
        coverage = pixels[..., 3]
        colour = pixels[..., :3]
        rows, columns = slice(self.top, self.bottom), slice(self.left, self.right)
        if roughness:
            colour = colour * (1 + np.float32(roughness) * self.canvas.grain[rows, columns, None])
        image = self.canvas.image[rows, columns]
        image *= 1 - coverage[..., None]
        image += colour
        self.canvas.label[rows, columns][coverage >= 0.5] = label
