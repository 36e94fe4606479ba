"""Cameras and addresses: no end that is known, ended by Ctrl-C, with the video up to there kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.models import tiny_model
from support.rtsp import served
from support.videos import contents, moving_frames, write_video

import swinviz
from swinviz.errors import VideoError
from swinviz.inference import InferenceOptions
from swinviz.streaming import AnnotateOptions, VideoReader, annotate_video, decoding

SMALL = InferenceOptions(scale=(64, 48))
FAST = AnnotateOptions(SMALL, legend=False)


@pytest.fixture(scope="module")
def model() -> swinviz.SwinUPerNet:
    return tiny_model()


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's endless test picture in the place of a camera."""
    monkeypatch.setattr(
        decoding, "_camera", lambda text: ("lavfi", "testsrc=size=64x48:rate=10,setpts=PTS+9e6")
    )


@pytest.mark.usefixtures("camera")
def test_a_camera_is_read_until_enough(model: swinviz.SwinUPerNet) -> None:
    with VideoReader("camera") as reader:
        assert reader.live
        assert reader.info.frames is None
    results = swinviz.stream(model, "camera", options=SMALL, batch=4)
    times = [next(results).seconds for _ in range(5)]
    results.close()  # type: ignore[attr-defined]
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])  # not since the machine was started


@pytest.mark.usefixtures("camera")
def test_ctrl_c_ends_a_camera_and_keeps_the_video(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    def stop(done: int, of: int | None) -> None:
        assert of is None
        if done == 7:
            raise KeyboardInterrupt

    summary = annotate_video(model, "camera", tmp_path / "b.mp4", FAST, progress=stop)
    assert summary.frames == 7
    times = contents(tmp_path / "b.mp4").times
    assert len(times) == 7
    assert times[0] == 0


def test_an_rtsp_address_is_read_to_its_end(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.ts", moving_frames(20))
    with served(source) as address, VideoReader(address) as reader:
        assert reader.live
        assert "secret" not in reader.name
        shapes = [frame.rgb.shape for frame in reader.frames()]
    assert set(shapes) == {(48, 64, 3)}
    assert len(shapes) >= 15  # the first may be spent on finding out what comes
    with served(source) as address:
        assert annotate_video(model, address, tmp_path / "b.mp4", FAST).frames >= 15
    assert len(contents(tmp_path / "b.mp4").times) >= 15


def test_an_address_that_nobody_answers_is_one_sentence_without_its_password() -> None:
    with pytest.raises(VideoError, match=r"'rtsp://127\.0\.0\.1:1/x' cannot be opened") as raised:
        VideoReader("rtsp://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_camera_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(VideoError, match="'camera:77' cannot be opened"):
        VideoReader("camera:77")
