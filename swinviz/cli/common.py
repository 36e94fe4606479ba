"""Arguments that several commands share: a model, a device, a number type."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.devices import PRECISIONS

__all__ = ["DEVICE_HELP", "add_model_arguments", "output_folder"]

DEVICE_HELP = "cpu, cuda, cuda:1, mps; by default the best there is"
"""Help text of `--device`."""


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --model, --device and --precision."""
    parser.add_argument(
        "--model",
        default="auto",
        help="preset, path or hub id; auto (default): the best published one downloaded, else outdoor",
    )
    parser.add_argument("--device", help=DEVICE_HELP)
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of the matrix products")


def output_folder(path: Path) -> Path:
    """Make the folder that results go to, and return it.

    Raises:
        NotADirectoryError: a file has this name.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file: name a folder for the results with -o.")
    path.mkdir(parents=True, exist_ok=True)
    return path
