"""Arguments that several commands share: a model, a device, a number type, a pixel."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.devices import PRECISIONS

__all__ = ["DEVICE_HELP", "add_model_arguments", "output_folder", "parse_pixel"]

DEVICE_HELP = "cpu, cuda, cuda:1, mps; by default the best there is"
"""Help text of `--device`."""


def add_model_arguments(parser: argparse.ArgumentParser, *, precision: bool = True) -> None:
    """Add --model and --device, and --precision where it is asked for."""
    parser.add_argument(
        "--model",
        default="auto",
        help="preset, path or hub id; auto (default): the best published one downloaded, else outdoor",
    )
    parser.add_argument("--device", help=DEVICE_HELP)
    if precision:
        parser.add_argument(
            "--precision", choices=PRECISIONS, default="float32", help="of the matrix products"
        )


def parse_pixel(text: str) -> tuple[int, int]:
    """Read "X,Y" as (x, y).

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    try:
        x, y = (int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no pixel: write X,Y, such as 120,80") from error
    return x, y


def output_folder(path: Path) -> Path:
    """Make the folder that results go to, and return it.

    Raises:
        NotADirectoryError: a file has this name.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file: name a folder for the results with -o.")
    path.mkdir(parents=True, exist_ok=True)
    return path
