"""`python -m swinviz components PICTURE ... -o DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.cli.pictures import add_hook_arguments, default_hook, find_pictures, look_at, save_figure
from swinviz.devices import parse_device
from swinviz.features import principal_components, read_tokens

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="pictures and folders; one projection serves them all"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    add_hook_arguments(parser)
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SHARE",
        help="black out what lies below this share of the first component's range, and find axes of the rest",
    )
    parser.add_argument(
        "--below", action="store_true", help="with --threshold, keep the side below it, as signs say nothing"
    )
    parser.add_argument(
        "--limit", type=int, default=8, help="most pictures, spread evenly (default 8; 0: all)"
    )
    add_model_arguments(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw the first three principal components of features as colors.

    Raises:
        ValueError: a threshold outside 0 to 1, or no picture.
    """
    from swinviz.plots import plot_components  # matplotlib takes a while to import

    if arguments.threshold is not None and not 0.0 <= arguments.threshold <= 1.0:
        raise ValueError(f"--threshold is {arguments.threshold}: choose a share from 0 to 1.")
    paths = find_pictures(arguments.pictures, arguments.limit, arguments.output)
    model = load(arguments.model, device=parse_device(arguments.device)).for_inference()
    hook = default_hook(model, arguments.hook)
    pictures = [look_at(model, path) for path in paths]
    maps = [
        read_tokens(model, picture.input, hook, head=arguments.head)
        for picture in tqdm(pictures, desc="components", unit="picture")
    ]
    found = principal_components(
        maps, threshold=arguments.threshold, side="below" if arguments.below else "above"
    )
    figure = plot_components(
        [picture.shown for picture in pictures], maps, found, names=[picture.name for picture in pictures]
    )
    folder = output_folder(arguments.output)
    shares = ", ".join(f"{share:.0%}" for share in found.explained.tolist())
    path = save_figure(figure, folder / f"{Path(pictures[0].name).stem}_components.png")
    print(f"{path}: {maps[0].place} of {len(maps)} pictures; {shares} of the variance")
    return 0
