"""How good a model is: mean intersection over union and its relatives, streaming and resumable."""

from swinviz.evaluation.cost import Cost, measure_cost
from swinviz.evaluation.metrics import ConfusionCounts, Metrics
from swinviz.evaluation.partial import ImageScore, PartialResult
from swinviz.evaluation.report import Report
from swinviz.evaluation.run import LabeledDataset, evaluate
from swinviz.evaluation.window_borders import BorderAccuracy, border_accuracy, border_distance

__all__ = [
    "BorderAccuracy",
    "ConfusionCounts",
    "Cost",
    "ImageScore",
    "LabeledDataset",
    "Metrics",
    "PartialResult",
    "Report",
    "border_accuracy",
    "border_distance",
    "evaluate",
    "measure_cost",
]
