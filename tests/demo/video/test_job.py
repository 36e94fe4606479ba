"""Whole videos: what is asked for, what is refused, and that a stopped one leaves nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.demo_samples import make_state
from support.videos import contents, moving_frames, write_video

from swinviz.demo.video import VideoJob, VideoSettings, job, parse_settings
from swinviz.errors import VideoError
from swinviz.streaming import AnnotateOptions, annotate_video


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        ({}, VideoSettings("tiny")),
        ({"model": "other", "opacity": "0.25", "smooth": "true"}, VideoSettings("other", 0.25, True)),
        ({"opacity": "many", "smooth": "1"}, VideoSettings("tiny")),
    ],
)
def test_settings_are_read_from_an_address(query: dict[str, str], settings: VideoSettings) -> None:
    assert parse_settings(query, make_state()) == settings


@pytest.mark.parametrize("query", [{"model": "absent"}, {"opacity": "nan"}, {"opacity": "1.5"}])
def test_settings_that_make_no_sense_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"menu|opacity"):
        parse_settings(query, make_state())


def test_the_video_is_that_of_the_package_with_the_settings_that_were_asked_for(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", moving_frames(6), rate=Fraction(30000, 1001), sound="aac")
    state, told = make_state(precision="float32"), []
    settings = VideoSettings("other", opacity=0.9, smooth=True)
    summary = VideoJob(state, settings, source, tmp_path / "b.mp4").run(lambda *n: told.append(n))
    expected = AnnotateOptions(opacity=0.9, smooth=True)
    annotate_video(state.model("other"), source, tmp_path / "c.mp4", expected)
    ours, theirs, before = (contents(tmp_path / f"{name}.mp4") for name in "bca")
    assert ours.times == before.times
    assert ours.rate == before.rate
    assert ours.packets == before.packets  # the sound
    assert all((a == b).all() for a, b in zip(ours.frames, theirs.frames, strict=True))
    assert any(np.abs(a.astype(int) - b).max() > 60 for a, b in zip(ours.frames, before.frames, strict=True))
    assert told == [(number, 6) for number in range(1, 7)]
    assert summary is not None
    assert summary.frames == 6


def run(source: Path, target: Path, **counts: int) -> None:
    VideoJob(make_state(), VideoSettings("tiny"), source, target).run(lambda *_: None)


def test_a_video_that_is_too_long_is_refused_before_it_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = write_video(tmp_path / "slow.mp4", moving_frames(3), rate=Fraction(1, 40))
    with pytest.raises(VideoError, match=r"'slow.mp4' is too long: cut it to 60 seconds"):
        run(slow, tmp_path / "b.mp4")
    many = write_video(tmp_path / "many.mp4", moving_frames(9))
    monkeypatch.setattr(job, "MAX_FRAMES", 8)
    with pytest.raises(VideoError, match="too long"):
        run(many, tmp_path / "b.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.mp4", "slow.mp4"]


def test_a_video_whose_header_says_less_than_there_is_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_video(tmp_path / "a.mkv", moving_frames(9))
    monkeypatch.setattr(job, "MAX_FRAMES", 5)
    monkeypatch.setattr(job, "_check", lambda *_: None)
    with pytest.raises(VideoError, match="too long"):
        run(source, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_large_frames_and_long_work_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_video(tmp_path / "a.mp4", moving_frames(4))
    monkeypatch.setattr(job, "MAX_WORK_SECONDS", -1)
    with pytest.raises(VideoError, match="choose a smaller model"):
        run(source, tmp_path / "b.mp4")
    monkeypatch.setattr(job, "MAX_FRAME_PIXELS", 48 * 64 - 1)
    with pytest.raises(VideoError, match="make it smaller"):
        run(source, tmp_path / "b.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_job_that_is_stopped_ends_with_its_frame_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", moving_frames(20))
    stopped = VideoJob(make_state(), VideoSettings("tiny"), source, tmp_path / "b.mp4")
    told: list[int] = []

    def leave_after_three(done: int, _total: int | None) -> None:
        told.append(done)
        if done == 3:
            stopped.stop()

    assert stopped.run(leave_after_three) is None
    assert told == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
