"""Videos: frames read, segmented and written beside one another, with bounded memory.

    annotate_video(model, "street.mp4", "street_overlay.mp4")

`decoding` reads videos, cameras and streams, `encoding` writes videos, `painting` and `gaze` draw, and
`background` has the two threads beside the model's.
"""

from swinviz.streaming.annotate import AnnotateOptions, VideoSummary, annotate_video
from swinviz.streaming.decoding import VIDEO_SUFFIXES, Frame, VideoInfo, VideoReader
from swinviz.streaming.gaze import Gaze
from swinviz.streaming.painting import Painter

__all__ = [
    "VIDEO_SUFFIXES",
    "AnnotateOptions",
    "Frame",
    "Gaze",
    "Painter",
    "VideoInfo",
    "VideoReader",
    "VideoSummary",
    "annotate_video",
]
