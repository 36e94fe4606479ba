"""How good a model is: mean intersection over union and its relatives, streaming and resumable."""

from swinviz.evaluation.borders import BorderAccuracy, border_accuracy, border_distance
from swinviz.evaluation.cost import Cost, measure_cost
from swinviz.evaluation.measured import ImageScore, Measured
from swinviz.evaluation.metrics import Metrics, Tally
from swinviz.evaluation.report import Report
from swinviz.evaluation.run import LabelledDataset, evaluate

__all__ = [
    "BorderAccuracy",
    "Cost",
    "ImageScore",
    "LabelledDataset",
    "Measured",
    "Metrics",
    "Report",
    "Tally",
    "border_accuracy",
    "border_distance",
    "evaluate",
    "measure_cost",
]
