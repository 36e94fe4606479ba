"""From an image to labels: resize, run, upsample, decide, as the published figures were measured."""

from swinviz.inference.options import MULTI_SCALE, InferenceOptions
from swinviz.inference.pipeline import LogitsFn, segment
from swinviz.inference.segmentation import LegendEntry, Segmentation

__all__ = ["MULTI_SCALE", "InferenceOptions", "LegendEntry", "LogitsFn", "Segmentation", "segment"]
