"""`python -m swinviz bench`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from swinviz.benchmark import benchmark, scaling
from swinviz.cli.common import best_device, output_folder
from swinviz.data.labels import ADE20K_CLASSES
from swinviz.files import replacing
from swinviz.presets import PRESETS, build

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--preset", choices=PRESETS, default="swin-t", help="architecture (random weights)")
    parser.add_argument("--device", help="cpu, cuda, mps; by default the best there is")
    parser.add_argument("--size", type=int, default=512, help="side of the square input, in pixels")
    parser.add_argument("--batch", type=int, default=1, help="images at a time")
    parser.add_argument("--rounds", type=int, default=7, help="how often each contestant runs")
    parser.add_argument(
        "--compile", action="store_true", help="measure torch.compile too, which takes minutes"
    )
    parser.add_argument("--no-peer", action="store_true", help="leave transformers out")
    parser.add_argument("--scaling", action="store_true", help="measure time against image size too")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="for bench.json and scaling.png")


def run(arguments: argparse.Namespace) -> int:
    """Compare speed and memory; the weights are random, which changes neither."""
    preset = PRESETS[arguments.preset]
    classes = ADE20K_CLASSES if preset.num_classes == len(ADE20K_CLASSES) else ()
    model = build(preset, classes).eval().to(arguments.device or best_device())
    result = benchmark(
        model,
        size=(arguments.size, arguments.size),
        batch=arguments.batch,
        rounds=arguments.rounds,
        compiled=arguments.compile,
        peer=not arguments.no_peer,
    )
    print(result.table())
    report = result.to_dict() | {"preset": arguments.preset}
    if arguments.scaling:
        report["scaling"] = scaling(model.for_inference())
        print(
            "\n".join(f"{side:5d} pixels a side: {taken:.4f} s" for side, taken in report["scaling"].items())
        )
    if arguments.output:
        folder = output_folder(arguments.output)
        with replacing(folder / "bench.json") as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n")
        print(folder / "bench.json")
        if arguments.scaling:
            from swinviz.plots.benchmark import plot_scaling  # matplotlib takes a while to import

            with replacing(folder / "scaling.png") as temporary:
                plot_scaling(report["scaling"], arguments.preset).savefig(temporary, dpi=150)
            print(folder / "scaling.png")
    return 0
