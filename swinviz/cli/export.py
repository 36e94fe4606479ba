"""`python -m swinviz export MODEL -o model.onnx`."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.checkpoints import load
from swinviz.exporting import OPSETS, ExportOptions, export

__all__ = ["add_arguments", "run"]

_PATTERNS = "stages.*.blocks.*.attn.pattern"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="preset, checkpoint file, folder or hub id")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.onnx", help="ONNX graph to write")
    parser.add_argument("--program", type=Path, metavar="FILE.pt2", help="torch.export program to write")
    parser.add_argument(
        "--attention",
        nargs="?",
        const=_PATTERNS,
        metavar="POINTS",
        help="give attention patterns too: of every block, or at the hook points of a glob",
    )
    parser.add_argument(
        "--outputs",
        nargs="+",
        default=["logits"],
        metavar="NAME",
        help="logits (default), labels, confidence, and hook points by name or glob",
    )
    parser.add_argument(
        "--size",
        type=_size,
        default="dynamic",
        metavar="HxW",
        help="one size, or dynamic (default)",
    )
    parser.add_argument("--half", action="store_true", help="weights and arithmetic in float16")
    parser.add_argument("--controls", action="store_true", help="add inputs that change the attention")
    parser.add_argument(
        "--opset",
        type=int,
        default=18,
        choices=OPSETS,
        metavar="N",
        help="of ONNX's operators, 18 to 23",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the files asked for.

    Returns:
        0.

    Raises:
        ValueError: no file is asked for.
    """
    files = [path for path in (arguments.output, arguments.program) if path is not None]
    if not files:
        raise ValueError("name the file to write: -o model.onnx, or --program model.pt2.")
    outputs = [*arguments.outputs, *([arguments.attention] if arguments.attention else [])]
    options = ExportOptions(
        tuple(outputs), arguments.size, arguments.half, arguments.controls, arguments.opset
    )
    model = load(arguments.model, device="cpu")
    for path in files:
        export(model, path, options)
        size = "any size" if options.size is None else f"{options.size[0]}x{options.size[1]} pixels"
        print(f"{path}: {', '.join(outputs)} for images of {size}, {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _size(text: str) -> tuple[int, int] | None:
    """Read "HxW" or "dynamic"."""
    if text == "dynamic":
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write HxW, such as 512x683, or dynamic")
    return int(height), int(width)
