"""`python -m swinviz patch RECEIVER DONOR --at X,Y -o DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.cli.pictures import add_at_argument, class_number, look_at, save_figure
from swinviz.devices import parse_device
from swinviz.interventions import CachedRun, Patching

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("receiver", type=Path, metavar="RECEIVER", help="the picture that is asked about")
    parser.add_argument(
        "donor", type=Path, metavar="DONOR", help="a picture of the same shape, or an edited copy"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    add_at_argument(parser)
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="whose logit; by default the receiver's at the pixel",
    )
    parser.add_argument(
        "--stages", type=_numbers, metavar="N,...", help="only blocks of these stages, from 0; all by default"
    )
    parser.add_argument(
        "--tokens",
        type=_block,
        metavar="S.B",
        help="also patch the tokens of the pixel's window in this block, one by one; such as 2.3",
    )
    add_model_arguments(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw which block and head, put in from the donor, moves the logit of one pixel of the receiver.

    Raises:
        ValueError: no such stage or class, a pixel outside, or pictures of different shapes.
    """
    from swinviz.plots import plot_patching_grid, plot_token_patching  # matplotlib takes a while to import

    model = load(arguments.model, device=parse_device(arguments.device)).for_inference()
    stages = len(model.config.backbone.depths)
    if arguments.stages is not None and not all(0 <= stage < stages for stage in arguments.stages):
        raise ValueError(f"--stages are numbers from 0 to {stages - 1}.")
    receiver, donor = look_at(model, arguments.receiver), look_at(model, arguments.donor)
    place, words = receiver.place(arguments.at)
    class_index = class_number(model, arguments.class_name)
    folder = output_folder(arguments.output)
    patching = Patching(CachedRun(model, receiver.input), donor.input, place, class_index)
    tokens = patching.tokens(arguments.tokens) if arguments.tokens is not None else None
    grid = patching.grid(arguments.stages, progress=True)
    classes = model.config.classes
    figure = plot_patching_grid(
        grid, classes, images=(receiver.shown, donor.shown), names=(receiver.name, donor.name)
    )
    stem = Path(receiver.name).stem
    (stage, block), head = grid.strongest
    effect = float(grid.heads[grid.strongest[0]][head])
    print(
        f"{save_figure(figure, folder / f'{stem}_patching.png')}: {words}, {classes[grid.class_index]} "
        f"{grid.receiver:+.2f} here and {grid.donor:+.2f} in {donor.name}; "
        f"strongest: block {stage}.{block}, head {head}: {effect:+.2f}"
    )
    if tokens is not None:
        figure = plot_token_patching(receiver.shown, tokens, classes, picture=receiver.name)
        print(save_figure(figure, folder / f"{stem}_patching_tokens.png"))
    return 0


def _numbers(text: str) -> list[int]:
    """Read "2,3"."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} are no stages: write such as 2,3") from error


def _block(text: str) -> tuple[int, int]:
    """Read "2.3"."""
    try:
        stage, block = (int(part) for part in text.split("."))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no block: write STAGE.BLOCK, such as 2.3") from error
    return stage, block
