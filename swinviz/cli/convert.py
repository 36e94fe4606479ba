"""`python -m swinviz convert IN OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.checkpoints import convert, load, to_hub_format

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", metavar="IN", help="checkpoint file, folder, preset or hub id")
    parser.add_argument("target", metavar="OUT", type=Path, help="a .safetensors file; with --hub, a folder")
    parser.add_argument("--hub", action="store_true", help="write the folder that transformers loads")


def run(arguments: argparse.Namespace) -> int:
    """Rewrite a checkpoint with its configuration, classes and colors."""
    if arguments.hub:
        model, written = load(arguments.source), arguments.target
        to_hub_format(model, written)
    else:
        model, written = convert(arguments.source, arguments.target), arguments.target
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{written}: {count:,} parameters, {model.config.num_classes} classes")
    return 0
