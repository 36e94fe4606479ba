"""Files that a picture's segmentation is written to, by the names that `--write` takes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from swinviz.errors import SwinvizError
from swinviz.files import replacing
from swinviz.images import save_image
from swinviz.inference import Segmentation
from swinviz.streaming.gaze_maps import GazeMap
from swinviz.streaming.painting import Painter

__all__ = ["WRITES", "PictureWriter", "hide_others", "write_json", "writing_csv"]

WRITES: Final[Mapping[str, str]] = {
    "mask": "_labels.png",
    "overlay": "_overlay.png",
    "video": "_overlay.mp4",
    "shares": "_shares.json",
    "confidence": "_confidence.png",
}
"""Endings of the results by the names that `--write` takes."""

HIDDEN: Final = 255
"""Value in a mask of the pixels of classes that were left out."""


@dataclass(frozen=True)
class PictureWriter:
    """Writes a picture's results.

    Attributes:
        kinds: what is written, by the names in `WRITES`; a video is not a picture's.
        painter: paints the overlay, and knows which classes are shown.
    """

    kinds: frozenset[str]
    painter: Painter

    def files(self, name: str) -> list[str]:
        """Names of the files that `write` writes."""
        return [name + WRITES[kind] for kind in WRITES if kind in self.kinds and kind != "video"]

    def write(
        self, result: Segmentation, folder: Path, name: str, attention: GazeMap | None = None
    ) -> list[Path]:
        """Write each file whole or not at all.

        Returns:
            The files written.

        Raises:
            ImageError: a file cannot be written.
            SwinvizError: classes are left out, and there are too many for a mask to say so.
        """
        stem = folder / name
        written = {
            kind: stem.with_name(stem.name + ending) for kind, ending in WRITES.items() if kind in self.kinds
        }
        written.pop("video", None)
        if written:
            stem.parent.mkdir(parents=True, exist_ok=True)
        if "mask" in written:
            self._mask(result).save(written["mask"])
        if "overlay" in written:
            save_image(written["overlay"], self.painter.paint(result, attention))
        if "shares" in written:
            write_json(written["shares"], self.shares(result))
        if "confidence" in written:
            levels = np.rint(65535 * result.scores).astype(np.uint16)
            save_image(written["confidence"], Image.fromarray(levels))
        return list(written.values())

    def shares(self, result: Segmentation) -> dict[str, float]:
        """Shares (0..1) of the classes that are shown and occur, largest first."""
        shares = result.shares()
        if self.painter.shown is None:
            return shares
        shown = {result.classes[number] for number in self.painter.shown}
        return {name: share for name, share in shares.items() if name in shown}

    def _mask(self, result: Segmentation) -> Segmentation:
        """The result with a class of its own for what is left out."""
        shown = self.painter.shown
        if shown is None:
            return result
        if len(result.classes) > HIDDEN:
            raise SwinvizError(
                f"a mask cannot leave out classes of a model with {len(result.classes)}: leave --classes."
            )
        return hide_others(result, shown)


def hide_others(result: Segmentation, shown: frozenset[int]) -> Segmentation:
    """Give every pixel of a class that is not shown the label 255, black, named `other`."""
    table = np.full(len(result.classes), HIDDEN, np.uint8)
    table[list(shown)] = list(shown)
    unused = HIDDEN - len(result.classes)
    return Segmentation(
        labels=table[result.labels],
        scores=result.scores,
        classes=(*result.classes, *("" for _ in range(unused)), "other"),
        palette=(*result.palette, *((0, 0, 0) for _ in range(unused + 1))),
        seconds=result.seconds,
        image=result.image,
        notes=result.notes,
    )


def write_json(path: Path, content: object) -> None:
    """Write indented JSON, whole or not at all."""
    with replacing(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")


@contextmanager
def writing_csv(path: Path, header: Iterable[str]) -> Iterator[Callable[[Iterable[object]], object]]:
    """Give a function that adds a row to a table, which is written whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(list(header))
        yield table.writerow
