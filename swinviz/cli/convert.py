"""`python -m swinviz convert IN OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.checkpoints import load, save, to_hub_format, to_mmsegmentation

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", metavar="IN", help="checkpoint file, folder, preset or hub id")
    parser.add_argument(
        "target",
        metavar="OUT",
        type=Path,
        help="a .safetensors file; with --hub, a folder; with --mmseg, a .pth file",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--hub", action="store_true", help="write the folder that transformers loads")
    target.add_argument(
        "--mmseg", action="store_true", help="write mmsegmentation's names; its configuration is inside"
    )


def run(arguments: argparse.Namespace) -> int:
    """Rewrite a checkpoint with its configuration, classes and colors."""
    write = to_hub_format if arguments.hub else to_mmsegmentation if arguments.mmseg else save
    model = load(arguments.source)
    written = write(model, arguments.target)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{written}: {count:,} parameters, {model.config.num_classes} classes")
    return 0
