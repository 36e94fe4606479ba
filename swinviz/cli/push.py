"""`python -m swinviz push MODEL USER/NAME`: the model, and its figures, on the Hugging Face hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.checkpoints import ModelCard, load, push_to_hub
from swinviz.evaluation import Report

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="checkpoint file, folder or preset")
    parser.add_argument("hub_id", metavar="USER/NAME", help="repository; made where there is none")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="the report.json of an evaluation, whose figures the repository's page shows",
    )
    parser.add_argument("--license", default="", metavar="ID", help="the hub's name of it, such as mit")
    parser.add_argument("--private", action="store_true", help="only for its owner, if it is made now")
    parser.add_argument("--message", default="Upload model", help="of the commit")


def run(arguments: argparse.Namespace) -> int:
    """Publish a model, and print the commit's address."""
    card = ModelCard(license=arguments.license)
    if arguments.report:
        card = _card(Report.load(arguments.report), arguments.license)
    print(
        push_to_hub(
            load(arguments.model),
            arguments.hub_id,
            private=arguments.private,
            message=arguments.message,
            card=card,
        )
    )
    return 0


def _card(report: Report, license_id: str) -> ModelCard:
    metrics = report.metrics
    dataset, split = report.dataset, ""
    for name in ("ADE20K", "Folder", "Scenes"):  # whose part is the rest of the words
        if dataset.startswith(f"{name} "):
            dataset, _, split = dataset.partition(" ")
    return ModelCard(
        license=license_id,
        dataset=dataset,
        split=split,
        figures={
            "mean_iou": metrics.miou,
            "mean_accuracy": metrics.macc,
            "accuracy": metrics.aacc,
            "boundary_iou": metrics.mean_boundary_iou,
            "expected_calibration_error": report.calibration_error,
        },
        how=f"{len(report.images)} images, {report.options}",
    )
