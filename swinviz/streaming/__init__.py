"""Pictures, videos, cameras and streams through the model, read and written beside it, with bounded memory.

    for streamed in stream(model, "photos/"):
        streamed.source.name, streamed.result.shares()
    annotate_video(model, "street.mp4", "street_overlay.mp4")

`sources` finds what is named, `decoding` reads videos, `encoding` writes them, `painting` and `gaze_maps`
draw, `gaze` looks into a point, `smoothing` holds labels still, `background` has the two threads beside the
model's, `iterate` is the iterator, `annotate` one video, `folder` a whole drive, with `outputs` and the
`journal` that lets it go on after a kill.
"""

from swinviz.streaming.annotate import AnnotateOptions, VideoSummary, annotate_video
from swinviz.streaming.decoding import VIDEO_SUFFIXES, Frame, VideoInfo, VideoReader
from swinviz.streaming.folder import Reporter, RunSummary, WriteOptions, segment_to_folder
from swinviz.streaming.gaze import Gaze, GazeViewer
from swinviz.streaming.iterate import Streamed, stream
from swinviz.streaming.outputs import WRITES
from swinviz.streaming.painting import Painter
from swinviz.streaming.smoothing import LabelSmoother
from swinviz.streaming.sources import Source, find_sources

__all__ = [
    "VIDEO_SUFFIXES",
    "WRITES",
    "AnnotateOptions",
    "Frame",
    "Gaze",
    "GazeViewer",
    "LabelSmoother",
    "Painter",
    "Reporter",
    "RunSummary",
    "Source",
    "Streamed",
    "VideoInfo",
    "VideoReader",
    "VideoSummary",
    "WriteOptions",
    "annotate_video",
    "find_sources",
    "segment_to_folder",
    "stream",
]
