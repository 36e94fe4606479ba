"""The result of segmenting an image: a label and a confidence for every pixel, and pictures of them."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import ImageError

if TYPE_CHECKING:
    from swinviz.model.config import Color

__all__ = ["UNSURE", "UNSURE_COLOR", "LegendEntry", "Segmentation", "UnsureStyle"]

UNSURE: Final = "unsure"
"""Name, in legends, of the pixels that the model does not claim to know."""

UNSURE_COLOR: Final[Color] = (128, 128, 128)
"""Gray, RGB."""

UnsureStyle = Literal["hatch", "gray", "ignore"]
"""Ways to draw unsure pixels: striped in gray, gray all over, or like any other."""

_STRIPE = 8  # pixels from one stripe to the next


class LegendEntry(NamedTuple):
    """One class that occurs in an image: its name, its RGB color, and its share of the pixels (0..1)."""

    name: str
    color: Color
    share: float


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """Labels of one image, at the image's own size.

    Attributes:
        labels: (H, W), the number of each pixel's class; uint8, or int32 with more than 256 classes.
        scores: (H, W), the probability (0..1) that the model gives to that class.
        classes: class names.
        palette: one RGB color a class.
        seconds: time from the decoded image to the labels.
        image: (H, W, 3), the image that was segmented.
        notes: one sentence for each thing that was not done as asked, such as tiling for lack of memory.
        unsure_below: the model's own threshold (0..1): below it a pixel is unsure; 0 where it has none.

    >>> labels = np.array([[0, 0, 1]], np.uint8)
    >>> image = np.zeros((1, 3, 3), np.uint8)
    >>> Segmentation(labels, np.ones((1, 3), np.float32), ("sky", "sea"), ((0, 0, 9), (0, 9, 0)), 0.5, image)
    Segmentation(1 x 3 pixels: sky 67 %, sea 33 %; 0.50 s)
    """

    labels: NDArray[np.uint8] | NDArray[np.int32]
    scores: NDArray[np.float32]
    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    seconds: float
    image: NDArray[np.uint8]
    notes: tuple[str, ...] = ()
    unsure_below: float = 0.0

    @property
    def unsure(self) -> NDArray[np.bool_]:
        """Pixels (H, W) whose confidence is below the threshold."""
        return self.scores < np.float32(self.unsure_below)

    def colors(self) -> NDArray[np.uint8]:
        """Paint every pixel in its class's color: (H, W, 3)."""
        return np.asarray(self.palette, np.uint8)[self.labels]

    def overlay(self, opacity: float = 0.5, *, unsure: UnsureStyle = "hatch") -> NDArray[np.uint8]:
        """Paint the classes over the image: (H, W, 3).

        Args:
            opacity: 0 to 1; 0 shows the image alone, 1 the colors alone.
            unsure: how pixels below the threshold are drawn: striped in gray, gray, or like any other.

        Raises:
            ValueError: an opacity outside 0 to 1, or another style.
        """
        if unsure not in get_args(UnsureStyle):
            raise ValueError(f"unsure is {unsure!r}: choose one of {', '.join(get_args(UnsureStyle))}.")
        if not 0.0 <= opacity <= 1.0:
            raise ValueError(f"opacity is {opacity}: choose it from 0 (the image) to 1 (the colors).")
        colors, image = self.colors().astype(np.float32), self.image.astype(np.float32)
        if unsure != "ignore":
            gray = self.unsure
            if unsure == "hatch":
                height, width = self.labels.shape
                diagonal = np.arange(height)[:, None] + np.arange(width)
                gray = gray & (diagonal % _STRIPE < _STRIPE // 2)
            colors[gray] = UNSURE_COLOR
        return np.rint(opacity * colors + (1.0 - opacity) * image).astype(np.uint8)

    def shares(self, *, unsure: bool = False) -> dict[str, float]:
        """Tell which part of the image each class that occurs in it covers (0..1), largest first.

        Args:
            unsure: count pixels below the threshold under "unsure", not under their class.
        """
        return {entry.name: entry.share for entry in self.legend(unsure=unsure)}

    def legend(self, *, unsure: bool = False) -> list[LegendEntry]:
        """List the classes that occur in the image with their colors and shares, largest first.

        Args:
            unsure: list pixels below the threshold as "unsure", last, instead of under their class.
        """
        counted = self.labels[~self.unsure] if unsure else self.labels.ravel()
        counts = np.bincount(counted, minlength=len(self.classes))
        largest_first = np.argsort(-counts, kind="stable")
        entries = [
            LegendEntry(self.classes[label], self.palette[label], float(counts[label] / self.labels.size))
            for label in largest_first
            if counts[label]
        ]
        left = self.labels.size - counted.size
        return entries + ([LegendEntry(UNSURE, UNSURE_COLOR, left / self.labels.size)] if left else [])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the labels as an indexed PNG: each pixel's value is its label, shown in its class's color.

        Returns:
            The path written; an older file is replaced only by a whole new one.

        Raises:
            ImageError: the path does not end in .png, cannot be written, or there are more than 256 classes.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise ImageError(f"{path.name!r} would not keep the labels exactly; save them as .png")
        if len(self.classes) > 256:
            raise ImageError(
                f"a PNG palette has 256 entries, too few for {len(self.classes)} classes; "
                "save the array with numpy.save(path, result.labels)"
            )
        # Here, because exported models give segmentations where there is only numpy.
        from PIL import Image

        from swinviz.images import save_image

        indexed = Image.fromarray(self.labels.astype(np.uint8)).convert("P")
        indexed.putpalette(np.asarray(self.palette, np.uint8).tobytes())
        return save_image(path, indexed)

    def __repr__(self) -> str:
        legend = self.legend()
        shown = [f"{entry.name} {100 * entry.share:.0f} %" for entry in legend[:3]]
        if len(legend) > 3:
            shown.append(f"{len(legend) - 3} more")
        height, width = self.labels.shape
        return f"Segmentation({height} x {width} pixels: {', '.join(shown)}; {self.seconds:.2f} s)"

    def _repr_png_(self) -> bytes:
        """Show the overlay where a notebook shows this object."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(self.overlay()).save(buffer, format="PNG")
        return buffer.getvalue()
