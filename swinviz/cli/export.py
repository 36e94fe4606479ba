"""`python -m swinviz export MODEL -o model.onnx`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swinviz.checkpoints import load
from swinviz.data.examples import EXAMPLE_NAMES, example_image
from swinviz.data.scenes import SCENE_CLASSES, Scenes
from swinviz.exporting import OPSETS, ExportOptions, export
from swinviz.images import read_image
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming import find_sources

__all__ = ["add_arguments", "run"]

_PATTERNS = "stages.*.blocks.*.attn.pattern"

_MOST_PICTURES = 64
"""Of a folder that ranges are measured on; more change little."""


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
    parser.add_argument(
        "--int8", action="store_true", help="products with weights in eight bits: smaller and faster"
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="FOLDER",
        help="pictures that --int8 measures the ranges of values on; by default the shipped ones",
    )
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
        ValueError: no file is asked for, or options that exclude each other.
        FileNotFoundError: no picture to calibrate on.
    """
    paths = [path for path in (arguments.output, arguments.program) if path is not None]
    if not paths:
        raise ValueError("name the file to write: -o model.onnx, or --program model.pt2.")
    outputs = [*arguments.outputs, *([arguments.attention] if arguments.attention else [])]
    if arguments.calibrate and not arguments.int8:
        raise ValueError("--calibrate is for --int8: give both, or neither.")
    options = ExportOptions(
        tuple(outputs),
        arguments.size,
        half=arguments.half,
        int8=arguments.int8,
        controls=arguments.controls,
        opset=arguments.opset,
    )
    files = _calibration_files(arguments.calibrate)
    model = load(arguments.model, device="cpu")
    for path in paths:
        if path.suffix == ".pt2":
            print(f"{path}: following sizes as symbols, which takes minutes", file=sys.stderr)
        pictures = _pictures(files, model) if options.int8 else ()
        export(model, path, options, pictures=pictures, progress=True)
        size = "any size" if options.size is None else f"{options.size[0]}x{options.size[1]} pixels"
        print(f"{path}: {', '.join(outputs)} for images of {size}, {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _calibration_files(folder: Path | None) -> list[Path]:
    """List pictures of a folder, evenly over their names; none without a folder.

    Raises:
        FileNotFoundError: there is no picture.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: name one of pictures for --calibrate.")
    found = [Path(source.address) for source in find_sources([folder]) if source.kind == "picture"]
    if not found:
        raise FileNotFoundError(f"{folder} holds no picture: name a folder of pictures for --calibrate.")
    return found[:: -(-len(found) // _MOST_PICTURES)]


def _pictures(files: list[Path], model: SwinUPerNet) -> Iterator[NDArray[np.uint8]]:
    """Read those files, or what is shipped of the kind that the model knows."""
    if files:
        yield from map(read_image, files)
    elif model.config.classes == SCENE_CLASSES:
        scenes = Scenes(length=16, size=(224, 320))
        yield from (scenes[index][0] for index in range(len(scenes)))
    else:
        yield from map(example_image, EXAMPLE_NAMES)


def _size(text: str) -> tuple[int, int] | None:
    """Read "HxW" or "dynamic"."""
    if text == "dynamic":
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write HxW, such as 512x683, or dynamic")
    return int(height), int(width)
