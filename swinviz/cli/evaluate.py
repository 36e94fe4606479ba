"""`python -m swinviz evaluate --preset swin-t --data ROOT`; under torchrun, in several processes."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.data import FileDataset, Scenes, hold_out, open_dataset
from swinviz.data.photos import PHOTO_DATASETS
from swinviz.devices import PRECISIONS, parse_device
from swinviz.evaluation import Report, evaluate, evaluate_photos, measure_cost
from swinviz.files import replacing
from swinviz.inference import MULTI_SCALE, InferenceOptions
from swinviz.report_page import picture_images, save_report_page
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--data",
        required=True,
        help="ADE20K's root, a folder with images/ and masks/, scenes, or (with --root) camvid, stanford or "
        "labelmefacade",
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the photographs' folder: the data set, or one that holds it"
    )
    parser.add_argument("--split", default="", help="of the data set; by default the one held out")
    parser.add_argument(
        "--hold-out", type=float, metavar="SHARE", help="only the pictures that train holds out by this share"
    )
    parser.add_argument(
        "--background",
        nargs="?",
        const="background",
        metavar="NAME",
        help="class of the pixels that no annotated area covers, as for train",
    )
    parser.add_argument(
        "--check", action="store_true", help="only look the data set over, and list what is wrong"
    )
    parser.add_argument("--slide", action="store_true", help="crops of 512x512 instead of the whole image")
    parser.add_argument("--ms-flip", action="store_true", help="average six sizes, each flipped too")
    parser.add_argument("--limit", type=int, help="only so many images")
    parser.add_argument("--cost", action="store_true", help="measure memory and images a second too")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for report (JSON, and a page to open in a browser), plots and the state to go on from",
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="REPORT",
        help="an earlier report.json, against which the page compares every figure",
    )
    add_model_arguments(parser)
    parser.add_argument("--preset", dest="model", help="the same as --model")


def run(arguments: argparse.Namespace) -> int:
    """Measure a model, or with --check the data set alone.

    Returns:
        0; 1 if --check found something wrong.
    """
    if arguments.data in PHOTO_DATASETS:
        return _run_photos(arguments)
    if arguments.check:
        check = open_dataset(arguments.data, arguments.split, strict=False).check()
        print(check)
        return 0 if check.ok else 1
    baseline = Report.load(arguments.baseline) if arguments.baseline else None
    device = parse_device(arguments.device)
    options = InferenceOptions(
        mode="slide" if arguments.slide else "whole", precision=PRECISIONS[arguments.precision]
    )
    if arguments.ms_flip:
        options = replace(options, scales=MULTI_SCALE, flip=True)
    scenes = arguments.data == "scenes"
    dataset: FileDataset | Scenes
    dataset = Scenes("val", length=500) if scenes else _open(arguments)
    model = load(arguments.model, device=device)
    folder = output_folder(arguments.output) if arguments.output else None
    report = evaluate(
        model,
        dataset,
        options,
        boundary=True,
        limit=arguments.limit,
        state=folder / "state" if folder else None,
    )
    if int(os.environ.get("RANK", "0")) != 0:
        return 0
    report = replace(
        report, preset=arguments.model, cost=measure_cost(model, options) if arguments.cost else None
    )
    print(report.class_table(), report.table(), sep="\n\n")
    if folder:
        _write(report, model, dataset, options, folder, baseline)
    return 0


def _open(arguments: argparse.Namespace) -> FileDataset:
    """Open a data set, or the pictures of it that training held out.

    Raises:
        ValueError: nothing would be held out.
    """
    dataset = open_dataset(arguments.data, arguments.split, background=arguments.background or "")
    if arguments.hold_out is None:
        return dataset
    held_out = hold_out(dataset, arguments.hold_out)[1]
    if held_out is None:
        raise ValueError(
            f"--hold-out {arguments.hold_out} of {len(dataset)} pictures is none or all: choose another."
        )
    return held_out


def _run_photos(arguments: argparse.Namespace) -> int:
    """Measure a model on one of the data sets of photographs, or with --check look the data set over.

    Raises:
        ValueError: no --root.
    """
    if arguments.root is None:
        raise ValueError(f"--data {arguments.data} needs --root, the folder of the photographs.")
    inside = arguments.root / arguments.data
    root = inside if inside.is_dir() else arguments.root
    split = arguments.split or ("val" if (root / "val").is_dir() else "")
    dataset = PHOTO_DATASETS[arguments.data](root, split, strict=not arguments.check)
    if arguments.check:
        check = dataset.check()
        print(check)
        return 0 if check.ok else 1
    device = parse_device(arguments.device)
    options = InferenceOptions(precision=PRECISIONS[arguments.precision])
    if arguments.ms_flip:
        options = replace(options, scales=MULTI_SCALE, flip=True)
    report = evaluate_photos(load(arguments.model, device=device), dataset, options, limit=arguments.limit)
    print(report.table())
    return 0


def _write(
    report: Report,
    model: SwinUPerNet,
    dataset: FileDataset | Scenes,
    options: InferenceOptions,
    folder: Path,
    baseline: Report | None,
) -> None:
    # matplotlib takes a while to import
    from swinviz.plots import plot_class_bars, plot_confusion, plot_worst_images

    print(report.save(folder / "report.json"))
    pictures = picture_images(report, model, dataset, options, baseline=baseline)
    print(save_report_page(report, folder / "report.html", pictures, baseline=baseline))
    figures = {
        "confusion": plot_confusion(report),
        "classes": plot_class_bars(report),
        "worst": plot_worst_images(report, model, dataset, options),
    }
    for name, figure in figures.items():
        with replacing(folder / f"{name}.png") as temporary:
            figure.savefig(temporary, dpi=150)
        print(folder / f"{name}.png")
