"""Distances to window borders against a search pixel by pixel, and what is counted at them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.models import tiny_model

from swinviz.evaluation import BorderAccuracy, border_accuracy, border_distance
from swinviz.inference import InferenceOptions
from swinviz.model.geometry import WindowGeometry
from swinviz.plots import plot_border_accuracy


def searched(geometry: WindowGeometry) -> NDArray[np.float64]:
    """The same from the true rectangles of the windows: who is the nearest pixel of another window?"""
    height, width = geometry.height * geometry.stride, geometry.width * geometry.stride
    place = np.full((height, width, 2), -1)
    for window in range(geometry.num_windows):
        for part, box in enumerate(geometry.rectangles(window)):
            place[box.top : box.bottom, box.left : box.right] = window, part
    distance = np.full((height, width), np.inf)
    for y in range(height):
        for x in range(width):
            for other in range(height):
                if (place[other, x] != place[y, x]).any():
                    distance[y, x] = min(distance[y, x], abs(other - y) - 0.5)
            for other in range(width):
                if (place[y, other] != place[y, x]).any():
                    distance[y, x] = min(distance[y, x], abs(other - x) - 0.5)
    return distance


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(0, 3), st.integers(1, 2))
def test_distance_is_that_to_the_nearest_pixel_of_another_window(
    height: int, width: int, window: int, shift: int, stride: int
) -> None:
    geometry = WindowGeometry(height, width, window, shift % window, stride)
    size = (height * stride, width * stride)
    assert border_distance(geometry, size, size).tolist() == searched(geometry).tolist()


def test_a_picture_of_another_size_is_stretched_over_the_input() -> None:
    geometry = WindowGeometry(4, 8, window_size=4, shift_size=0, stride=4)  # one border, at column 16
    assert border_distance(geometry, (16, 32), (8, 8))[0].tolist() == [14, 10, 6, 2, 2, 6, 10, 14]


class Answers:
    """One image whose labels are the model's own answers near the borders, and the other class elsewhere."""

    classes = ("a", "b")
    palette = ((0, 0, 0), (255, 255, 255))

    def __init__(self, answers: NDArray[np.uint8]) -> None:
        self.image = np.zeros((64, 64, 3), np.uint8)
        self.labels = np.where(DISTANCE < 2, answers, 1 - answers).astype(np.uint8)
        self.labels[:, :5] = 255

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self.image, self.labels


DISTANCE = border_distance(WindowGeometry(16, 16, 2, 0, 4), (64, 64), (64, 64))
"""Of the tiny model's first stage: windows of 8 pixels."""


def test_right_pixels_are_counted_in_the_bin_of_their_distance() -> None:
    model, scale = tiny_model(2, classes=2), (64, 64)
    answers = model.segment(np.zeros((64, 64, 3), np.uint8), InferenceOptions(scale=scale)).labels
    found = border_accuracy(model, Answers(answers), scale=scale, bins=4, progress=False)
    assert found.distance.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert found.accuracy.tolist() == [1, 1, 0, 0]
    labeled = np.arange(64) >= 5  # and the image's edges are further from a border than half a window
    assert found.total.tolist() == [((k == DISTANCE // 1) & labeled).sum() for k in range(4)]


def test_the_figure_takes_differences_seed_by_seed() -> None:
    bins, total = np.array([2.0, 6.0]), np.array([100, 100])

    def run(*right: int) -> BorderAccuracy:
        return BorderAccuracy(bins, np.array(right), total)

    figure = plot_border_accuracy({"with": [run(60, 70), run(80, 90)], "without": [run(50, 70), run(60, 88)]})
    mean = figure.axes[1].lines[-1]
    assert mean.get_ydata().tolist() == pytest.approx([15.0, 1.0])
    with pytest.raises(ValueError, match="as many models"):
        plot_border_accuracy({"with": [run(60, 70)], "without": []})
