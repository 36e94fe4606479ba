"""RGB frames and copied sound to an H.264 video, each frame at the time that it had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import VideoError
from swinviz.files import replacing
from swinviz.streaming.decoding import VideoInfo, require_av

if TYPE_CHECKING:
    import av
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

    from swinviz.streaming.decoding import SoundPacket

__all__ = ["WRITTEN_SUFFIXES", "VideoWriter", "writing"]

WRITTEN_SUFFIXES: Final = (".mp4", ".mov", ".mkv")
"""Endings of the videos that can be written."""

_ENCODER: Final = "libx264"
# crf 20 is hard to tell from the original; superfast costs a fortieth of what the model does.
_SETTINGS: Final = {"crf": "20", "preset": "superfast", "bf": "0"}
_USUAL_RATE: Final = Fraction(25)
# What players expect in .mp4; FFmpeg would also put Vorbis and bare samples there, which they are silent for.
_PLAYED: Final = frozenset({"aac", "mp3", "opus", "flac", "alac", "ac3", "eac3"})
_AAC_RATE: Final = 48_000
_BT709: Final = 1  # the number that H.264 gives to the colors of HD video
_LIMITED: Final = 1  # 16 to 235, the range that players expect


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` for a video, which becomes `path` if the block succeeds.

    Raises:
        VideoError: another ending than `WRITTEN_SUFFIXES`, or the file cannot be written.
    """
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        endings = " or ".join(WRITTEN_SUFFIXES)
        raise VideoError(f"{path.name!r} is no video that can be written: let it end in {endings}.")
    if not path.parent.is_dir():
        raise VideoError(f"{path.name!r} cannot be saved: there is no folder {str(path.parent)!r}.")
    with replacing(path) as temporary:
        yield temporary


class VideoWriter:
    """A video that is being written; a context manager, which finishes it unless an error passes through.

    Args:
        path: where; .mp4, .mov or .mkv.
        info: rate and time base of the video that the frames come from.
        sound: sound tracks whose packets `keep` will be given. They are copied; where the format cannot
            hold theirs, they become AAC.

    Raises:
        MissingPackageError: PyAV is not installed.
        VideoError: this PyAV has no H.264 encoder, or the file cannot be written.
    """

    def __init__(self, path: Path, info: VideoInfo, sound: Sequence[AudioStream] = ()) -> None:
        self._av = require_av()
        if _ENCODER not in self._av.codecs_available:
            raise VideoError(f"this PyAV has no {_ENCODER}, which writes H.264: install `av` from PyPI.")
        self._info = info
        # faststart: a browser can show the beginning before the whole has come.
        options = {} if path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
        with self._saving():
            self._container = self._av.open(str(path), "w", options=options)
        self._video: VideoStream | None = None
        self._waiting: list[SoundPacket] = []  # sound before the first frame, whose size the header needs
        self._sources = list(sound)
        self._any_sound = path.suffix.lower() == ".mkv"
        self._tracks: dict[int, _Copy | _Convert] = {}
        self.frames = 0

    def write(self, rgb: NDArray[np.uint8], pts: int) -> None:
        """Add a frame (H, W, 3), all of the same size, to be shown at `pts` time bases.

        Raises:
            VideoError: the frame has another size than the first, or the file cannot be written.
        """
        height, width = rgb.shape[:2]
        if self._video is None:
            with self._saving():
                self._start(height, width)
        assert self._video is not None
        if (height, width) != (self._video.height, self._video.width):
            raise VideoError(
                f"the video's frames change from {self._video.width} x {self._video.height} to "
                f"{width} x {height} pixels, which one file cannot hold: cut it there."
            )
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format=self._video.pix_fmt, dst_colorspace="ITU709")
        frame.pts, frame.time_base = pts, self._info.time_base
        frame.colorspace, frame.color_range = _BT709, _LIMITED
        with self._saving():
            self._container.mux(self._video.encode(frame))
        self.frames += 1

    def keep(self, packet: SoundPacket) -> None:
        """Add a packet of one of the sound tracks.

        Raises:
            VideoError: the file cannot be written, or the sound not be kept.
        """
        if self._video is None:
            self._waiting.append(packet)
        else:
            with self._saving():
                self._tracks[packet.stream.index].add(packet)

    def _start(self, height: int, width: int) -> None:
        rate = self._info.rate or _USUAL_RATE
        video = self._container.add_stream(_ENCODER, rate=rate.limit_denominator(100_000), options=_SETTINGS)
        video.width, video.height = width, height
        # Chroma at half the resolution, which every player knows, needs even sides.
        video.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
        context = video.codec_context
        context.time_base = self._info.time_base
        context.colorspace, context.color_range = _BT709, _LIMITED
        context.color_primaries, context.color_trc = _BT709, _BT709
        self._video = video
        for source in self._sources:
            codec = source.codec_context.codec.canonical_name
            known = codec in self._container.supported_codecs and (self._any_sound or codec in _PLAYED)
            self._tracks[source.index] = (_Copy if known else _Convert)(self._container, source)
        for packet in self._waiting:
            self.keep(packet)
        self._waiting.clear()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or self._video is None:
            with suppress(self._av.error.FFmpegError, ValueError):  # the error that passes says more
                self._container.close()
            return
        try:
            with self._saving():
                for track in self._tracks.values():
                    track.end()
                self._container.mux(self._video.encode(None))
        finally:
            with self._saving():
                self._container.close()

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Say in one sentence what keeps the video from being written."""
        try:
            yield
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, VideoError):
                raise
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())
            raise VideoError(
                f"the video cannot be written ({reason}): free some space or choose another folder, and if "
                "its sound is the reason, leave the sound out."
            ) from error


class _Copy:
    """A sound track, packet by packet as it is."""

    def __init__(self, container: av.container.OutputContainer, source: AudioStream) -> None:
        self._container, self._target = container, container.add_stream_from_template(source)

    def add(self, packet: SoundPacket) -> None:
        packet.stream = self._target
        self._container.mux(packet)

    def end(self) -> None:
        pass


class _Convert:
    """A sound track as AAC."""

    def __init__(self, container: av.container.OutputContainer, source: AudioStream) -> None:
        self._container = container
        # Two channels at most, at the usual rate: AAC knows few others, and some tracks do not name theirs.
        layout = "mono" if source.codec_context.channels == 1 else "stereo"
        self._target = container.add_stream("aac", rate=_AAC_RATE, layout=layout)
        self._resampler = require_av().AudioResampler(format="fltp", layout=layout, rate=_AAC_RATE)

    def add(self, packet: SoundPacket) -> None:
        for frame in packet.decode():
            self._encode(frame)

    def end(self) -> None:
        self._encode(None)
        self._container.mux(self._target.encode(None))

    def _encode(self, frame: AudioFrame | None) -> None:
        for ready in self._resampler.resample(frame):
            self._container.mux(self._target.encode(ready))
