"""`swinviz.stream(model, source)`: one segmentation after another, while the next pictures are being read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import SwinvizError
from swinviz.images import read_image
from swinviz.inference import InferenceOptions, Segmentation, segment_batch
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming.background import Prefetch
from swinviz.streaming.decoding import VideoReader
from swinviz.streaming.gaze import Gaze, GazeViewer
from swinviz.streaming.gaze_maps import GazeMap
from swinviz.streaming.sources import Source, find_sources

__all__ = ["OnError", "Sources", "Streamed", "stream", "stream_sources"]

Sources: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"
"""A picture, video, folder, pattern, list, address or camera; or several of them."""

OnError: TypeAlias = Callable[[Source, SwinvizError], object]
"""Called with a source that cannot be read and why."""

_WINDOW: Final = 4  # batches of pictures that are looked through for some of the same size
_WINDOW_PIXELS: Final = 64_000_000  # but no more than so many pixels
_ON_CUDA: Final = 8  # pictures a batch


@dataclass(frozen=True, eq=False)
class Streamed:
    """A segmented picture or frame.

    Attributes:
        source: where it comes from.
        result: the segmentation.
        index: number of the frame in its video, counted from 0.
        seconds: time of the frame in its video.
        attention: what the point that was asked for shows.
    """

    source: Source
    result: Segmentation
    index: int = 0
    seconds: float = 0.0
    attention: GazeMap | None = None


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture or frame that was read."""

    source: Source
    rgb: NDArray[np.uint8]
    index: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class _Failure:
    """A source that could not be read."""

    source: Source
    error: SwinvizError


def stream(
    model: SwinUPerNet,
    source: Sources,
    *,
    options: InferenceOptions | None = None,
    batch: int = 0,
    gaze: Gaze | None = None,
    on_error: OnError | None = None,
) -> Iterator[Streamed]:
    """Segment pictures, folders, videos, cameras and streams, one result after another.

    While the model works on one picture, a thread reads the next; a few wait, so memory does not grow with
    the number. Ending the loop ends the thread.

    Args:
        model: the model; a copy for inference is the quickest.
        source: anything that `find_sources` takes, or several.
        options: inference options.
        batch: pictures of one size that run through the model together; 0 for 1 on a CPU and 8 on a GPU.
            With more than one, pictures may come in another order than they were named; a video's frames do
            not.
        gaze: a point that is looked into, for pictures one by one; each video follows its own, if it is
            followed.
        on_error: called for a source that cannot be read, instead of raising.

    Yields:
        Each picture or frame with its segmentation.

    Raises:
        SwinvizError: a source cannot be read (the message says why), or there is none.
        ValueError: the point lies outside a picture, or the model has no such block.
    """
    named = [source] if isinstance(source, (str, os.PathLike)) else source
    yield from stream_sources(
        model, find_sources(named), options=options, batch=batch, gaze=gaze, on_error=on_error
    )


def stream_sources(
    model: SwinUPerNet,
    sources: Iterable[Source],
    *,
    options: InferenceOptions | None = None,
    batch: int = 0,
    gaze: Gaze | None = None,
    on_error: OnError | None = None,
) -> Iterator[Streamed]:
    """Segment sources that were found; arguments, results and errors are those of `stream`."""
    size = 1 if gaze is not None else batch or (_ON_CUDA if model.device.type == "cuda" else 1)
    viewers: dict[Source, GazeViewer] = {}
    with Prefetch(_read(sources), max(2, size)) as items:
        for group in _batches(_good(items, on_error), size):
            if gaze is not None:
                if group[0].source not in viewers:
                    viewers = {group[0].source: GazeViewer(gaze)}
                try:
                    seen = viewers[group[0].source].segment(model, group[0].rgb, options)
                    streamed = _streamed(group[0], *seen)
                except ValueError as error:  # the point lies outside this one
                    if on_error is None:
                        raise
                    name = Path(group[0].source.address).name
                    on_error(group[0].source, SwinvizError(f"{name!r}: {error}"))
                    continue
                yield streamed
            elif len(group) == 1:
                yield _streamed(group[0], model.segment(group[0].rgb, options))
            else:
                results = segment_batch(model, [one.rgb for one in group], model.config, options)
                yield from (_streamed(one, result) for one, result in zip(group, results, strict=True))


def _streamed(picture: _Picture, result: Segmentation, attention: GazeMap | None = None) -> Streamed:
    return Streamed(picture.source, result, picture.index, picture.seconds, attention)


def _read(sources: Iterable[Source]) -> Iterator[_Picture | _Failure]:
    for source in sources:
        try:
            if source.kind == "picture":
                yield _Picture(source, read_image(source.address))
                continue
            with VideoReader(source.address) as reader:
                for frame in reader.frames():
                    yield _Picture(source, frame.rgb, frame.index, frame.seconds)
        except SwinvizError as error:
            yield _Failure(source, error)


def _good(items: Iterable[_Picture | _Failure], on_error: OnError | None) -> Iterator[_Picture]:
    for item in items:
        if isinstance(item, _Picture):
            yield item
        elif on_error is None:
            raise item.error
        else:
            on_error(item.source, item.error)


def _batches(pictures: Iterable[_Picture], size: int) -> Iterator[list[_Picture]]:
    """Group pictures of one size, at most `size` of them, out of a window that is looked ahead."""
    window: list[_Picture] = []
    for picture in pictures:
        window.append(picture)
        alike = [one for one in window if one.rgb.shape == picture.rgb.shape]
        if len(alike) == size or picture.source.kind == "live":  # who watches does not wait for a batch
            group = alike
        elif len(window) == _WINDOW * size or sum(one.rgb.size // 3 for one in window) > _WINDOW_PIXELS:
            group = _oldest(window, size)
        else:
            continue
        yield group
        window = [one for one in window if one not in group]
    while window:
        group = _oldest(window, size)
        yield group
        window = [one for one in window if one not in group]


def _oldest(window: list[_Picture], size: int) -> list[_Picture]:
    """Return the picture that waits longest and those of its size, at most `size`."""
    return [one for one in window if one.rgb.shape == window[0].rgb.shape][:size]
