"""Pictures and places on the command line, as the model sees them; no command itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from swinviz.attention import Pixel, Projection, model_input
from swinviz.cli.common import parse_pixel
from swinviz.errors import SwinvizError
from swinviz.files import replacing
from swinviz.images import read_image, resize
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming import find_sources

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Inputs",
    "SeenPicture",
    "add_at_argument",
    "add_hook_arguments",
    "class_number",
    "default_hook",
    "find_pictures",
    "look_at",
    "save_figure",
]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class SeenPicture:
    """A picture as the model sees it.

    Attributes:
        name: of the file.
        input: (1, 3, h, w), normalized.
        shown: (h, w, 3), the input as a picture.
        projection: between the pixels of the picture and of the input.
    """

    name: str
    input: Tensor
    shown: NDArray[np.uint8]
    projection: Projection

    def place(self, at: tuple[int, int] | None) -> tuple[Pixel, str]:
        """Carry --at over to the input.

        Args:
            at: (x, y) of the picture; its middle by default.

        Returns:
            (y, x) of the input, and the pixel of the picture in words.

        Raises:
            ValueError: the pixel lies outside the picture.
        """
        height, width = self.projection.image
        x, y = at or (width // 2, height // 2)
        return self.projection.to_input(y, x), f"pixel x={x} y={y}"


def look_at(model: SwinUPerNet, path: str | Path) -> SeenPicture:
    """Read a picture and resize it as the model wants it.

    Raises:
        ImageError: it cannot be read.
    """
    rgb = read_image(path)
    x, projection = model_input(model, rgb)
    return SeenPicture(Path(path).name, x, resize(rgb, projection.input), projection)


class Inputs(Generic[T]):
    """Pictures as inputs, read one by one, a bar's length known; one that cannot be read costs a sentence.

    Args:
        model: decides their size.
        paths: the files.
        command: the command's name, for the sentences.
        give: makes of a path and its input (1, 3, h, w) what is given.
    """

    def __init__(
        self, model: SwinUPerNet, paths: Sequence[str], command: str, give: Callable[[str, Tensor], T]
    ) -> None:
        self._model, self._paths, self._command, self._give = model, paths, command, give

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[T]:
        for path in self._paths:
            try:
                x = look_at(self._model, path).input
            except SwinvizError as error:
                tqdm.write(f"swinviz {self._command}: {error}", file=sys.stderr)
                continue
            yield self._give(path, x)


def find_pictures(named: Sequence[str], limit: int = 0, output: Path | None = None) -> list[str]:
    """List the pictures that are named: files, folders, patterns, list files.

    Args:
        named: words of the command line.
        limit: take so many, evenly spread; 0 for all.
        output: folder that results go to, whose results are not taken for pictures.

    Raises:
        ValueError: there is none, or the limit is below 0.
    """
    if limit < 0:
        raise ValueError(f"--limit is {limit}: give a number from 0 (all) up.")
    paths = [source.address for source in find_sources(named, output) if source.kind == "picture"]
    if not paths:
        raise ValueError(f"there is no picture in {', '.join(named)}: name pictures or folders of them.")
    if not limit or limit >= len(paths):
        return paths
    return [paths[number * len(paths) // limit] for number in range(limit)]


def add_at_argument(parser: argparse.ArgumentParser, what: str = "its middle by default") -> None:
    """Add --at."""
    parser.add_argument(
        "--at",
        type=parse_pixel,
        metavar="X,Y",
        help=f"pixel of the picture, counted from 0 at the top left; {what}",
    )


def add_hook_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --hook and --head, which say whose vectors are compared."""
    parser.add_argument(
        "--hook",
        metavar="NAME",
        help="hook point whose vectors are taken, such as stages.2.out, stages.1.blocks.0.resid_post, "
        "stages.2.blocks.1.attn.k; by default the output of the last stage but one",
    )
    parser.add_argument("--head", type=int, help="of attn.q, k, v or head_out only this head; all by default")


def default_hook(model: SwinUPerNet, named: str | None) -> str:
    """Choose the hook point: the one named, or the output of the last stage but one."""
    return named or f"stages.{max(len(model.config.backbone.depths) - 2, 0)}.out"


def class_number(model: SwinUPerNet, name: str | None) -> int | None:
    """Look a class up by its name.

    Raises:
        ValueError: the model has none of this name.
    """
    if name is None:
        return None
    names = [each.casefold() for each in model.config.classes]
    if name.strip().casefold() not in names:
        raise ValueError(
            f"the model has no class {name!r}: choose among {', '.join(sorted(model.config.classes))}."
        )
    return names.index(name.strip().casefold())


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
    return path
