"""Pixels that the model does not claim to know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from support.models import tiny_model

from swinviz.checkpoints import load, save
from swinviz.inference import UNSURE_COLOR, Segmentation


@pytest.fixture
def result() -> Segmentation:
    """40 x 40 pixels, sky above sea; the right half is below the threshold."""
    labels = np.zeros((40, 40), np.uint8)
    labels[20:] = 1
    scores = np.full((40, 40), 0.9, np.float32)
    scores[:, 20:] = 0.3
    image = np.full((40, 40, 3), 60, np.uint8)
    return Segmentation(labels, scores, ("sky", "sea"), ((0, 0, 200), (0, 200, 0)), 0.1, image, (), 0.5)


def test_unsure_is_what_lies_below_the_threshold(result: Segmentation) -> None:
    assert result.unsure[:, 20:].all()
    assert not result.unsure[:, :20].any()


def test_shares_count_unsure_apart_when_asked_to(result: Segmentation) -> None:
    assert result.shares() == {"sky": 0.5, "sea": 0.5}
    assert result.shares(unsure=True) == {"sky": 0.25, "sea": 0.25, "unsure": 0.5}


def test_hatching_stripes_unsure_pixels_and_no_other(result: Segmentation) -> None:
    plain, hatched, gray = (result.overlay(1.0, unsure=style) for style in ("ignore", "hatch", "gray"))
    assert (plain == result.colors()).all()
    assert (hatched[:, :20] == plain[:, :20]).all()
    assert (gray[:, 20:] == UNSURE_COLOR).all()
    striped = (hatched[:, 20:] == UNSURE_COLOR).all(axis=-1)
    assert striped.mean() == pytest.approx(0.5, abs=0.05)
    assert (hatched[:, 20:][~striped] == plain[:, 20:][~striped]).all()


def test_a_model_without_a_threshold_is_never_unsure(result: Segmentation) -> None:
    sure = Segmentation(result.labels, result.scores * 0, result.classes, result.palette, 0.1, result.image)
    assert not sure.unsure.any()
    assert sure.shares(unsure=True) == {"sky": 0.5, "sea": 0.5}
    assert (sure.overlay() == sure.overlay(unsure="ignore")).all()


def test_another_style_is_refused(result: Segmentation) -> None:
    with pytest.raises(ValueError, match="hatch, gray, ignore"):
        result.overlay(unsure="dots")  # type: ignore[arg-type]


def test_the_threshold_and_notes_travel_with_the_file(tmp_path: Path) -> None:
    model = tiny_model()
    model.config = replace(model.config, unsure_below=0.4)
    path = save(model, tmp_path / "m.safetensors", notes={"license": "mine"})
    loaded = load(path)
    result = loaded.segment(np.zeros((20, 30, 3), np.uint8))
    assert loaded.config.unsure_below == result.unsure_below == 0.4
    assert (result.unsure == (result.scores < 0.4)).all()
    with safe_open(path, "pt") as file:
        assert file.metadata()["license"] == "mine"


def test_a_threshold_is_a_confidence() -> None:
    with pytest.raises(ValueError, match=r"unsure_below is 1\.5"):
        replace(tiny_model().config, unsure_below=1.5)
