"""`python -m swinviz trust PICTURE --at X,Y -o DIR`; without --at, over many pictures."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch

from swinviz.attribution import TrustOptions, disc, explanations, trust_curves, trust_table
from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.cli.pictures import Inputs, add_at_argument, class_number, find_pictures, look_at, save_figure
from swinviz.devices import parse_device
from swinviz.files import replacing
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="one with --at, else pictures and folders"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    add_at_argument(parser, "without it, places of all pictures are drawn at random and summed up")
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", help="with --at; by default the model's own"
    )
    parser.add_argument(
        "--radius",
        type=int,
        default=8,
        help="of the disc that is explained, in input pixels (default 8; 0: a pixel)",
    )
    defaults = TrustOptions()
    parser.add_argument(
        "--cell", type=int, default=defaults.cell, help="side of what is removed at once, in pixels"
    )
    parser.add_argument("--steps", type=int, default=defaults.steps, help="points of each curve")
    parser.add_argument(
        "--orders", type=int, default=defaults.random_orders, help="random orders to compare with"
    )
    parser.add_argument("--seed", type=int, default=0, help="of places, orders and noise")
    parser.add_argument("--places", type=int, default=1, help="without --at, places in each picture")
    parser.add_argument(
        "--limit", type=int, default=0, help="without --at, only so many pictures, spread evenly"
    )
    parser.add_argument("--layer", default="", metavar="NAME", help="hook point of the class activation maps")
    add_model_arguments(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Measure which explanations find what the model needs, by deletion, insertion and ROAD.

    Raises:
        ValueError: a number too small, --at with several pictures, or no such class.
    """
    options = TrustOptions(arguments.cell, arguments.steps, arguments.orders, seed=arguments.seed)
    if arguments.radius < 0 or arguments.places < 1:
        raise ValueError("--radius is at least 0, and --places at least 1.")
    model = load(arguments.model, device=parse_device(arguments.device)).for_inference()
    layer = arguments.layer or f"stages.{len(model.config.backbone.depths) - 1}.out"
    if arguments.at is None:
        return _table(model, arguments, options, layer)
    if len(arguments.pictures) > 1:
        raise ValueError("--at is a pixel of one picture: name one, or leave --at.")
    from swinviz.plots import plot_explanations, plot_trust  # matplotlib takes a while to import

    picture = look_at(model, arguments.pictures[0])
    (y, x), words = picture.place(arguments.at)
    size = (picture.shown.shape[0], picture.shown.shape[1])
    place = disc(size, (y, x), arguments.radius) if arguments.radius else (y, x)
    maps = explanations(model, picture.input, place, class_number(model, arguments.class_name), layer=layer)
    trust = trust_curves(
        model, picture.input, place, maps, class_number(model, arguments.class_name), options, progress=True
    )
    folder, classes = output_folder(arguments.output), model.config.classes
    named = classes[trust.class_index]
    around = f"{arguments.radius} input pixels around " if arguments.radius else ""
    figure = plot_trust(trust, classes, picture=f"{picture.name}, {around}{words}")
    stem = Path(picture.name).stem
    print(f"{save_figure(figure, folder / f'{stem}_trust.png')}: {named}, {words}")
    what = f"{picture.name}, “{named}”, {around}{words}; maps of {layer}"
    figure = plot_explanations(picture.shown, maps, pixel=(y, x), what=what)
    print(save_figure(figure, folder / f"{stem}_explanations.png"))
    print(f"{'explanation':28} deletion  insertion  ROAD")
    scores = trust.scores()
    for name in sorted(scores, key=lambda name: -scores[name]["road"]):
        each = scores[name]
        print(f"{name:28} {each['deletion']:8.3f} {each['insertion']:10.3f} {each['road']:+.3f}")
    return 0


def _table(model: SwinUPerNet, arguments: argparse.Namespace, options: TrustOptions, layer: str) -> int:
    """Sum up over pictures: a chart and a table."""
    from swinviz.plots import plot_trust_table  # matplotlib takes a while to import

    paths = find_pictures(arguments.pictures, arguments.limit, arguments.output)
    inputs = Inputs(model, paths, "trust", lambda _, x: x)
    table = trust_table(
        model,
        inputs,
        places=arguments.places,
        radius=arguments.radius,
        options=options,
        layer=layer,
        progress=True,
    )
    folder = output_folder(arguments.output)
    rows = table.rows()
    with (
        replacing(folder / "trust.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        columns = ("explanation", "measure", "mean", "spread", "advantage", "error", "wins")
        writer.writerow(columns)
        writer.writerows([getattr(row, column) for column in columns] for row in rows)
    print(folder / "trust.csv")
    what = f"model {arguments.model}, maps of {layer}, cells of {options.cell}×{options.cell} pixels"
    print(save_figure(plot_trust_table(table, what=what), folder / "trust.png"))
    mean = torch.tensor(table.probabilities).mean()
    print(f"{len(table.scores)} places of {len(set(table.pictures))} pictures, mean probability {mean:.2f}")
    for measure in ("deletion", "insertion", "road"):
        print(f"{measure}: advantage over chance, wins")
        for row in rows:
            if row.measure == measure and row.explanation != "random":
                print(f"  {row.explanation:28} {row.advantage:+.3f} ± {row.error:.3f}  {row.wins:.0%}")
    return 0
