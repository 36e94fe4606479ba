"""The README.md of a model on the hub: what it is, and its figures in the hub's own metadata schema."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from swinviz.model.config import ModelConfig

__all__ = ["METRICS", "ModelCard"]

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "mean_iou": "mIoU",
        "mean_accuracy": "mAcc",
        "accuracy": "aAcc",
        "boundary_iou": "boundary IoU",
        "expected_calibration_error": "expected calibration error",
    }
)
"""The hub's identifier of each figure, and its name."""

_HUB_DATASETS = {"ADE20K": "scene_parse_150"}


@dataclass(frozen=True)
class ModelCard:
    """Facts on a model's page on the hub, beside its classes.

    Attributes:
        name: of the model, "user/name" on the hub.
        license: the hub's identifier, such as "mit" or "cc-by-nc-4.0"; empty where nobody says.
        dataset: name of the data set that the figures were measured on.
        split: part of it.
        figures: measured figures, 0 to 1, under keys of `METRICS`; NaN is left out.
        how: how they were measured, in words.

    Raises:
        ValueError: figures without a data set, or under another name.
    """

    name: str = "this/repository"
    license: str = ""
    dataset: str = ""
    split: str = ""
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    how: str = ""

    def __post_init__(self) -> None:
        if self.figures and not self.dataset:
            raise ValueError("figures say little without the data set that they were measured on: name it.")
        if unknown := self.figures.keys() - METRICS.keys():
            raise ValueError(f"{sorted(unknown)[0]!r:.60} is no figure: choose from {', '.join(METRICS)}.")

    def text(self, config: ModelConfig) -> str:
        """Write the page, whose metadata huggingface_hub writes and checks."""
        # Imported here, because it takes as long to import as the rest of the package.
        from huggingface_hub import EvalResult, ModelCardData

        known = {metric: value for metric, value in self.figures.items() if not math.isnan(value)}
        results = [
            EvalResult(
                task_type="image-segmentation",
                dataset_type=_HUB_DATASETS.get(
                    self.dataset, re.sub(r"\W+", "_", self.dataset.lower()).strip("_")
                ),
                dataset_name=self.dataset,
                dataset_split=self.split or None,
                metric_type=metric,
                metric_name=METRICS[metric],
                metric_value=round(value, 5),
            )
            for metric, value in known.items()
        ]
        data = ModelCardData(
            library_name="transformers",
            pipeline_tag="image-segmentation",
            tags=["swin", "upernet", "swinviz"],
            license=self.license or None,
            model_name=self.name.rpartition("/")[2] if results else None,
            eval_results=results or None,
        )
        return f"---\n{data.to_yaml()}\n---\n{self._body(config, known)}"

    def _body(self, config: ModelConfig, known: Mapping[str, float]) -> str:
        lines = [
            "# Swin-UPerNet",
            "",
            f"Segments images into {config.num_classes} classes. Written by swinviz.",
            "",
            "```python",
            "import swinviz",
            f'model = swinviz.load("{self.name}")',
            "```",
            "",
            "The same weights load as `UperNetForSemanticSegmentation` and give the same logits.",
        ]
        if known:
            where = " ".join([self.dataset, self.split]).strip()
            lines += [
                "",
                f"Measured on {where}{f' ({self.how})' if self.how else ''}:",
                "",
                "| figure | % |",
                "| --- | --- |",
                *(f"| {METRICS[metric]} | {100 * value:.2f} |" for metric, value in known.items()),
            ]
        return "\n".join(lines) + "\n"
