"""Distances to the boundaries between classes against a search pixel by pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from support.models import tiny_model
from support.training_runs import Stripes

from swinviz.evaluation import Report, evaluate
from swinviz.evaluation.class_boundaries import BOUNDARY_EDGES, count_near_boundaries


def searched(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For each pixel, the fewest steps of a king to a pixel of another label."""
    found = np.zeros((2, len(BOUNDARY_EDGES)), int)
    for place in np.ndindex(truth.shape):
        if truth[place] == 255:
            continue
        others = np.argwhere(truth != truth[place])
        steps = np.abs(others - place).max(axis=1).min() if len(others) else 10**6
        for number, edge in enumerate(BOUNDARY_EDGES):
            if steps <= edge:
                found[:, number] += labels[place] == truth[place], 1
                break
    return found


def test_counts_are_those_of_a_search_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (5, 70), (40, 31), (90, 3)):
        truth = np.kron(rng.integers(0, 3, (9, 9)), np.ones((12, 12), int))[:height, :width].astype(np.uint8)
        truth[rng.random(truth.shape) < 0.002] = 255
        labels = rng.integers(0, 3, truth.shape)
        np.testing.assert_array_equal(count_near_boundaries(labels, truth), searched(labels, truth))


def test_an_evaluation_adds_the_counts_of_its_images_up() -> None:
    model, dataset = tiny_model(classes=3), Stripes(4, 48)
    report = evaluate(model, dataset, progress=False)
    wanted = sum(
        count_near_boundaries(model.segment(image).labels, truth)
        for image, truth in (dataset[index] for index in range(4))
    )
    assert report.boundaries is not None
    np.testing.assert_array_equal([report.boundaries.right, report.boundaries.total], wanted)
    assert report.boundaries.distance.tolist() == [0.5, 1.5, 3.0, 6.0, 12.0, 24.0]
    assert evaluate(model, dataset, boundary=False, progress=False).boundaries is None


def test_a_report_keeps_them_and_an_older_one_has_none(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = evaluate(tiny_model(classes=3), Stripes(2, 48), progress=False)
    report.save(path)
    again = Report.load(path).boundaries
    assert again is not None
    assert report.boundaries is not None
    np.testing.assert_array_equal(again.right, report.boundaries.right)
    older = json.loads(path.read_text())
    del older["boundaries"]
    path.write_text(json.dumps(older))
    assert Report.load(path).boundaries is None
