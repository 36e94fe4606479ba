"""`python -m swinviz lens PICTURE --at X,Y -o DIR`; with --fit, probes for a model of one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import Tensor

from swinviz.attribution import (
    decoder_lens,
    load_probes,
    probe_lens,
    save_probes,
    shipped_probes,
    train_probes,
)
from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.cli.pictures import Inputs, add_at_argument, find_pictures, look_at, save_figure
from swinviz.devices import parse_device
from swinviz.errors import SwinvizError
from swinviz.features import LinearProbe
from swinviz.model.hooks import BlockId
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="one; with --fit pictures and folders")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    add_at_argument(parser)
    parser.add_argument(
        "--kind",
        choices=("decoder", "probe", "both"),
        default="both",
        help="ask the decode head, later blocks skipped; or a linear probe of each block (default: both)",
    )
    parser.add_argument(
        "--probes", type=Path, metavar="FILE", help="probes to use, that --fit wrote; outdoor's are shipped"
    )
    parser.add_argument(
        "--fit",
        type=Path,
        metavar="FILE",
        help="fit probes to the model's answers on all PICTUREs, and write them, instead of looking at one",
    )
    parser.add_argument(
        "--limit", type=int, default=0, help="with --fit, only so many pictures, spread evenly"
    )
    add_model_arguments(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw what the model would answer if it stopped at each block.

    Raises:
        ValueError: several pictures, and no --fit.
    """
    device = parse_device(arguments.device)
    if arguments.fit is not None:
        return _fit(arguments, load(arguments.model, device=device).for_inference())
    if len(arguments.pictures) > 1:
        raise ValueError("lens looks at one picture: name one, or fit probes to several with --fit FILE.")
    from swinviz.plots import plot_lens  # matplotlib takes a while to import

    model = load(arguments.model, device=device).for_inference()
    picture = look_at(model, arguments.pictures[0])
    place, words = picture.place(arguments.at)
    probes = _probes(model, arguments) if arguments.kind != "decoder" else {}
    folder = output_folder(arguments.output)
    for kind in ("decoder", "probe"):
        if arguments.kind not in (kind, "both") or (kind == "probe" and not probes):
            continue
        if kind == "decoder":
            lens = decoder_lens(model, picture.input, place, progress=True)
        else:
            lens = probe_lens(model, picture.input, place, probes)
        config = model.config
        figure = plot_lens(picture.shown, lens, config.classes, config.palette, picture=picture.name)
        path = save_figure(figure, folder / f"{Path(picture.name).stem}_{kind}_lens.png")
        decided = "nowhere" if lens.decided is None else "block {}.{}".format(*lens.decided)
        answer = config.classes[int(lens.final.argmax())]
        print(f"{path}: {words} is {answer}, decided at {decided} ({kind} lens)")
    return 0


def _probes(model: SwinUPerNet, arguments: argparse.Namespace) -> dict[BlockId, LinearProbe]:
    """The probes named, else those shipped; without either, none where the decoder is asked anyway."""
    if arguments.probes is not None:
        return load_probes(arguments.probes, model)
    probes = shipped_probes(model)
    if probes is None and arguments.kind == "probe":
        raise SwinvizError(
            "there are no probes for this model: fit some with lens FOLDER --fit FILE, then name them with "
            "--probes FILE."
        )
    return probes or {}


def _fit(arguments: argparse.Namespace, model: SwinUPerNet) -> int:
    """Fit and write probes."""
    paths = find_pictures(arguments.pictures, arguments.limit)
    unlabeled: Inputs[tuple[Tensor, None]] = Inputs(model, paths, "lens", lambda _, x: (x, None))
    probes = train_probes(model, unlabeled, progress=True)
    save_probes(probes, arguments.fit, model)
    print(
        f"{arguments.fit}: {len(probes)} probes, fitted to the model's own answers on {len(paths)} pictures"
    )
    return 0
