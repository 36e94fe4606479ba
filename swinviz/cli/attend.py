"""`python -m swinviz attend IMAGE -o DIR --at X,Y`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from swinviz.attention import attention_to_image, model_input
from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder, parse_pixel
from swinviz.devices import PRECISIONS, parse_device
from swinviz.explorer import Session, save_html
from swinviz.files import replacing
from swinviz.images import read_image
from swinviz.model.hooks import capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--at",
        type=parse_pixel,
        metavar="X,Y",
        help="pixel of the image, counted from 0 at the top left; its middle by default",
    )
    parser.add_argument("--stage", type=int, default=2, help="counted from 0 (default 2)")
    parser.add_argument(
        "--block", type=int, default=1, help="in its stage, counted from 0; odd ones are shifted"
    )
    parser.add_argument("--head", type=int, help="one head; all of them by default")
    parser.add_argument("--zoom", action="store_true", help="draw the surroundings of the windows only")
    parser.add_argument("--html", action="store_true", help="write the explorer too, as one offline file")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw what a pixel attends to in one block, in image coordinates, with its window's true rectangles."""
    from swinviz.plots import plot_attention  # matplotlib takes a while to import

    device = parse_device(arguments.device)
    image = read_image(arguments.image)
    folder = output_folder(arguments.output)
    model = load(arguments.model, device=device)
    name = _block_name(model, arguments.stage, arguments.block)
    x, projection = model_input(model, image)
    column, row = arguments.at or (image.shape[1] // 2, image.shape[0] // 2)
    precision = PRECISIONS[arguments.precision]
    with (
        torch.no_grad(),
        torch.autocast(x.device.type, precision, enabled=precision is not None),
        capture(model, f"{name}.attn.pattern") as seen,
    ):
        model.features(x)
    seen_at = projection.to_input(row, column)
    found = attention_to_image(
        seen[f"{name}.attn.pattern"],
        seen.geometries[f"{name}.attn.pattern"],
        query=seen_at,
        block=(arguments.stage, arguments.block),
    )
    heads = None if arguments.head is None else [arguments.head]
    figure = plot_attention(image, found, heads=heads, size=projection.input, zoom=arguments.zoom)
    figure.axes[0].set_title(f"pixel x={column}, y={row}", fontsize=9)  # as it was asked for
    path = folder / f"{arguments.image.stem}_attention.png"
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    print(f"{path}: {name}, pixel x={column} y={row}, windows {found.windows}")
    if arguments.html:
        page = folder / f"{arguments.image.stem}_explorer.html"
        fields = {"stage": arguments.stage, "block": arguments.block, "y": seen_at[0], "x": seen_at[1]}
        if arguments.head is not None:
            fields["head"] = arguments.head
        state = "&".join(f"{name}={value}" for name, value in fields.items())
        session = Session(model, image, title=Path(arguments.model).stem, picture=arguments.image.name)
        save_html(session, page, state=f"{state}&locked=true")
        print(f"{page}: open it in a browser")
    return 0


def _block_name(model: SwinUPerNet, stage: int, block: int) -> str:
    """Name a block, or say which there are."""
    depths = model.config.backbone.depths
    if not 0 <= stage < len(depths):
        raise ValueError(f"--stage is {stage}: choose it from 0 to {len(depths) - 1}.")
    if not 0 <= block < depths[stage]:
        raise ValueError(f"--block is {block}: stage {stage} has blocks 0 to {depths[stage] - 1}.")
    return f"stages.{stage}.blocks.{block}"
