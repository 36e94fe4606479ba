"""What several commands ask for: a model, a device, a number type."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from swinviz.checkpoints import load
from swinviz.segmenter import SwinUPerNet

__all__ = ["PRECISIONS", "add_model_arguments", "load_model", "output_folder"]

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""What `--precision` may be, and what `InferenceOptions.precision` then is."""


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --model, --device and --precision."""
    parser.add_argument(
        "--model",
        default="auto",
        help="preset, path or hub id; auto (default): the best published one downloaded, else nano",
    )
    parser.add_argument("--device", help="cpu, cuda, mps; by default the best there is")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of the matrix products")


def load_model(arguments: argparse.Namespace) -> SwinUPerNet:
    """Load the model that the arguments name.

    Raises:
        SwinvizError: it cannot be had; the message says what to do.
    """
    return load(arguments.model, device=arguments.device or best_device())


def best_device() -> str:
    """Name the fastest device of this machine."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def output_folder(path: Path) -> Path:
    """Make the folder that results go to, and return it.

    Raises:
        NotADirectoryError: a file has this name.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file: name a folder for the results with -o.")
    path.mkdir(parents=True, exist_ok=True)
    return path
