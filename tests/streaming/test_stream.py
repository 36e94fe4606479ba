"""`swinviz.stream`: every picture and frame once, read ahead but not far, batched by size."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.models import tiny_model
from support.videos import moving_frames, write_video

import swinviz
from swinviz.errors import ImageError, SwinvizError, VideoError
from swinviz.inference import InferenceOptions
from swinviz.streaming import Gaze

SMALL = InferenceOptions(scale=(64, 48))


@pytest.fixture(scope="module")
def model() -> swinviz.SwinUPerNet:
    return tiny_model()


def pictures(folder: Path, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:02d}.png")
    return images


def test_pictures_and_frames_come_in_order_with_their_times(
    model: swinviz.SwinUPerNet, tmp_path: Path
) -> None:
    images = pictures(tmp_path, [(40, 50), (30, 60)])
    frames = moving_frames(5)
    write_video(tmp_path / "film.mp4", frames, rate=10)
    streamed = list(swinviz.stream(model, tmp_path, options=SMALL))
    assert [one.source.name for one in streamed] == ["00", "01", *["film"] * 5]
    assert [one.index for one in streamed] == [0, 0, 0, 1, 2, 3, 4]
    assert [one.seconds for one in streamed[2:]] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    for one, image in zip(streamed, images, strict=False):
        np.testing.assert_array_equal(one.result.labels, model.segment(image, SMALL).labels)
    assert abs(streamed[4].result.image.astype(int) - frames[2]).mean() < 20


def test_batches_hold_one_size_and_lose_nothing(
    model: swinviz.SwinUPerNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [(40, 50), (30, 60)] * 7 + [(24, 24)]
    images = pictures(tmp_path, sizes)
    seen: list[int] = []
    low_res_logits = swinviz.SwinUPerNet.low_res_logits

    def counted(self: swinviz.SwinUPerNet, x: object) -> object:
        seen.append(len(x))  # type: ignore[arg-type]
        return low_res_logits(self, x)  # type: ignore[arg-type]

    monkeypatch.setattr(swinviz.SwinUPerNet, "low_res_logits", counted)
    streamed = list(swinviz.stream(model, tmp_path, options=SMALL, batch=3))
    assert sorted(one.source.name for one in streamed) == [f"{n:02d}" for n in range(15)]
    assert sum(seen) == 15
    assert sorted(seen, reverse=True)[:4] == [3, 3, 3, 3]
    for one in streamed:
        image = images[int(one.source.name)]
        np.testing.assert_array_equal(one.result.image, image)
        assert (one.result.labels == model.segment(image, SMALL).labels).mean() > 0.999


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    pictures(tmp_path, [(40, 50), (40, 50)])
    (tmp_path / "00.png").write_bytes(b"no picture")
    (tmp_path / "film.mp4").write_bytes(b"no video")
    failed: list[tuple[str, type]] = []
    streamed = swinviz.stream(
        model,
        tmp_path,
        options=SMALL,
        on_error=lambda source, error: failed.append((source.name, type(error))),
    )
    assert [one.source.name for one in streamed] == ["01"]
    assert failed == [("00", ImageError), ("film", VideoError)]
    with pytest.raises(ImageError, match=r"00\.png"):
        list(swinviz.stream(model, tmp_path, options=SMALL))


def test_attention_comes_with_each_picture_and_a_point_outside_is_an_error_of_that_picture(
    model: swinviz.SwinUPerNet, tmp_path: Path
) -> None:
    pictures(tmp_path, [(40, 50), (30, 20), (40, 50)])
    failed: list[str] = []
    streamed = list(
        swinviz.stream(
            model,
            tmp_path,
            options=SMALL,
            gaze=Gaze(45, 5),
            batch=2,
            on_error=lambda source, error: failed.append(str(error)),
        )
    )
    assert [one.source.name for one in streamed] == ["00", "02"]
    assert all(one.attention is not None and one.attention.heat().shape == (40, 50) for one in streamed)
    assert len(failed) == 1
    assert "'01.png'" in failed[0]
    assert "outside" in failed[0]


def test_leaving_the_loop_ends_the_thread(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", moving_frames(60))
    results = swinviz.stream(model, tmp_path / "film.mp4", options=SMALL)
    next(results)
    assert any(thread.name == "swinviz-read" for thread in threading.enumerate())
    results.close()  # type: ignore[attr-defined]
    assert not any(thread.name == "swinviz-read" for thread in threading.enumerate())


def test_nothing_to_stream_is_an_error(model: swinviz.SwinUPerNet, tmp_path: Path) -> None:
    with pytest.raises(SwinvizError, match="no picture and no video"):
        list(swinviz.stream(model, tmp_path))
