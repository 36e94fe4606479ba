"""The canvas: one coverage mask paints the picture and writes the label, so that they cannot disagree.

Coordinates are in units of the image's height: y runs from 0 (top) to 1, x from 0 to width / height.
Colors are float RGB in 0..1, channels first: a color is (3, 1, 1) and broadcasts with any (h, w) field.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from swinviz.data.scenes.noise import Field, sample, sample_nearest, tile

Color = Field  # (3, 1, 1), or (3, h, w) for a colored surface
SUPERSAMPLE = 3  # sprites are drawn this many times larger per side and averaged down


def rgb(red: float, green: float, blue: float) -> Color:
    """Return a color (3, 1, 1) from three numbers in 0..1."""
    return np.array((red, green, blue), np.float32).reshape(3, 1, 1)


WHITE = rgb(1, 1, 1)
BLACK = rgb(0, 0, 0)


def mix(a: Field, b: Field, t: Field | float) -> Field:
    """Blend from `a` (t = 0) to `b` (t = 1)."""
    out: Field = a + (b - a) * np.asarray(t, np.float32)
    return out


def smoothstep(low: float, high: float, x: Field) -> Field:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((x - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    out: Field = t * t * (3 - 2 * t)
    return out


class Canvas:
    """A picture (3, height, width), its label map (height, width), and the noise that surfaces share."""

    def __init__(self, height: int, width: int, texture: np.random.Generator) -> None:
        self.height, self.width = height, width
        self.aspect = width / height
        self.y: Field = ((np.arange(height, dtype=np.float32) + 0.5) / np.float32(height))[:, None]
        self.x: Field = (np.arange(width, dtype=np.float32) + 0.5) / np.float32(height)
        self.image: Field = np.zeros((3, height, width), np.float32)
        self.label: NDArray[np.uint8] = np.full((height, width), 255, np.uint8)
        self.texture = texture
        self.grain = self._noise(0.95, 16)  # leaf-sized speckle, for surfaces
        self.clumps = self._noise(0.62, 32)  # twig-sized and smoother, for outlines

    def _noise(self, persistence: float, coarsest: int) -> Field:
        """Return noise (height, width) whose grains are the same share of the picture at any size."""
        offset = self.texture.uniform(0, 256, 2).astype(np.float32)
        v, u = self.y * np.float32(160) + offset[0], self.x * np.float32(160) + offset[1]
        read = sample_nearest if self.height <= 160 else sample
        return read(tile(persistence, coarsest), v, u)

    def row(self, y: float) -> int:
        """Return the pixel row of a height, clipped to 0..height."""
        return int(min(max(round(y * self.height), 0), self.height))

    def box(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
        """Return the rows and columns of the pixels that a rectangle touches; empty if it is outside."""
        h, w = self.height, self.width
        rows = slice(min(max(int(top * h), 0), h), max(min(int(bottom * h) + 1, h), 0))
        columns = slice(min(max(int(left * h), 0), w), max(min(int(right * h) + 1, w), 0))
        return rows, columns

    def coverage(self, depth: Field) -> Field:
        """Return the share of each pixel inside a shape, `depth` being the distance inside its edge."""
        out: Field = np.clip(depth * np.float32(self.height) + np.float32(0.5), 0, 1)
        return out

    def below(self, curve: Field | float) -> Field:
        """Return the coverage (height, width) of everything under y = curve(x)."""
        covered = self.coverage(self.y - np.asarray(curve, np.float32))
        return np.broadcast_to(covered, (self.height, self.width))

    def paint(self, coverage: Field, color: Color, label: int, top: int = 0, left: int = 0) -> None:
        """Blend `color` in where `coverage` (h, w) says, with its corner at pixel (top, left)."""
        h, w = coverage.shape
        image = self.image[:, top : top + h, left : left + w]
        image += coverage * (color - image)
        self.label[top : top + h, left : left + w][coverage >= 0.5] = label

    def tint(self, strength: Field, color: Color, top: int = 0) -> None:
        """Blend `color` into the rows from `top` down without touching the labels: foam, paint, light."""
        image = self.image[:, top:]
        image += strength * (color - image)


class Sprite:
    """A small picture of one thing, drawn larger and averaged down onto the canvas.

    Points are (u, v) in units of the thing's height: u to the right of its middle (to the left if
    `mirrored`), v upwards from the ground that it stands on at (x, base). What is farther than `reach` from
    its middle or higher than `top` is cut off.
    """

    def __init__(
        self,
        canvas: Canvas,
        x: float,
        base: float,
        height: float,
        reach: float,
        *,
        top: float = 1.05,
        mirrored: bool = False,
    ) -> None:
        self._canvas = canvas
        self._rows, self._columns = canvas.box(
            x - reach * height, base - top * height, x + reach * height, base + 0.02 * height
        )
        self._height = height * canvas.height * SUPERSAMPLE  # of the thing, in pixels of the drawing
        self._x = x * canvas.height * SUPERSAMPLE - self._columns.start * SUPERSAMPLE - 0.5
        self._y = base * canvas.height * SUPERSAMPLE - self._rows.start * SUPERSAMPLE - 0.5
        self._sign = -1 if mirrored else 1
        size = [max(part.stop - part.start, 1) * SUPERSAMPLE for part in (self._columns, self._rows)]
        # Four plain channels: red, green, blue, coverage. "RGBA" would be un-premultiplied when averaged.
        self._drawing = Image.new("CMYK", (size[0], size[1]), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._drawing)

    def _at(self, u: float, v: float) -> tuple[float, float]:
        return self._x + self._sign * u * self._height, self._y - v * self._height

    @staticmethod
    def _ink(color: Color) -> tuple[int, int, int, int]:
        r, g, b = (int(min(max(c, 0.0), 1.0) * 255 + 0.5) for c in color.ravel().tolist())
        return (r, g, b, 255)

    def polygon(self, color: Color, *points: tuple[float, float]) -> None:
        """Fill a polygon of (u, v) corners."""
        self._draw.polygon([self._at(u, v) for u, v in points], fill=self._ink(color))

    def rectangle(self, color: Color, left: float, right: float, bottom: float, top: float) -> None:
        """Fill an upright rectangle."""
        self.polygon(color, (left, bottom), (right, bottom), (right, top), (left, top))

    def ellipse(self, color: Color, u: float, v: float, ru: float, rv: float) -> None:
        """Fill an upright ellipse with center (u, v)."""
        x, y = self._at(u, v)
        rx, ry = abs(ru) * self._height, abs(rv) * self._height
        self._draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=self._ink(color))

    def line(self, color: Color, width: float, *points: tuple[float, float]) -> None:
        """Draw a line of the given width through (u, v) points."""
        thickness = max(round(width * self._height), 1)
        self._draw.line([self._at(u, v) for u, v in points], fill=self._ink(color), width=thickness)

    def stamp(self, label: int, roughness: float = 0.0) -> None:
        """Average down and blend onto the canvas; `roughness` is the strength of its texture."""
        rows, columns = self._rows, self._columns
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return
        pixels = np.asarray(self._drawing.reduce(SUPERSAMPLE), np.float32).transpose(2, 0, 1)
        pixels = pixels * np.float32(1 / 255)
        color, coverage = pixels[:3], pixels[3]
        if roughness:
            color = color * (1 + np.float32(roughness) * self._canvas.grain[rows, columns])
        image = self._canvas.image[:, rows, columns]
        image *= 1 - coverage
        image += color
        self._canvas.label[rows, columns][coverage >= 0.5] = label
