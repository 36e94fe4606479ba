"""A video in, the same video with every frame's segmentation painted over it out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from swinviz.features import FlickerCount
from swinviz.inference import InferenceOptions, Segmentation
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming.background import Prefetch, WorkBehind
from swinviz.streaming.decoding import MAX_FRAME_PIXELS, Frame, VideoReader
from swinviz.streaming.encoding import VideoWriter, writing
from swinviz.streaming.gaze import Gaze, GazeViewer
from swinviz.streaming.gaze_maps import GazeMap
from swinviz.streaming.painting import Painter, class_numbers
from swinviz.streaming.smoothing import LabelSmoother

if TYPE_CHECKING:
    from swinviz.streaming.decoding import SoundPacket

__all__ = ["AnnotateOptions", "Progress", "VideoSummary", "annotate_video"]

Progress = Callable[[int, "int | None"], object]
"""Called after each frame with the number of frames done and of all, None where that is unknown."""

DEPTH: Final = 4
"""Frames that wait before the model, and behind it."""


@dataclass(frozen=True)
class AnnotateOptions:
    """Options of an annotated video.

    Attributes:
        inference: how each frame is looked at.
        opacity: of the colors over the frame, 0 to 1.
        legend: write the classes and their shares into the upper left corner.
        classes: names of the classes that are painted; empty for all.
        gaze: a point whose attention or likeness is drawn into every frame.
        max_frames: end after so many frames; 0 for no limit.
        max_pixels: refuse larger frames than this.
        sound: keep the sound.
        smooth: let a pixel change its class only when the frames against it outweigh those for it.
    """

    inference: InferenceOptions | None = None
    opacity: float = 0.5
    legend: bool = True
    classes: Collection[str] = ()
    gaze: Gaze | None = None
    max_frames: int = 0
    max_pixels: int = MAX_FRAME_PIXELS
    sound: bool = True
    smooth: bool = False

    def painter(self, model: SwinUPerNet) -> Painter:
        """The painter of these options.

        Raises:
            SwinvizError: the model has no such class.
        """
        shown = class_numbers(model.config, self.classes) if self.classes else None
        return Painter(self.opacity, self.legend, shown)


@dataclass(frozen=True, eq=False)
class VideoSummary:
    """Figures of an annotated video.

    Attributes:
        frames: number of frames.
        pixels: (K,), how many pixels of all frames carry each label.
        damaged: number of packets that could not be decoded and were left out.
        missing: number of frames that the header counts, but that the file does not hold.
        seconds: time of the whole run.
        model_seconds: time of the model alone, from decoded frames to labels.
        flicker: changes of class of a pixel, in changes per second, motion included; NaN for a single frame.
    """

    frames: int
    pixels: NDArray[np.int64]
    damaged: int
    missing: int
    seconds: float
    model_seconds: float
    flicker: float = float("nan")

    def shares(self, classes: tuple[str, ...]) -> dict[str, float]:
        """Tell which part of all frames' pixels each class that occurs covers (0..1), largest first."""
        order = np.argsort(-self.pixels, kind="stable")
        total = max(1, int(self.pixels.sum()))
        return {classes[k]: float(self.pixels[k] / total) for k in order if self.pixels[k]}


@dataclass(frozen=True, eq=False)
class _Labeled:
    """A frame with what the model said of it."""

    frame: Frame
    result: Segmentation
    attention: GazeMap | None = None


def annotate_video(
    model: SwinUPerNet,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    options: AnnotateOptions | None = None,
    *,
    progress: Progress | None = None,
    on_frame: Callable[[Frame, Segmentation], object] | None = None,
    turn: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> VideoSummary:
    """Segment every frame of a video, and write the video with the classes painted over it.

    Reading, the model, and painting and writing run beside one another, with a few frames between them, so
    memory does not grow with the length. Frames keep their times; the sound is copied. A camera or an address
    has no end: Ctrl-C ends it, and the video up to there is kept.

    Args:
        model: the model; a copy for inference is the quickest.
        source: path of a video, an address (`rtsp://...`), or `camera`.
        target: path of the result, .mp4, .mov or .mkv; replaced only by a whole new one. None writes no
            video, for what `on_frame` does.
        options: what is painted, and limits.
        progress: called after each frame, in this thread; an error that it raises ends the run and leaves no
            file.
        on_frame: called with each frame and its result, in the writing thread, before it is painted.
        turn: entered around the model's work on each frame, by those who share a machine.

    Returns:
        Number of frames, shares and times.

    Raises:
        VideoError: the video cannot be read or written.
        MissingPackageError: PyAV is not installed.
        SwinvizError: the model has no such class.
        ValueError: the gaze's point lies outside the frames, or the model has no such block.
    """
    options = options or AnnotateOptions()
    painter, started = options.painter(model), time.perf_counter()
    smoother = LabelSmoother() if options.smooth else None
    pixels = np.zeros(model.config.num_classes, np.int64)
    done, model_seconds = 0, 0.0
    viewer = None if options.gaze is None else GazeViewer(options.gaze)
    flicker, times = FlickerCount(), [0.0, 0.0]
    with (
        VideoReader(source, max_pixels=options.max_pixels) as reader,
        _target(target, reader, sound=options.sound) as writer,
    ):

        def write(item: _Labeled | SoundPacket) -> None:
            if not isinstance(item, _Labeled):
                if writer is not None:
                    writer.keep(item)
                return
            result = item.result if smoother is None else smoother.smooth(item.result)
            if on_frame is not None:
                on_frame(item.frame, result)
            flicker.add(torch.from_numpy(result.labels))
            times[flicker.frames > 1] = item.frame.seconds
            np.add(pixels, np.bincount(result.labels.ravel(), minlength=len(pixels)), out=pixels)
            if writer is not None:
                writer.write(painter.paint(result, item.attention), item.frame.pts)

        sound = options.sound and writer is not None
        with Prefetch(reader.read(sound=sound), DEPTH) as items, WorkBehind(write, DEPTH) as behind:
            try:
                for item in items:
                    if not isinstance(item, Frame):
                        behind.put(item)
                        continue
                    with turn():
                        labeled = _segment(model, item, options, viewer)
                    behind.put(labeled)
                    done, model_seconds = done + 1, model_seconds + labeled.result.seconds
                    if progress is not None:
                        progress(done, reader.info.frames)
                    if done == options.max_frames:
                        break
            except KeyboardInterrupt:
                if not reader.live:
                    raise
    seconds = time.perf_counter() - started
    shown = times[1] - times[0]
    changed = flicker.changes / shown if flicker.frames > 1 and shown > 0 else float("nan")
    return VideoSummary(done, pixels, reader.damaged, reader.missing, seconds, model_seconds, changed)


@contextmanager
def _target(
    target: str | os.PathLike[str] | None, reader: VideoReader, *, sound: bool
) -> Iterator[VideoWriter | None]:
    if target is None:
        yield None
        return
    with (
        writing(Path(target)) as temporary,
        VideoWriter(temporary, reader.info, reader.sound if sound else ()) as writer,
    ):
        yield writer


def _segment(
    model: SwinUPerNet, frame: Frame, options: AnnotateOptions, viewer: GazeViewer | None
) -> _Labeled:
    if viewer is None:
        return _Labeled(frame, model.segment(frame.rgb, options.inference))
    return _Labeled(frame, *viewer.segment(model, frame.rgb, options.inference))
