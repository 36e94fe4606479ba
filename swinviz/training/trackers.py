"""Callbacks for experiment trackers: MLflow, and Weights & Biases. Neither is a dependency."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swinviz.lazy import require_package
from swinviz.segmenter import SwinUPerNet
from swinviz.training.callbacks import StepReport
from swinviz.training.recipe import Recipe

__all__ = ["MLflow", "WeightsAndBiases"]


class MLflow:
    """Figures and recipe in MLflow, at the address in MLFLOW_TRACKING_URI; a resumed run goes on in its own.

    Args:
        folder: the run's folder, which remembers MLflow's number of the run.
        recipe: kept as the run's parameters.

    Raises:
        MissingPackageError: MLflow is not installed.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.mlflow: Any = require_package("mlflow", "mlflow", needed="MLflow")
        self.identity, self.recipe = _Identity(folder / "mlflow-run.txt"), recipe

    def begin(self, first_step: int, max_iters: int) -> None:
        """Start the run, or go on with it."""
        known = self.identity.read()
        run = self.mlflow.start_run(run_id=known)
        self.identity.write(run.info.run_id)
        if known is None:
            self.mlflow.log_params(asdict(self.recipe))

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """Log every figure of the report."""
        self.mlflow.log_metrics(_figures(report), step=report.step)

    def end(self) -> None:
        """End the run."""
        self.mlflow.end_run()


class WeightsAndBiases:
    """Figures and recipe in Weights & Biases; a resumed run goes on in its own.

    Args:
        folder: the run's folder, which remembers the tracker's number of the run.
        recipe: kept as the run's configuration.

    Raises:
        MissingPackageError: wandb is not installed.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.wandb: Any = require_package("wandb", "wandb", needed="Weights & Biases")
        self.identity, self.folder, self.recipe = _Identity(folder / "wandb-run.txt"), folder, recipe

    def begin(self, first_step: int, max_iters: int) -> None:
        """Start the run, or go on with it."""
        self.run = self.wandb.init(
            project="swinviz",
            dir=str(self.folder),
            id=self.identity.read(),
            resume="allow",
            config=asdict(self.recipe),
        )
        self.identity.write(self.run.id)

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        """Log every figure of the report."""
        self.run.log(_figures(report), step=report.step)

    def end(self) -> None:
        """Finish the run."""
        self.run.finish()


class _Identity:
    """A tracker's number of a run, kept in the run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """Return the number, or None for a new run."""
        return self.path.read_text(encoding="utf-8").strip() or None if self.path.is_file() else None

    def write(self, number: str) -> None:
        """Remember the number."""
        self.path.write_text(number + "\n", encoding="utf-8")


def _figures(report: StepReport) -> dict[str, float]:
    """All figures of a report that are numbers, by names that every tracker takes."""
    figures = asdict(report)
    figures |= figures.pop("scores")
    del figures["step"]
    return {name.replace(" ", "_"): value for name, value in figures.items() if math.isfinite(value)}
