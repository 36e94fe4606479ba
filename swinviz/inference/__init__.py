"""From an image to labels: resize, run, enlarge, decide, as the published figures were measured."""

from swinviz.inference.options import MULTI_SCALE, Options
from swinviz.inference.pipeline import LogitsFn, segment
from swinviz.inference.segmentation import LegendEntry, Segmentation

__all__ = ["MULTI_SCALE", "LegendEntry", "LogitsFn", "Options", "Segmentation", "segment"]
