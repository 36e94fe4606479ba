"""Videos made for tests: any size, rate, sound and container, with known frames and times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SAMPLES = 48000  # of sound, a second


def moving_frames(count: int, size: tuple[int, int] = (48, 64), seed: int = 0) -> list[NDArray[np.uint8]]:
    """Blocks of random colors that move to the right."""
    height, width = size
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    still = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
    return [np.ascontiguousarray(np.roll(still, 3 * index, axis=1)) for index in range(count)]


def write_video(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    rate: Fraction | int = 30,
    times: Iterable[int] | None = None,
    time_base: Fraction | None = None,
    sound: str | None = None,
    codec: str = "libx264",
) -> Path:
    """Write a video; `times` are the frames' pts in units of `time_base`, `sound` the name of its codec."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=rate)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv444p" if video.height % 2 or video.width % 2 else "yuv420p"
        if codec == "mjpeg":
            video.pix_fmt = "yuvj420p"
        if time_base is not None:
            video.codec_context.time_base = time_base
        track = container.add_stream(sound, rate=SAMPLES, layout="mono") if sound else None
        for number, pts in enumerate(times if times is not None else range(len(frames))):
            frame = av.VideoFrame.from_ndarray(frames[number], format="rgb24")
            frame.pts, frame.time_base = pts, time_base or 1 / Fraction(rate)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if track is not None:
            _write_tone(container, track, len(frames) / rate)
    return path


def _write_tone(container: av.container.OutputContainer, track: av.AudioStream, seconds: Fraction) -> None:
    step = track.codec_context.frame_size or 1024
    wave = np.sin(2 * np.pi * 440 * np.arange(int(SAMPLES * seconds)) / SAMPLES)
    form = track.codec_context.format.name
    scale = {"s16": (9000, np.int16), "s32": (2**29, np.int32)}.get(form[:3], (0.3, np.float32))
    samples = (wave * scale[0]).astype(scale[1])
    for start in range(0, len(samples) - step + 1, step):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + step], format=form, layout="mono")
        frame.sample_rate, frame.pts = SAMPLES, start
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


@dataclass(frozen=True)
class Contents:
    """A video as FFmpeg reads it, without the package's reader."""

    times: list[Fraction]
    frames: list[NDArray[np.uint8]]
    rate: Fraction
    sound: NDArray[np.float32]
    sound_codec: str | None
    packets: list[bytes]


def contents(path: Path) -> Contents:
    """Read all of a video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pictures = list(container.decode(stream))
        times = [picture.pts * stream.time_base for picture in pictures]
        frames = [picture.to_ndarray(format="rgb24") for picture in pictures]
        rate = stream.average_rate
    with av.open(str(path)) as container:
        tracks = container.streams.audio
        packets = [bytes(packet) for packet in container.demux(tracks) if packet.size] if tracks else []
    with av.open(str(path)) as container:
        samples = (
            [f.to_ndarray().astype(np.float32).ravel() for f in container.decode(audio=0)] if tracks else []
        )
        name = container.streams.audio[0].codec_context.codec.canonical_name if tracks else None
    return Contents(times, frames, rate, np.concatenate(samples or [np.zeros(0)]), name, packets)
