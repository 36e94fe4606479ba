"""Live segmentation: frames of a camera or a video in, labels and the attention of a point out."""

from swinviz.demo.live.socket import LIVE_PATH, live_endpoint
from swinviz.demo.live.stream import LiveStream

__all__ = ["LIVE_PATH", "LiveStream", "live_endpoint"]
