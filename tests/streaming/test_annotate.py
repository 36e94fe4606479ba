"""Annotated videos: every frame at its time, the sound as it was, the picture as the model labels it."""

from __future__ import annotations

import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from support.models import tiny_model
from support.videos import contents, moving_frames, write_video

import swinviz
from swinviz.errors import MissingPackageError, SwinvizError, VideoError
from swinviz.inference import InferenceOptions
from swinviz.streaming import AnnotateOptions, Gaze, VideoReader, annotate_video

SMALL = InferenceOptions(scale=(64, 48))
FAST = AnnotateOptions(SMALL, legend=False)


@pytest.fixture(scope="module")
def model() -> swinviz.SwinUPerNet:
    return tiny_model()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a.mp4", moving_frames(12), sound="aac")


def test_frames_times_rate_and_sound_are_those_of_the_source(
    model: swinviz.SwinUPerNet, video: Path, tmp_path: Path
) -> None:
    calls: list[tuple[int, int | None]] = []
    summary = annotate_video(model, video, tmp_path / "b.mp4", FAST, progress=lambda *n: calls.append(n))
    before, after = contents(video), contents(tmp_path / "b.mp4")
    assert after.times == before.times
    assert after.rate == before.rate
    assert after.packets == before.packets  # the sound, byte for byte
    assert len(after.packets) > 5
    assert calls == [(number, 12) for number in range(1, 13)]
    assert summary.frames == 12
    assert summary.damaged == 0
    assert int(summary.pixels.sum()) == 12 * 48 * 64


@pytest.mark.parametrize(
    ("rate", "time_base", "times"),
    [
        (Fraction(30000, 1001), Fraction(1001, 30000), range(9)),
        (25, Fraction(1, 1000), [0, 40, 81, 200, 201, 202, 1000, 5000, 5040]),  # a phone's: no fixed rate
        (25, Fraction(1, 90000), range(90000, 90000 + 9 * 3600, 3600)),  # begins after a second
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_times_are_kept_at_any_rate(
    rate: Fraction,
    time_base: Fraction,
    times: list[int],
    suffix: str,
    model: swinviz.SwinUPerNet,
    tmp_path: Path,
) -> None:
    source = write_video(
        tmp_path / f"a{suffix}", moving_frames(9), rate=rate, times=times, time_base=time_base
    )
    annotate_video(model, source, tmp_path / "b.mp4", FAST)
    assert contents(tmp_path / "b.mp4").times == contents(source).times


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (96, 30)])
def test_pictures_are_painted_as_the_segmentation_says(
    size: tuple[int, int], model: swinviz.SwinUPerNet, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "a.mkv", moving_frames(3, size))
    annotate_video(model, source, tmp_path / "b.mp4", FAST)
    before, after = contents(source), contents(tmp_path / "b.mp4")
    for old, new in zip(before.frames, after.frames, strict=True):
        wanted = model.segment(old, SMALL).overlay().astype(float)
        assert new.shape == old.shape
        assert abs(new - wanted).mean() < 12  # H.264 and chroma at half resolution
        assert abs(new - old.astype(float)).mean() > 20


@pytest.mark.parametrize(("codec", "kept"), [("pcm_s16le", "aac"), ("libopus", "opus"), ("flac", "flac")])
def test_sound_is_copied_and_becomes_aac_where_players_would_not_know_it(
    codec: str, kept: str, model: swinviz.SwinUPerNet, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "a.mkv", moving_frames(60), sound=codec)
    annotate_video(model, source, tmp_path / "b.mp4", FAST)
    after = contents(tmp_path / "b.mp4")
    assert after.sound_codec == kept
    assert len(after.sound) == pytest.approx(len(contents(source).sound), abs=4096)
    middle = after.sound[8192 : 8192 + 65536]
    spectrum = abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * 48000 / len(middle) == pytest.approx(440, abs=3)


def test_a_video_without_sound_has_none(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", moving_frames(3))
    annotate_video(model, source, tmp_path / "b.mp4", FAST)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert not container.streams.audio


def test_an_error_leaves_no_file_and_no_thread(
    model: swinviz.SwinUPerNet, video: Path, tmp_path: Path
) -> None:
    def stop(done: int, of: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    (tmp_path / "b.mp4").write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        annotate_video(model, video, tmp_path / "b.mp4", FAST, progress=stop)
    assert (tmp_path / "b.mp4").read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    assert set(threading.enumerate()) <= before


def test_frames_that_change_size_are_one_sentence(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"{size[0]}.ts", moving_frames(4, size)) for size in ((48, 64), (96, 64))]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(VideoError, match="change from 64 x 48 to 64 x 96"):
        annotate_video(model, tmp_path / "both.ts", tmp_path / "b.mp4", FAST)
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("b.avi", FAST, "let it end in .mp4 or .mov or .mkv"),
        ("no/b.mp4", FAST, "there is no folder"),
        ("b.mp4", AnnotateOptions(SMALL, classes=("class 1", "moon")), "no class 'moon'"),
        ("b.mp4", AnnotateOptions(SMALL, max_pixels=1000), "64 x 48 pixels, more than the limit"),
        ("b.mp4", AnnotateOptions(SMALL, gaze=Gaze(64, 5)), "x is 0 to 63"),
        ("b.mp4", AnnotateOptions(SMALL, gaze=Gaze(6, 5, stage=9)), "no block 1 of stage 9"),
        ("b.mp4", AnnotateOptions(InferenceOptions(mode="slide"), gaze=Gaze(6, 5)), "looked at once"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    target: str,
    options: AnnotateOptions,
    message: str,
    model: swinviz.SwinUPerNet,
    video: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises((SwinvizError, ValueError), match=message) as raised:
        annotate_video(model, video, tmp_path / target, options)
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_without_pyav_a_sentence_says_what_to_install(
    model: swinviz.SwinUPerNet, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackageError, match=r'pip install "swinviz\[video\]"'):
        annotate_video(model, video, tmp_path / "b.mp4", FAST)


def test_max_frames_ends_early(model: swinviz.SwinUPerNet, video: Path, tmp_path: Path) -> None:
    options = AnnotateOptions(SMALL, legend=False, max_frames=5)
    assert annotate_video(model, video, tmp_path / "b.mp4", options).frames == 5
    assert contents(tmp_path / "b.mp4").times == contents(video).times[:5]


def test_the_reader_waits_for_a_slow_model(
    model: swinviz.SwinUPerNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, most = [], 0
    convert = VideoReader._rgb

    def count(self: VideoReader, picture: av.VideoFrame) -> np.ndarray:
        decoded.append(None)
        return convert(self, picture)

    def slow(done: int, of: int | None) -> None:
        nonlocal most
        time.sleep(0.02)
        most = max(most, len(decoded) - done)

    monkeypatch.setattr(VideoReader, "_rgb", count)
    source = write_video(tmp_path / "a.mp4", moving_frames(40))
    annotate_video(model, source, tmp_path / "b.mp4", FAST, progress=slow)
    assert len(decoded) == 40
    assert most <= 6


@pytest.mark.slow
def test_memory_is_flat_and_the_run_takes_hardly_longer_than_the_model(tmp_path: Path) -> None:
    model = swinviz.load("outdoor").for_inference()
    source = write_video(tmp_path / "a.mp4", moving_frames(300, (480, 640)), sound="aac")
    process = psutil.Process()
    resident: list[int] = []
    annotate_video(model, source, tmp_path / "warm.mp4", AnnotateOptions(max_frames=20))
    summary = annotate_video(
        model,
        source,
        tmp_path / "b.mp4",
        progress=lambda *_: resident.append(process.memory_info().rss),
    )
    growth = (max(resident[150:]) - max(resident[20:150])) / 2**20
    ratio = summary.seconds / summary.model_seconds
    print(f"300 frames: {summary.seconds:.1f} s, {ratio:.3f} of the model's time, {growth:+.1f} MiB")
    before, after = contents(source), contents(tmp_path / "b.mp4")
    assert after.times == before.times
    assert after.packets == before.packets
    assert growth < 30
    assert ratio <= 1.15
