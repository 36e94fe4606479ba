"""One visitor's video on its way through the model: what was asked for, the limits, and how it is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from swinviz.demo.state import DemoState
from swinviz.devices import PRECISIONS, fast_precision
from swinviz.errors import VideoError
from swinviz.inference import InferenceOptions
from swinviz.streaming import AnnotateOptions, VideoInfo, VideoReader, VideoSummary, annotate_video

__all__ = ["MAX_SECONDS", "VideoJob", "VideoSettings", "parse_settings"]

MAX_SECONDS = 60
"""The longest video that is worked on, in seconds."""

MAX_FRAMES = 3600
"""The most frames of one."""

MAX_FRAME_PIXELS = 4096 * 2304
"""The largest frame of one, in pixels."""

MAX_WORK_SECONDS = 900
"""The longest that one is worked on."""


@dataclass(frozen=True)
class VideoSettings:
    """Look of an annotated video.

    Attributes:
        model: name of a model of the menu.
        opacity: of the colors over the frames, 0 to 1.
        smooth: let labels flicker less.
    """

    model: str
    opacity: float = 0.6
    smooth: bool = False


def parse_settings(query: Mapping[str, str], state: DemoState) -> VideoSettings:
    """Read an address's query, which comes from a stranger.

    Raises:
        ValueError: it names no model that is here, or an opacity that is none.
    """
    model = query.get("model", state.first)
    choice = state.models.choice(model)
    if choice is None or not choice.ready:
        raise ValueError("there is no such model on the menu.")
    opacity = 0.6
    with suppress(ValueError):
        opacity = float(query.get("opacity", opacity))
    if not 0.0 <= opacity <= 1.0:  # nor NaN
        raise ValueError("the opacity lies between 0 and 1.")
    return VideoSettings(model, opacity, query.get("smooth") == "true")


class _StoppedError(Exception):
    """Nobody waits for the video any more."""


class VideoJob:
    """One video, worked on in the thread that calls `run`; any other may stop it.

    Args:
        state: models and limits.
        settings: what is painted.
        source: the uploaded file.
        target: the file to write, .mp4; it appears whole or not at all.
    """

    def __init__(self, state: DemoState, settings: VideoSettings, source: Path, target: Path) -> None:
        self._state, self._settings = state, settings
        self._source, self._target = source, target
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the work after the frame that it is at."""
        self._stopped.set()

    def run(self, progress: Callable[[int, int | None], object]) -> VideoSummary | None:
        """Annotate the video.

        Args:
            progress: called after each frame with the number of frames done and of all, None where unknown.

        Returns:
            Its figures, or None if it was stopped.

        Raises:
            SwinvizError: the video or the model cannot be used; one sentence that says why.
        """
        model = self._state.model(self._settings.model)
        precision = self._state.options.precision or fast_precision(model.device)
        options = AnnotateOptions(
            inference=InferenceOptions(precision=PRECISIONS[precision]),
            opacity=self._settings.opacity,
            max_pixels=MAX_FRAME_PIXELS,
            smooth=self._settings.smooth,
        )
        with VideoReader(self._source, max_pixels=MAX_FRAME_PIXELS) as reader:
            _check(reader.info, reader.name)
        until = time.monotonic() + MAX_WORK_SECONDS

        def report(done: int, total: int | None) -> None:
            if self._stopped.is_set():
                raise _StoppedError
            if done >= MAX_FRAMES and (total is None or done < total):
                raise _too_long(self._source.name)  # its header said less
            if time.monotonic() > until:
                minutes = MAX_WORK_SECONDS // 60
                raise VideoError(
                    f"the video took longer than {minutes} minutes: cut it, or choose a smaller model."
                )
            progress(done, total)

        try:
            return annotate_video(
                model, self._source, self._target, options, progress=report, turn=self._state.slots.taken
            )
        except _StoppedError:
            return None


def _check(info: VideoInfo, name: str) -> None:
    """Refuse what would take too long, by what the header says."""
    if (info.seconds or 0) > MAX_SECONDS + 1 or (info.frames or 0) > MAX_FRAMES:
        raise _too_long(name)


def _too_long(name: str) -> VideoError:
    return VideoError(
        f"video {name!r} is too long: cut it to {MAX_SECONDS} seconds and {MAX_FRAMES} frames at most, "
        "or use `python -m swinviz segment`, which has no such limit."
    )
