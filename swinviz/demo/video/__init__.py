"""Whole videos from visitors: a file in, the same file with every frame's classes painted over it out."""

from swinviz.demo.video.endpoint import VIDEO_PATH, VideoEndpoint
from swinviz.demo.video.job import VideoJob, VideoSettings, parse_settings

__all__ = ["VIDEO_PATH", "VideoEndpoint", "VideoJob", "VideoSettings", "parse_settings"]
