"""`python -m swinviz heads FOLDER -o heads.html`."""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments
from swinviz.cli.pictures import Inputs, add_at_argument, class_number, find_pictures, look_at
from swinviz.devices import parse_device
from swinviz.explorer.head_page import save_head_page
from swinviz.features import Criterion, HeadSearch, at_a_distance, on_class, on_direction, read_tokens
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("pictures", nargs="+", metavar="FOLDER", help="pictures and folders to search")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("heads.html"), metavar="FILE", help="the page"
    )
    sought = parser.add_mutually_exclusive_group()
    sought.add_argument(
        "--class", dest="class_name", metavar="NAME", help="seek attention on a class; by default far away"
    )
    sought.add_argument(
        "--like",
        type=Path,
        metavar="PICTURE",
        help="seek attention on what is like this picture's token at --at, behind block --block",
    )
    add_at_argument(parser)
    parser.add_argument("--block", default="2.1", metavar="S.B", help="of --like, such as 2.1")
    parser.add_argument(
        "--count", type=int, default=6, help="windows of each head, one a picture (default 6)"
    )
    parser.add_argument("--limit", type=int, default=0, help="only so many pictures, spread evenly")
    add_model_arguments(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Write a page, which needs no network, of the windows in which each head attends most to something.

    Raises:
        ValueError: a count below 1, no picture, or --at without --like.
        IsADirectoryError: the page's name is a folder's.
    """
    from swinviz.plots import typical_crop  # matplotlib takes a while to import

    if arguments.count < 1:
        raise ValueError(f"--count is {arguments.count}: give at least 1.")
    if arguments.output.is_dir():
        raise IsADirectoryError(f"{arguments.output} is a folder: name a file for the page with -o.")
    paths = find_pictures(arguments.pictures, arguments.limit)
    model = load(arguments.model, device=parse_device(arguments.device)).for_inference()
    criterion, what = _criterion(model, arguments)
    inputs = Inputs(model, paths, "heads", lambda name, x: (name, x))
    search = HeadSearch.run(model, inputs, criterion, what, count=arguments.count, progress=True)

    @lru_cache(maxsize=32)
    def shown(path: str) -> NDArray[np.uint8]:
        return look_at(model, path).shown

    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    title = f"Heads of {Path(arguments.model).stem}"
    save_head_page(
        search, arguments.output, shown, typical_crop, title=title, label=lambda path: Path(path).name
    )
    print(
        f"{arguments.output}: {len(search.typical)} heads, {search.pictures} pictures; open it in a browser"
    )
    return 0


def _criterion(model: SwinUPerNet, arguments: argparse.Namespace) -> tuple[Criterion, str]:
    """The criterion asked for, and what it is in words."""
    if arguments.class_name is not None:
        index = class_number(model, arguments.class_name)
        assert index is not None
        name = model.config.classes[index]
        return on_class(index), f"attention on {name}, beyond its share of the window"
    if arguments.like is None:
        if arguments.at is not None:
            raise ValueError("--at is a pixel of --like PICTURE: name one, or leave it.")
        return at_a_distance(), "attention far away, in input pixels"
    picture = look_at(model, arguments.like)
    place, words = picture.place(arguments.at)
    hook = "stages.{}.blocks.{}.resid_pre".format(*arguments.block.partition(".")[::2])
    direction = read_tokens(model, picture.input, hook).at(place)
    like = f"attention on tokens like {picture.name}'s at {words}"
    return on_direction(direction), f"{like} ({hook}; mean cosine, heads of other widths 0)"
