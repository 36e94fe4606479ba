"""From an image to labels: resize, run, upsample, take the argmax, as the published figures were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swinviz.lazy import names_from

if TYPE_CHECKING:
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

__getattr__ = names_from(
    __name__,
    {
        "InferenceOptions": "options",
        "LegendEntry": "segmentation",
        "LogitsFn": "pipeline",
        "MULTI_SCALE": "options",
        "Segmentation": "segmentation",
        "UNSURE": "segmentation",
        "UNSURE_COLOR": "segmentation",
        "UnsureStyle": "segmentation",
        "segment": "pipeline",
        "segment_batch": "pipeline",
    },
)
