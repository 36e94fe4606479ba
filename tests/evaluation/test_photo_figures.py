"""Photographs measured on coarser classes, and the calibration of the confidence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from swinviz.data.photos import OUTDOOR_CLASSES, OUTDOOR_PALETTE, CamVid, LabelMeFacade
from swinviz.errors import DatasetError
from swinviz.evaluation import calibration_error, evaluate_photos
from swinviz.inference import Segmentation
from swinviz.segmenter import SwinUPerNet


class Oracle:
    """Stands for a model: answers with prepared labels and confidences, in the order of the images."""

    def __init__(self, answers: list[tuple[np.ndarray, np.ndarray]], classes: tuple[str, ...]) -> None:
        self.answers = iter(answers)
        self.config = SimpleNamespace(classes=classes)

    def segment(self, image: np.ndarray, options: object = None) -> Segmentation:
        """Answer for the next image."""
        labels, scores = next(self.answers)
        return Segmentation(labels, scores, OUTDOOR_CLASSES, OUTDOOR_PALETTE, 0.1, image)


@pytest.fixture
def dataset(tmp_path: Path) -> CamVid:
    """Two photographs of 8 x 9 pixels with every label."""
    rng = np.random.default_rng(3)
    for name in ("a", "b"):
        for kind, pixels in (
            ("images", rng.integers(0, 256, (8, 9, 3))),
            ("labels", rng.choice([*range(11), 255], (8, 9))),
        ):
            path = tmp_path / "val" / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return CamVid(tmp_path, "val")


def test_figures_are_those_of_a_loop_over_pixels(dataset: CamVid) -> None:
    rng = np.random.default_rng(4)
    answers = [
        (rng.integers(0, 18, (8, 9)).astype(np.uint8), rng.random((8, 9)).astype(np.float32))
        for _ in range(2)
    ]
    model = cast(SwinUPerNet, Oracle(answers, OUTDOOR_CLASSES))
    report = evaluate_photos(model, dataset, progress=False)

    names = ["sky", "building", "road", "sidewalk", "tree", "fence", "car", "person"]
    hits: dict[str, int] = dict.fromkeys(names, 0)
    unions: dict[str, int] = dict.fromkeys(names, 0)
    pixels = right = 0
    by_bin: dict[int, list[tuple[float, bool]]] = {}
    for index, (labels, scores) in enumerate(answers):
        for place in np.ndindex(labels.shape):
            truth = int(dataset[index][1][place])
            name = dataset.classes[truth] if truth != 255 else ""
            if name not in names:
                continue
            guess = OUTDOOR_CLASSES[labels[place]]
            pixels += 1
            right += guess == name
            hits[name] += guess == name
            unions[name] += 1
            if guess != name and guess in names:
                unions[guess] += 1
            by_bin.setdefault(min(int(scores[place] * 15), 14), []).append(
                (float(scores[place]), guess == name)
            )
    assert report.accuracy == pytest.approx(right / pixels)
    assert report.iou.tolist() == pytest.approx([hits[name] / unions[name] for name in names])
    error = sum(abs(sum(s for s, _ in rows) - sum(r for _, r in rows)) for rows in by_bin.values()) / pixels
    assert report.calibration_error == pytest.approx(error, abs=1e-6)
    assert report.images == 2
    assert f"pixels {100 * right / pixels:.2f} %" in report.table()


def test_a_model_without_what_is_measured_is_refused(dataset: CamVid) -> None:
    model = cast(Any, Oracle([], ("sky", "road")))
    with pytest.raises(DatasetError, match="'building'"):
        evaluate_photos(model, dataset, progress=False)


def test_vegetation_may_be_tree_or_grass(tmp_path: Path) -> None:
    for kind, pixels in (("images", np.zeros((1, 4, 3))), ("labels", np.array([[6, 6, 6, 4]]))):
        path = tmp_path / "val" / kind / "a.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    labels = np.array(
        [[OUTDOOR_CLASSES.index(name) for name in ("tree", "grass", "water", "sidewalk")]], np.uint8
    )
    model = cast(SwinUPerNet, Oracle([(labels, np.full((1, 4), 0.5, np.float32))], OUTDOOR_CLASSES))
    assert evaluate_photos(model, LabelMeFacade(tmp_path, "val"), progress=False).accuracy == 0.5


def test_calibration_error_of_a_model_that_is_as_sure_as_it_is_right_is_zero() -> None:
    assert calibration_error(np.array([[10.0, 10.0], [3.0, 8.0], [3.0, 8.0]])) == 0.0
