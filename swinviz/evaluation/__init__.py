"""Quality of a model: mean intersection over union and its relatives, streaming and resumable."""

from swinviz.evaluation.calibration import calibration_error
from swinviz.evaluation.cost import Cost, measure_cost
from swinviz.evaluation.metrics import ConfusionCounts, Metrics
from swinviz.evaluation.partial import ImageScore, PartialResult
from swinviz.evaluation.photos import PhotoReport, evaluate_photos
from swinviz.evaluation.report import Report
from swinviz.evaluation.run import evaluate
from swinviz.evaluation.window_borders import BorderAccuracy, border_accuracy, border_distance

__all__ = [
    "BorderAccuracy",
    "ConfusionCounts",
    "Cost",
    "ImageScore",
    "Metrics",
    "PartialResult",
    "PhotoReport",
    "Report",
    "border_accuracy",
    "border_distance",
    "calibration_error",
    "evaluate",
    "evaluate_photos",
    "measure_cost",
]
