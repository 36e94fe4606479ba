"""`python -m swinviz bench`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from swinviz.benchmark import (
    Benchmark,
    benchmark_capture,
    benchmark_head,
    benchmark_model,
    benchmark_settings,
    benchmark_start,
    benchmark_training,
    peak_gflops,
    scaling,
)
from swinviz.benchmark.measurement import shape_of
from swinviz.cli.common import DEVICE_HELP, output_folder
from swinviz.data.labels import ADE20K_CLASSES
from swinviz.devices import device_name, parse_device
from swinviz.files import replacing
from swinviz.presets import PRESETS, Preset, build
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]

PARTS = ("model", "head", "capture", "training", "scaling", "settings", "start")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"what to measure: {', '.join(PARTS)}; by default the first three, on a GPU all but the last",
    )
    parser.add_argument("--preset", choices=PRESETS, default="swin-t", help="architecture (random weights)")
    parser.add_argument("--device", help=DEVICE_HELP)
    parser.add_argument("--size", type=int, default=512, help="side of the square input, in pixels")
    parser.add_argument("--batch", type=int, default=1, help="images at a time; training takes at least 2")
    parser.add_argument("--rounds", type=int, default=7, help="how often each candidate runs")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="measure torch.compile too, which takes minutes (a GPU's settings always do)",
    )
    parser.add_argument(
        "--no-baseline", action="store_true", help="leave transformers and mmsegmentation out"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="for bench.json and scaling.png; on a GPU ./swinviz-bench",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare speed and memory; the weights are random, which changes neither.

    Raises:
        ValueError: a part is asked for that does not exist.
    """
    device = parse_device(arguments.device)
    gpu = device.type == "cuda"
    parts = arguments.parts or (PARTS[:-1] if gpu else PARTS[:3])
    if gpu:
        arguments.output = arguments.output or Path("swinviz-bench")
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f"there is nothing called {unknown[0]} to measure: choose of {', '.join(PARTS)}.")
    report: dict[str, Any] = {}
    if "start" in parts:
        starts = benchmark_start(rounds=arguments.rounds)
        report["start"] = [asdict(start) for start in starts]
        print(*(start.table() for start in starts), sep="\n")
        parts = [part for part in parts if part != "start"]
    if parts:
        report |= _compare(parts, arguments)
    if arguments.output:
        with replacing(output_folder(arguments.output) / "bench.json") as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n")
        print(arguments.output / "bench.json")
    return 0


def _compare(parts: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the parts that run a model, and print what they gave."""
    preset = PRESETS[arguments.preset]
    classes = ADE20K_CLASSES if preset.num_classes == len(ADE20K_CLASSES) else ()
    model = build(preset, classes).eval().to(parse_device(arguments.device))
    peak = peak_gflops(model.device)
    print(f"{preset.title}, {device_name(model.device)}{_published(preset)}")
    print(f"peak: {peak:.0f} GFLOP/s, a plain 3x3 convolution of 512 channels")
    report: dict[str, Any] = {"preset": arguments.preset, "device": device_name(model.device), "peak": peak}
    for part in parts:
        if part == "scaling":
            report[part] = _scaling(model.for_inference(), arguments)
            continue
        if part == "settings":
            report[part] = _settings(model, arguments)
            continue
        benchmark = _contest(part, model, arguments)
        report[part] = asdict(benchmark)
        print(f"\n{benchmark.table(peak)}")
    return report


def _contest(part: str, model: SwinUPerNet, arguments: argparse.Namespace) -> Benchmark:
    """Measure one part; the images are noise, which changes no time."""
    generator = torch.Generator(model.device).manual_seed(0)
    batch = max(2, arguments.batch) if part == "training" else arguments.batch
    size = (batch, 3, arguments.size, arguments.size)
    images = torch.randn(size, device=model.device, generator=generator)
    baseline, rounds = not arguments.no_baseline, arguments.rounds
    if part == "model":
        return benchmark_model(model, images, rounds=rounds, compiled=arguments.compile, baseline=baseline)
    if part == "head":
        return benchmark_head(model, images, rounds=rounds, baseline=baseline)
    if part == "capture":
        return benchmark_capture(model, images, rounds=rounds)
    labels = images[:, 0].gt(0).long()
    return benchmark_training(model, images, labels, rounds=rounds, baseline=baseline)


def _settings(model: SwinUPerNet, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure settings for pictures, for many at once and for the camera, and say which to take."""
    gpu, side = model.device.type == "cuda", arguments.size
    many, live = (16, (480, 640)) if gpu else (2, (240, 320))
    shapes = [(1, side, side), (many, side, side), (1, *live)]
    compiled = gpu or arguments.compile
    found = benchmark_settings(model, shapes, rounds=arguments.rounds, compiled=compiled)
    print(found.table())
    best = [found.fastest((batch, 3, height, width)) for batch, height, width in shapes]
    precision = best[-1].setting.precision
    for trial in best:
        print(f"{shape_of(torch.empty(trial.shape, device='meta'))}: model.{trial.setting.call}")
    print(f"for the camera: python app.py --device {model.device} --precision {precision}")
    return {
        "trials": [
            asdict(trial) | {"right": trial.right, "call": trial.setting.call} for trial in found.trials
        ],
        "fastest": [asdict(trial) for trial in best],
    }


def _scaling(model: SwinUPerNet, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure and print how time grows with the images, and draw it if there is a folder for it."""
    measured = scaling(model)
    rows: list[dict[str, Any]] = [
        {
            "batch": batch,
            "side": side,
            "seconds": seconds,
            "seconds_per_megapixel": seconds / (batch * side**2 / 1e6),
        }
        for (batch, side), seconds in measured.items()
    ]
    print("\nbatch  side   seconds   seconds a megapixel")
    for row in rows:
        print(
            f"{row['batch']:5d} {row['side']:5d} {row['seconds']:9.4f} {row['seconds_per_megapixel']:12.3f}"
        )
    if arguments.output:
        from swinviz.plots.benchmark import plot_scaling  # matplotlib takes a while to import

        with replacing(output_folder(arguments.output) / "scaling.png") as temporary:
            plot_scaling(measured, arguments.preset).savefig(temporary, dpi=150, format="png")
        print(arguments.output / "scaling.png")
    return rows


def _published(preset: Preset) -> str:
    """Published cost of a preset, if there is any."""
    if preset.fps is None:
        return ""
    return f"; published for a V100: {preset.fps} images/s at 512x512, {preset.memory_gb} GB in training"
