"""Errors raised for invalid input: images, weights, data sets, downloads.

Each message is one sentence that names the thing, says what is wrong with it, and what to do, so that the
command line and the app can show it as it is.
"""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "DatasetError",
    "DownloadError",
    "ImageError",
    "MissingPackageError",
    "SwinvizError",
    "VideoError",
]


class SwinvizError(Exception):
    """Base class of all errors that swinviz raises; catch it to show its message instead of a traceback."""


class ImageError(SwinvizError, ValueError):
    """An image that cannot be read, or cannot be written where it was asked for."""


class VideoError(SwinvizError, ValueError):
    """A video, camera or stream that cannot be read, or a video that cannot be written."""


class MissingPackageError(SwinvizError, ImportError):
    """A package of one of the extras that is not installed; the message says how to install it."""


class CheckpointError(SwinvizError, ValueError):
    """A weights file that is damaged, unsafe, or does not fit the model."""


class DatasetError(SwinvizError, ValueError):
    """A data set whose folders, files or labels are not as they must be."""


class DownloadError(SwinvizError, OSError):
    """A file that could not be fetched: no network, no such name, or not what the hash promises."""
