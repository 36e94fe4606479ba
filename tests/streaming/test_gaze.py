"""A point in a video followed along a known motion; its likeness by NumPy; flicker."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from support.models import tiny_model
from support.videos import contents, moving_frames, write_video

import swinviz
from swinviz.data.examples import example_image
from swinviz.features.tracking import TrackedPoint
from swinviz.inference import InferenceOptions
from swinviz.plots import style
from swinviz.streaming import AnnotateOptions, Frame, Gaze, GazeViewer, annotate_video
from swinviz.streaming.colors import HEAT, SIGNED, color_table
from swinviz.streaming.gaze_maps import _draw_point

SIZE = (161, 223)  # no multiple of a token
START, STEP = (60, 150), (2, 5)  # of the photograph's point, and how far the camera moves each frame
SMALL = InferenceOptions(scale=(96, 64))


@pytest.fixture(scope="module")
def outdoor() -> swinviz.SwinUPerNet:
    return swinviz.load("outdoor").for_inference()


def camera(count: int) -> list[NDArray[np.uint8]]:
    """A photograph seen through a frame that moves down and to the right: what it shows moves up and left."""
    photo = example_image("temple")
    return [
        np.ascontiguousarray(photo[20 + STEP[0] * n :, 40 + STEP[1] * n :][: SIZE[0], : SIZE[1]])
        for n in range(count)
    ]


@pytest.mark.parametrize(("stage", "shows"), [(2, "attention"), (2, "similarity")])
def test_a_point_of_a_photograph_is_followed_as_the_camera_moves(
    outdoor: swinviz.SwinUPerNet, stage: int, shows: str
) -> None:
    viewer = GazeViewer(Gaze(START[1], START[0], stage, 1, shows, follow=True))  # type: ignore[arg-type]
    options = InferenceOptions(scale=SIZE[::-1])
    token = 4 * 2**stage
    places = []
    for number, frame in enumerate(camera(7)):
        _, found = viewer.segment(outdoor, frame, options)
        expected = (START[0] - STEP[0] * number, START[1] - STEP[1] * number)
        assert max(abs(a - b) for a, b in zip(found.at.pixel, expected, strict=True)) <= token
        assert found.at.similarity > 0.6
        places.append(found.at.pixel)
        assert [each.pixel for each in found.track] == places
    fixed = Gaze(START[1], START[0], stage, 1, shows).segment(outdoor, frame, options)[1]  # type: ignore[arg-type]
    assert fixed.at.pixel == START
    assert fixed.track == ()


@pytest.mark.parametrize("window_size", [7, 12])
def test_likeness_is_the_cosine_with_the_first_frames_token_less_its_mean(window_size: int) -> None:
    model = tiny_model(window_size)
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (45, 62, 3), np.uint8) for _ in range(2)]
    viewer = GazeViewer(Gaze(61, 44, 0, 1, "similarity"))
    options = InferenceOptions(scale=(62, 45))
    for number, frame in enumerate(frames):
        _, found = viewer.segment(model, frame, options)
        with swinviz.capture(model, "stages.0.blocks.1.resid_post") as seen:
            model.segment(frame, options)
        vectors = next(iter(seen.values()))[0].double().numpy()
        if number == 0:
            mean, asked = vectors.mean(axis=(0, 1)), vectors[11, 15]
        cosines = np.empty((12, 16))
        for row in range(12):
            for column in range(16):
                a, b = asked - mean, vectors[row, column] - mean
                cosines[row, column] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        np.testing.assert_allclose(found.heat(), cosines.repeat(4, 0).repeat(4, 1)[:45, :62], atol=1e-5)
        picture = Image.fromarray(frame)
        found.draw(picture, frame)
        drawn = np.asarray(picture).astype(int)
        like, unlike = (drawn[4 * r + 1, 4 * c + 1] for r, c in (
            np.unravel_index(cosines.argmax(), (12, 16)) if number else (0, int(cosines[0].argmax())),
            np.unravel_index(cosines.argmin(), (12, 16)),
        ))  # fmt: skip
        assert like[0] - like[2] > unlike[0] - unlike[2]  # orange against purple


def test_a_followed_point_stays_inside_frames_that_end_within_a_token() -> None:
    model = tiny_model(7)
    viewer = GazeViewer(Gaze(61, 44, 3, 1, follow=True))
    for frame in moving_frames(4, (45, 62)):
        _, found = viewer.segment(model, frame, InferenceOptions(scale=(62, 45)))
        assert 0 <= found.at.pixel[0] < 45
        assert 0 <= found.at.pixel[1] < 62


def test_the_video_shows_the_ring_where_the_point_has_moved(
    outdoor: swinviz.SwinUPerNet, tmp_path: Path
) -> None:
    frames = [frame[:160, :222] for frame in camera(5)]
    write_video(tmp_path / "film.mp4", frames, rate=10)
    gaze = Gaze(START[1], START[0], 2, 1, follow=True)
    options = AnnotateOptions(
        InferenceOptions(scale=(222, 160)), opacity=0.0, legend=False, gaze=gaze, smooth=True
    )
    summary = annotate_video(outdoor, tmp_path / "film.mp4", tmp_path / "out.mp4", options)
    assert summary.frames == 5
    for number, drawn in enumerate(contents(tmp_path / "out.mp4").frames):
        y, x = START[0] - STEP[0] * number, START[1] - STEP[1] * number
        white = np.argwhere(drawn.min(axis=2) > 200)
        near = white[np.hypot(*(white - (y, x)).T) < 24]
        assert len(near) > 8  # the ring
    streamed = list(swinviz.stream(outdoor, tmp_path / "film.mp4", options=options.inference, gaze=gaze))
    assert [len(one.attention.track) for one in streamed if one.attention] == [1, 2, 3, 4, 5]


def test_ring_and_trail_lie_where_the_points_are() -> None:
    places = [TrackedPoint((12.0, 70.0), 1.0), TrackedPoint((40.0, 22.0), 1.0)]
    picture = Image.new("RGB", (100, 60), (90, 90, 90))
    _draw_point(ImageDraw.Draw(picture), places[1], ())
    ring = np.argwhere(np.asarray(picture).min(axis=2) > 200)
    assert ring.mean(axis=0) == pytest.approx((40, 22), abs=0.5)
    _draw_point(ImageDraw.Draw(picture), places[1], tuple(places))
    assert picture.getpixel((46, 26)) == (255, 255, 255)  # halfway (x, y)
    lost = Image.new("RGB", (100, 60), (90, 90, 90))
    _draw_point(ImageDraw.Draw(lost), TrackedPoint((40.0, 22.0), -1.0), ())
    assert np.asarray(lost).min(axis=2).max() < 200  # gray: the point may be lost


def test_flicker_is_the_changes_of_a_pixel_per_second_and_less_with_smoothing(tmp_path: Path) -> None:
    model = tiny_model()
    rng = np.random.default_rng(1)
    still = rng.integers(60, 190, (6, 8, 3)).repeat(8, 0).repeat(8, 1)
    noisy = [np.clip(still + rng.normal(0, 40, still.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    film = write_video(tmp_path / "film.mp4", noisy, rate=20)
    flickers = {}
    for smooth in (False, True):
        labels: list[NDArray[np.uint8]] = []

        def keep(_: Frame, result: swinviz.Segmentation, kept: list[NDArray[np.uint8]] = labels) -> None:
            kept.append(result.labels)

        summary = annotate_video(model, film, None, AnnotateOptions(SMALL, smooth=smooth), on_frame=keep)
        changes = np.mean([(a != b).mean() for a, b in pairwise(labels)])
        assert summary.flicker == pytest.approx(changes * 20, rel=1e-4)
        flickers[smooth] = summary.flicker
    assert 0 < flickers[True] < 0.8 * flickers[False]
    assert np.isnan(annotate_video(model, film, None, AnnotateOptions(SMALL, max_frames=1)).flicker)


def test_the_color_tables_are_those_of_the_figures() -> None:
    for points, name in ((HEAT, style.HEAT), (SIGNED, style.DIVERGING)):
        expected = np.asarray(mpl.colormaps[name](np.arange(256)))[:, :3] * 255
        assert np.abs(color_table(points).astype(float) - expected).max() <= 2.1
    with pytest.raises(ValueError, match="attention or similarity"):
        Gaze(0, 0, shows="both")  # type: ignore[arg-type]
