"""From an image to labels: resize, run, upsample, take the argmax, as the published figures were measured."""

from swinviz.inference.options import MULTI_SCALE, InferenceOptions
from swinviz.inference.pipeline import LogitsFn, segment, segment_batch
from swinviz.inference.segmentation import (
    UNSURE,
    UNSURE_COLOR,
    LegendEntry,
    Segmentation,
    UnsureStyle,
)

__all__ = [
    "MULTI_SCALE",
    "UNSURE",
    "UNSURE_COLOR",
    "InferenceOptions",
    "LegendEntry",
    "LogitsFn",
    "Segmentation",
    "UnsureStyle",
    "segment",
    "segment_batch",
]
