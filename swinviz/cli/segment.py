"""`python -m swinviz segment IMAGE ... -o DIR`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.devices import PRECISIONS, parse_device
from swinviz.errors import ImageError
from swinviz.files import replacing
from swinviz.images import save_image
from swinviz.inference import MULTI_SCALE, InferenceOptions, Segmentation

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    parser.add_argument("--mode", choices=("whole", "slide", "tile"), default="whole", help="how it is cut")
    parser.add_argument("--ms-flip", action="store_true", help="average six sizes, each flipped too")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the colors over the image, 0 to 1")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segment images; write labels, overlay and shares of each.

    Returns:
        0, or 2 if an image could not be read; the others are done all the same.
    """
    options = InferenceOptions(mode=arguments.mode, precision=PRECISIONS[arguments.precision])
    if arguments.ms_flip:
        options = replace(options, scales=MULTI_SCALE, flip=True)
    device = parse_device(arguments.device)
    folder = output_folder(arguments.output)
    model = load(arguments.model, device=device)
    code = 0
    for path in tqdm(arguments.images, unit="image", disable=len(arguments.images) == 1):
        try:
            result = model.segment(path, options)
        except (ImageError, FileNotFoundError) as error:
            tqdm.write(f"swinviz segment: {error}", file=sys.stderr)
            code = 2
            continue
        written = _write(result, folder / path.stem, arguments.opacity)
        tqdm.write(f"{path}: {_summary(result)}\n  {written}")
    return code


def _write(result: Segmentation, stem: Path, opacity: float) -> str:
    """Write the three files of one image and name them."""
    labels = result.save(stem.with_name(f"{stem.name}_labels.png"))
    overlay = save_image(stem.with_name(f"{stem.name}_overlay.png"), result.overlay(opacity))
    shares = stem.with_name(f"{stem.name}_shares.json")
    with replacing(shares) as temporary:
        text = json.dumps(result.shares(), indent=2, ensure_ascii=False)
        temporary.write_text(f"{text}\n", encoding="utf-8")
    return f"{labels}, {overlay}, {shares}"


def _summary(result: Segmentation) -> str:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result.shares().items())
    return " ".join([f"{shares} ({result.seconds:.2f} s)", *result.notes])
