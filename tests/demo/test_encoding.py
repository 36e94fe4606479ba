"""Segmentations as the browser is sent them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.demo_samples import (
    HOSTILE,
    picture,
    pixels_of,
)

from swinviz.demo.encoding import encode_comparison, encode_result, flipped
from swinviz.inference import Segmentation


def segmentation(seed: int = 0, classes: tuple[str, ...] = ("sky", HOSTILE, "sea")) -> Segmentation:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(classes), (20, 30), np.uint8)
    scores = rng.random((20, 30), np.float32)
    palette = ((0, 0, 255), (255, 0, 0), (0, 255, 0))[: len(classes)]
    return Segmentation(labels, scores, classes, palette, 0.25, picture((20, 30), seed))


def test_labels_scores_and_shares_arrive_as_they_are() -> None:
    result = segmentation()
    sent = json.loads(encode_result(result, "note"))
    assert (pixels_of(sent["labels"]) == result.labels).all()
    assert np.abs(pixels_of(sent["scores"]) / 100 - result.scores).max() <= 0.0051
    counted = {index: float((result.labels == index).mean()) for index in range(3)}
    assert dict(sent["shares"]) == pytest.approx(counted, abs=1e-6)
    assert [index for index, _ in sent["shares"]] == sorted(counted, key=counted.__getitem__, reverse=True)


def test_flipped_pixels_are_told_by_the_classes_names_not_numbers() -> None:
    before, after = segmentation(0, ("sky", "sea", "sand")), segmentation(1, ("sand", "sky", "sea"))
    changed = flipped(before, after)
    for y, x in np.ndindex(changed.shape):
        left, right = before.classes[before.labels[y, x]], after.classes[after.labels[y, x]]
        assert changed[y, x] == (left != right)
    sent = json.loads(encode_comparison(before, after, ("left", "right")))
    assert (pixels_of(sent["flipped"]) == changed * 255).all()
    assert sent["flippedShare"] == pytest.approx(changed.mean())
    for side, result in zip(sent["sides"], (before, after), strict=True):
        assert (pixels_of(side["scores"]) == np.rint(100 * result.scores)).all()
