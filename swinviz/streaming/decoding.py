"""Videos, cameras and streams to RGB frames, through PyAV; the sound as it lies in the file.

Files come from strangers: only the containers of `CONTAINERS` are opened, a file may name no other file or
address (a playlist called .mp4 could), and its frames' size is looked at before one of them is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import VideoError
from swinviz.lazy import require_package

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    SoundPacket: TypeAlias = Packet[AudioStream]

__all__ = [
    "CONTAINERS",
    "MAX_FRAME_PIXELS",
    "VIDEO_SUFFIXES",
    "Frame",
    "VideoInfo",
    "VideoReader",
    "require_av",
]

VIDEO_SUFFIXES: Final = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
        *(".ts", ".m2ts", ".mts", ".ogv", ".flv", ".wmv"),
    }
)
"""Endings of the files that are taken for videos, in lower case."""

CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,h264"
"""Formats of video files that are opened, by FFmpeg's names."""

MAX_FRAME_PIXELS: Final = 36_000_000
"""The largest frame read by default, in pixels: a little above 8K (7680 x 4320)."""

_MOST_DAMAGE: Final = 1000  # packets in a row that cannot be decoded, after which a video is given up
_CAMERAS: Final = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}")}
_PROTOCOLS: Final = "rtsp,rtsps,rtp,rtmp,srtp,http,https,tcp,udp,tls,crypto"
_TIMEOUT: Final = (10.0, 20.0)  # seconds to open an address, and between two of its packets


def require_av() -> Any:
    """Import PyAV.

    Raises:
        MissingPackageError: it is not installed; the message says how to install it.
    """
    return require_package("av", "swinviz[video]", needed="videos need PyAV, which")


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video, as its header tells them.

    Attributes:
        size: (height, width) of the frames as they are stored, in pixels; a phone's may be shown turned.
        rate: frames a second, or None where the header does not say.
        time_base: unit of `Frame.pts`, in seconds.
        frames: number of frames, counted or estimated from the duration; None for a camera or a stream.
        seconds: duration; None for a camera or a stream.
        has_sound: whether there is a sound track.
    """

    size: tuple[int, int]
    rate: Fraction | None
    time_base: Fraction
    frames: int | None
    seconds: float | None
    has_sound: bool


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video.

    Attributes:
        rgb: (H, W, 3), upright.
        pts: when it is shown, in units of the video's time base; larger than that of the frame before.
        seconds: the same in seconds.
        index: number of the frame, counted from 0.
    """

    rgb: NDArray[np.uint8]
    pts: int
    seconds: float
    index: int


class VideoReader:
    """A video that is being read; a context manager.

    Attributes:
        name: short name for messages.
        live: whether it is a camera or an address, which has no end that is known.
        damaged: number of packets that could not be decoded so far.
        missing: number of frames that the header counts and the file does not hold, known after the last.
        info: what the header says.

    Args:
        address: path of a file; an address (`rtsp://`, `http://`, ...); or a camera, by `camera` or
            `camera:1` for the second one.
        max_pixels: refuse larger frames than this.

    Raises:
        MissingPackageError: PyAV is not installed.
        VideoError: it cannot be opened, holds no pictures, or has frames that are too large.
    """

    def __init__(self, address: str | os.PathLike[str], *, max_pixels: int = MAX_FRAME_PIXELS) -> None:
        self._av = require_av()
        self.name = _name(address)
        self.live = str(address).partition(":")[0] == "camera" or "://" in str(address)
        self.damaged = self.missing = 0
        self._in_a_row = 0  # of them, without a good one between
        self._max_pixels = max_pixels
        self._container = self._open(address)
        try:
            self._stream = self._pictures()
            self.info = self._describe()
        except BaseException:
            self._container.close()
            raise

    @property
    def sound(self) -> tuple[AudioStream, ...]:
        """The sound tracks, whose packets an encoder may keep."""
        return self._container.streams.audio

    def frames(self) -> Iterator[Frame]:
        """Decode frame by frame, without the sound.

        Raises:
            VideoError: nothing could be decoded, or a frame is too large.
        """
        for item in self.read():
            if isinstance(item, Frame):
                yield item

    def read(self, *, sound: bool = False) -> Iterator[Frame | SoundPacket]:
        """Decode frame by frame; with `sound`, also give the sound's packets, where they lie between frames.

        Packets of pictures that cannot be decoded are counted in `damaged` and left out.

        Raises:
            VideoError: nothing could be decoded, or a frame is too large.
        """
        streams: list[Stream] = [self._stream, *(self.sound if sound else ())]
        index, last, first = 0, -1, 0
        for packet in self._packets(streams):
            if packet.stream is not self._stream:
                if packet.dts is not None:
                    yield packet
                continue
            for picture in self._decode(packet):
                # A clock that stands still or runs backward would make an encoder refuse the frame.
                pts = last + 1 if picture.pts is None else picture.pts - first
                if index == 0 and self.live and not self.info.has_sound:
                    first, pts = pts, 0  # a camera counts from when the machine was started
                last = max(pts, last + 1) if index else pts
                yield Frame(self._rgb(picture), last, float(last * self.info.time_base), index)
                index += 1
        # Only where the header counts them; what is reckoned from a duration may be wrong.
        self.missing = 0 if self.live else max(0, self._stream.frames - index)
        if index == 0:
            raise VideoError(
                f"video {self.name!r} holds no frame that can be decoded: copy or export it again."
            )

    def close(self) -> None:
        """Close the file or the connection."""
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, address: str | os.PathLike[str]) -> InputContainer:
        options: dict[str, str]
        text, form, timeout = str(address), None, None
        if text.partition(":")[0] == "camera":
            form, text = _camera(text)
            options = {}
        elif "://" in text:
            options = {"protocol_whitelist": _PROTOCOLS, "rtsp_transport": "tcp"}
            timeout = _TIMEOUT
        else:
            check_file(Path(text), self.name)
            # `file:` because FFmpeg takes the beginning of a name like a:b.mp4 for a protocol.
            options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
            text = f"file:{text}"
        try:
            return self._av.open(text, format=form, options=options, timeout=timeout)
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            hint = "check the address" if "://" in text else "it is damaged or no video: export it again"
            if form is not None:
                hint = "connect a camera that no other program uses"
            raise VideoError(f"video {self.name!r} cannot be opened ({_reason(error)}): {hint}.") from error

    def _pictures(self) -> VideoStream:
        streams = self._container.streams.video
        if not streams:
            raise VideoError(f"{self.name!r} holds no pictures, only sound or nothing: name a video.")
        stream = streams[0]
        context = stream.codec_context
        if context is None:
            raise VideoError(f"video {self.name!r} is stored in a way that PyAV cannot decode: convert it.")
        self._check_size(context.height, context.width)
        # The decoder's own limit: the size may change in the middle of a file.
        context.options = {"max_pixels": str(self._max_pixels)}
        stream.thread_type = "AUTO"
        return stream

    def _describe(self) -> VideoInfo:
        stream, context = self._stream, self._stream.codec_context
        rate = stream.average_rate or stream.guessed_rate
        time_base = stream.time_base or (1 / rate if rate else Fraction(1, 1000))
        seconds = None
        if self._container.duration and self._container.duration > 0:
            seconds = self._container.duration / self._av.time_base
        frames = 0 if self.live else stream.frames or (round(seconds * rate) if seconds and rate else 0)
        return VideoInfo(
            (context.height, context.width),
            Fraction(rate) if rate and rate > 0 else None,
            Fraction(time_base),
            frames if frames > 0 else None,
            seconds,
            bool(self.sound),
        )

    def _packets(self, streams: list[Stream]) -> Iterator[Packet[Any]]:
        try:
            yield from self._container.demux(*streams)
        except (self._av.error.FFmpegError, ValueError):
            # A file that was cut off, or a connection that broke: what came before is there.
            self.damaged += 1

    def _decode(self, packet: Packet[Any]) -> list[av.VideoFrame]:
        try:
            decoded = packet.decode()
        except (self._av.error.FFmpegError, ValueError) as error:
            self.damaged, self._in_a_row = self.damaged + 1, self._in_a_row + 1
            if self._in_a_row > _MOST_DAMAGE:
                raise VideoError(
                    f"video {self.name!r} is damaged ({_reason(error)}): copy or export it again."
                ) from error
            return []
        self._in_a_row = 0
        return [picture for picture in decoded if isinstance(picture, self._av.VideoFrame)]

    def _rgb(self, picture: av.VideoFrame) -> NDArray[np.uint8]:
        self._check_size(picture.height, picture.width)
        rgb = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
        turns = round((picture.rotation or 0) / 90) % 4  # degrees counter-clockwise, as phones write them
        return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb

    def _check_size(self, height: int, width: int) -> None:
        if height * width > self._max_pixels:
            raise VideoError(
                f"video {self.name!r} has frames of {width} x {height} pixels, more than the limit of "
                f"{self._max_pixels / 1e6:g} million: make it smaller."
            )


def check_file(path: Path, name: str) -> None:
    """Make sure that there is such a file, and that it is no folder, pipe or device.

    Raises:
        VideoError: there is none, or it is something else.
    """
    try:
        if path.is_file():
            if path.stat().st_size == 0:
                raise VideoError(f"video {name!r} is empty (0 bytes): copy or export it again.")
            return
        found = path.exists()
    except (OSError, ValueError) as error:
        if isinstance(error, VideoError):
            raise
        raise VideoError(
            f"video {name[:80]!r} cannot be opened ({_reason(error)}): check the path."
        ) from error
    what = "it is a folder, a pipe or a device" if found else "there is no such file"
    raise VideoError(f"video {name!r} cannot be opened: {what}; check the path.")


def _name(address: str | os.PathLike[str]) -> str:
    """Short name of a source; passwords of an address are left out."""
    text = str(address)
    if "://" in text:
        scheme, _, rest = text.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return text if text.partition(":")[0] == "camera" else Path(text).name


def _camera(text: str) -> tuple[Literal["v4l2", "avfoundation", "dshow"], str]:
    """FFmpeg's format and address of `camera:N`."""
    import sys

    number = text.partition(":")[2] or "0"
    if sys.platform == "win32":
        return "dshow", f"video={number}"
    form, pattern = _CAMERAS["darwin" if sys.platform == "darwin" else "linux"]
    return form, number if number.startswith("/") else pattern.format(number)  # type: ignore[return-value]


def _reason(error: BaseException) -> str:
    """The cause of an error in a few words, without paths or addresses."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:120]
