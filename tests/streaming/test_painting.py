"""Painted pictures: the segmentation's own overlay, in bytes; a legend; the attention where it lies."""

from __future__ import annotations

import numpy as np
import pytest
from support.models import tiny_model
from support.videos import moving_frames

import swinviz
from swinviz.errors import SwinvizError
from swinviz.inference import InferenceOptions
from swinviz.streaming import Gaze, Painter
from swinviz.streaming.painting import class_numbers

SMALL = InferenceOptions(scale=(64, 48))


@pytest.fixture(scope="module")
def model() -> swinviz.SwinUPerNet:
    return tiny_model()


def test_painting_is_the_segmentations_overlay_with_unsure_pixels_hatched(rng: np.random.Generator) -> None:
    result = swinviz.Segmentation(
        labels=rng.integers(0, 3, (40, 50), np.uint8),
        scores=rng.random((40, 50), np.float32),
        classes=("sky", "sea", "sand"),
        palette=((9, 80, 200), (0, 9, 90), (230, 200, 0)),
        seconds=0.1,
        image=rng.integers(0, 256, (40, 50, 3), np.uint8),
        unsure_below=0.5,
    )
    for opacity in (0.0, 0.3, 0.5, 1.0):
        painted = Painter(opacity, legend=False).paint(result).astype(int)
        assert abs(painted - result.overlay(opacity)).max() <= 1


def test_only_the_named_classes_are_painted(model: swinviz.SwinUPerNet) -> None:
    frame = moving_frames(1)[0]
    result = model.segment(frame, SMALL)
    shown = int(result.labels[0, 0])
    assert 0 < (result.labels == shown).mean() < 1
    painted = Painter(legend=False, shown=frozenset({shown})).paint(result)
    np.testing.assert_array_equal(painted[result.labels != shown], frame[result.labels != shown])
    wanted = result.overlay()[result.labels == shown].astype(int)
    assert abs(painted[result.labels == shown].astype(int) - wanted).max() <= 1


def test_classes_are_found_by_name_whatever_the_case(model: swinviz.SwinUPerNet) -> None:
    assert class_numbers(model.config, ["CLASS 2", " class 0"]) == {0, 2}
    with pytest.raises(SwinvizError, match="no class 'moon': choose among class 0, class 1, class 2"):
        class_numbers(model.config, ["moon"])


def test_the_legend_names_what_is_seen_and_leaves_small_pictures_alone() -> None:
    def segmentation(height: int, width: int) -> swinviz.Segmentation:
        zeros = np.zeros((height, width), np.uint8)
        image = np.full((height, width, 3), 200, np.uint8)
        return swinviz.Segmentation(zeros, zeros + np.float32(1), ("sky",), ((9, 80, 200),), 0.1, image)

    large = Painter(0.0).paint(segmentation(240, 320))
    assert (large[15:25, 13:25] == (9, 80, 200)).all(2).any()  # the square in the class's color
    assert (large[200:] == 200).all()
    assert (Painter(0.0).paint(segmentation(40, 60)) == 200).all()


def test_the_attention_of_a_point_is_drawn_where_it_lies(model: swinviz.SwinUPerNet) -> None:
    frame = np.full((64, 64, 3), 128, np.uint8)
    options = InferenceOptions(scale=(64, 64))
    result, attention = Gaze(40, 20, stage=0, block=0).segment(model, frame, options)
    with swinviz.capture(model, "stages.0.blocks.0.attn.pattern") as seen:
        model.segment(frame, options)
    (pattern,) = seen.values()
    # Windows of 4 x 4 tokens of 4 pixels: x 40 and y 20 lie in the window of row 1 and column 2, and there in
    # the token of row 1 and column 2.
    shares = pattern[0, 1 * 4 + 2].mean(0)[1 * 4 + 2].numpy().reshape(4, 4)
    heat = shares.repeat(4, 0).repeat(4, 1) / shares.max()
    np.testing.assert_allclose(attention.heat()[16:32, 32:48], heat, rtol=1e-5)
    changed = np.any(Painter(opacity=0.0, legend=False).paint(result, attention) != 128, axis=2)
    assert changed[16:32, 32:48].all()
    changed[16:32, 32:48] = False
    changed[13:28, 33:48] = False  # the ring around the point
    assert not changed.any()
