"""A segmentation painted over its picture, soon enough for video: the colors, a legend, a point's attention.

What `Segmentation.overlay` computes in floats, PIL computes in bytes here, in a tenth of the time; the two
differ by one gray level at most.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from swinviz.errors import SwinvizError
from swinviz.inference import UNSURE, UNSURE_COLOR, Segmentation
from swinviz.model.config import Color, ModelConfig
from swinviz.streaming.gaze_maps import GazeMap

__all__ = ["Painter", "class_numbers"]

_STRIPE = 8  # pixels from one stripe to the next, as in Segmentation.overlay
_GRAY = 255  # label of unsure pixels in the palette image; the models' classes are fewer
_SMALLEST_SHARE = 0.005  # of the pixels; classes below it are not in the legend
_LINE = 18  # pixels a line of the legend
_MARGIN = 6
_WHITE: Color = (255, 255, 255)


def class_numbers(config: ModelConfig, names: Collection[str]) -> frozenset[int]:
    """Look up classes by their names, whatever the case.

    Raises:
        SwinvizError: the model has no such class.
    """
    numbers = {name.casefold(): number for number, name in enumerate(config.classes)}
    unknown = [name for name in names if name.strip().casefold() not in numbers]
    if unknown:
        raise SwinvizError(
            f"the model has no class {unknown[0]!r}: choose among {', '.join(sorted(config.classes))}."
        )
    return frozenset(numbers[name.strip().casefold()] for name in names)


@dataclass(frozen=True)
class Painter:
    """Paints segmentations.

    Attributes:
        opacity: of the colors over the picture, 0 to 1.
        legend: write the classes and their shares into the upper left corner.
        shown: numbers of the classes that are painted; None for all.

    Raises:
        ValueError: an opacity outside 0 to 1.
    """

    opacity: float = 0.5
    legend: bool = True
    shown: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.opacity <= 1.0:
            raise ValueError(f"opacity is {self.opacity}: choose it from 0 (the image) to 1 (the colors).")

    def paint(self, result: Segmentation, attention: GazeMap | None = None) -> NDArray[np.uint8]:
        """Paint a segmentation over its image, and what a point shows over that: (H, W, 3)."""
        picture = self._colored(result)
        if attention is not None:
            attention.draw(picture, result.image)
        if self.legend:
            _draw_legend(picture, self._rows(result))
        return np.asarray(picture)

    def _colored(self, result: Segmentation) -> Image.Image:
        base = Image.fromarray(result.image)
        if len(result.classes) > _GRAY:
            over = Image.fromarray(result.overlay(self.opacity))
        else:
            labels = result.labels.astype(np.uint8, copy=False)
            if result.unsure_below:
                stripes = _stripes(labels.shape[0], labels.shape[1])
                labels = np.where(result.unsure & stripes, np.uint8(_GRAY), labels)
            indexed = Image.fromarray(labels).convert("P")
            indexed.putpalette(_palette(result.palette))
            over = Image.blend(base, indexed.convert("RGB"), self.opacity)
        if self.shown is None:
            return over
        return Image.composite(over, base, Image.fromarray(self._mask(result)))

    def _mask(self, result: Segmentation) -> NDArray[np.uint8]:
        """255 where a class is shown: (H, W)."""
        assert self.shown is not None
        table = np.zeros(len(result.classes), np.uint8)
        table[list(self.shown)] = 255
        return table[result.labels]

    def _rows(self, result: Segmentation) -> list[tuple[str, Color, int]]:
        """Name, color and percent of the classes in the legend, in the order of their numbers.

        Not by size: in a video the lines would change places from frame to frame.
        """
        total, unsure = result.labels.size, 0.0
        counted = result.labels.ravel()
        if result.unsure_below:  # as Segmentation.legend(unsure=True) counts
            doubtful = result.unsure
            counted = result.labels[~doubtful]
            among = doubtful if self.shown is None else doubtful & (self._mask(result) > 0)
            unsure = np.count_nonzero(among) / total
        counts = np.bincount(counted, minlength=len(result.classes))
        rows = [
            (result.classes[number], result.palette[number], round(100 * counts[number] / total))
            for number in np.flatnonzero(counts >= _SMALLEST_SHARE * total)
            if self.shown is None or int(number) in self.shown
        ]
        return rows + ([(UNSURE, UNSURE_COLOR, round(100 * unsure))] if unsure >= _SMALLEST_SHARE else [])


def _draw_legend(picture: Image.Image, rows: list[tuple[str, Color, int]]) -> None:
    """Write as many lines as the picture has room for."""
    lines = [_line(*row) for row in rows[: (picture.height - 4 * _MARGIN) // _LINE]]
    width = max((line.width for line in lines), default=0) + 2 * _MARGIN
    if not lines or width + 2 * _MARGIN > picture.width:
        return
    box = (_MARGIN, _MARGIN, _MARGIN + width, 3 * _MARGIN + _LINE * len(lines))
    dark = picture.crop(box).point(lambda level: level * 0.35)
    for number, line in enumerate(lines):
        dark.paste(line, (_MARGIN, _MARGIN + _LINE * number), line)
    picture.paste(dark, box)


@lru_cache(maxsize=1024)
def _line(name: str, color: Color, percent: int) -> Image.Image:
    """One line of the legend, RGBA: a square, the share, the name."""
    font = _font()
    text = f"{percent:3d} %  {name}"
    line = Image.new("RGBA", (22 + round(font.getlength(text)) + 1, _LINE))
    draw = ImageDraw.Draw(line)
    draw.rectangle((0, 3, 13, _LINE - 4), fill=(*color, 255), outline=(*_WHITE, 255))
    draw.text((21, _LINE // 2), text, fill=(*_WHITE, 255), font=font, anchor="lm")
    return line


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=13)


@lru_cache(maxsize=4)
def _stripes(height: int, width: int) -> NDArray[np.bool_]:
    return (np.arange(height)[:, None] + np.arange(width)) % _STRIPE < _STRIPE // 2


@lru_cache(maxsize=4)
def _palette(palette: tuple[Color, ...]) -> bytes:
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    table[_GRAY] = UNSURE_COLOR
    return table.tobytes()
