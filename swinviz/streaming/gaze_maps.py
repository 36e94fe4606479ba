"""Attention or likeness of a point in one frame, drawn where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from swinviz.attention import AttentionMap, Pixel, Projection
from swinviz.features import SimilarityMap
from swinviz.streaming.colors import HEAT, SIGNED, color_table

__all__ = ["Attention", "GazeMap", "Likeness", "Track"]

_OPACITY: Final = 0.65
_RADIUS: Final = 5  # pixels of the ring around the point
_LOST: Final = 0.5  # cosine below which a point that is followed is drawn as doubtful
_WHITE, _BLACK, _DOUBTFUL = (255, 255, 255), (0, 0, 0), (160, 160, 160)


@dataclass(frozen=True)
class Track:
    """Place of a point in one frame.

    Attributes:
        pixel: (y, x) of the frame.
        similarity: cosine of its token with the point's in the first frame, -1 to 1.
    """

    pixel: Pixel
    similarity: float


@dataclass(frozen=True)
class Attention:
    """A point's attention in one picture.

    Attributes:
        found: one head, the mean of all, in tokens.
        projection: between the picture and the model's input.
        at: the point.
        track: its places so far, where it is followed.
    """

    found: AttentionMap
    projection: Projection
    at: Track
    track: tuple[Track, ...] = ()

    def heat(self) -> NDArray[np.float32]:
        """Give every pixel of the picture (H, W) its token's share, relative to the largest: 0 to 1."""
        shares = self.found.pixels(self.projection.input)[0].float().cpu().numpy()
        values = _spread(shares, self.projection)
        return values / (values.max() or np.float32(1.0))

    def draw(self, picture: Image.Image, image: NDArray[np.uint8]) -> None:
        """Draw the windows that the point lies in, their heat over the gray image, and the point.

        Args:
            picture: RGB picture that is drawn on.
            image: the frame itself, (H, W, 3).
        """
        boxes = [self._box(box) for box in map(self.projection.box_to_image, self.found.rectangles)]
        colors = color_table(HEAT)[(255 * self.heat()).astype(np.uint8)]
        for left, top, right, bottom in boxes:
            if left < right and top < bottom:
                inside = slice(top, bottom), slice(left, right)
                picture.paste(_over_gray(image[inside], colors[inside]), (left, top))
        draw = ImageDraw.Draw(picture)
        for left, top, right, bottom in boxes:
            draw.rectangle((left, top, right - 1, bottom - 1), outline=_WHITE, width=1)
        _draw_point(draw, self.at, self.track)

    def _box(self, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in whole pixels inside the picture."""
        height, width = self.projection.image
        top, left, bottom, right = (round(edge) for edge in box)
        return max(0, left), max(0, top), min(width, right), min(height, bottom)


@dataclass(frozen=True)
class Likeness:
    """Cosine similarity of every token of a picture with a point's, which may be of an earlier frame.

    Attributes:
        found: cosines, in tokens.
        projection: between the picture and the model's input.
        at: the point.
        track: its places so far, where it is followed.
    """

    found: SimilarityMap
    projection: Projection
    at: Track
    track: tuple[Track, ...] = ()

    def heat(self) -> NDArray[np.float32]:
        """Give every pixel of the picture (H, W) its token's cosine, -1 to 1."""
        return _spread(self.found.pixels(self.projection.input).cpu().numpy(), self.projection)

    def draw(self, picture: Image.Image, image: NDArray[np.uint8]) -> None:
        """Draw the cosines over the gray image, orange where like and purple where unlike, and the point.

        Args:
            picture: RGB picture that is drawn on.
            image: the frame itself, (H, W, 3).
        """
        colors = color_table(SIGNED)[np.rint(127.5 * (1 + self.heat())).astype(np.uint8)]
        picture.paste(_over_gray(image, colors))
        _draw_point(ImageDraw.Draw(picture), self.at, self.track)


GazeMap: TypeAlias = "Attention | Likeness"
"""Attention or likeness of a point: both have `heat()` and `draw(picture, image)`."""


def _spread(values: NDArray[np.float32], projection: Projection) -> NDArray[np.float32]:
    """Values of the input's pixels to the picture's: nearest, as a token is a square of equal color."""
    height, width = projection.image
    resized = Image.fromarray(values.astype(np.float32, copy=False)).resize(
        (width, height), Image.Resampling.NEAREST
    )
    return np.asarray(resized, np.float32)


def _over_gray(image: NDArray[np.uint8], colors: NDArray[np.uint8]) -> Image.Image:
    gray = Image.fromarray(np.ascontiguousarray(image)).convert("L").convert("RGB")
    return Image.blend(gray, Image.fromarray(np.ascontiguousarray(colors)), _OPACITY)


def _draw_point(draw: ImageDraw.ImageDraw, at: Track, track: tuple[Track, ...]) -> None:
    """The line that the point has come along, and a ring; gray where the point may be lost."""
    line = [(x, y) for (y, x) in (each.pixel for each in track)]
    if len(line) > 1:
        for color, width in ((_BLACK, 4), (_WHITE, 2)):
            draw.line(line, fill=color, width=width)
    y, x = at.pixel
    color = _WHITE if at.similarity >= _LOST else _DOUBTFUL
    for radius, edge in ((_RADIUS + 1, _BLACK), (_RADIUS, color)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=edge, width=2)
