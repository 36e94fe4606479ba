"""The model that knows photographs, on photographs that it was never trained on."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

import swinviz


@pytest.fixture(scope="module")
def outdoor() -> swinviz.SwinUPerNet:
    """The shipped weights."""
    return swinviz.load("outdoor")


@pytest.mark.parametrize(
    ("name", "known"), [("astronaut", "person"), ("cat", "animal"), ("coffee", "object")]
)
def test_what_used_to_become_buildings_is_named_or_unsure(
    outdoor: swinviz.SwinUPerNet, name: str, known: str
) -> None:
    result = outdoor.segment(getattr(skimage.data, name)())
    shares = result.shares()
    assert max(shares, key=shares.__getitem__) == known
    assert shares[known] > 0.5
    labels = [result.classes.index(wanted) for wanted in ("person", "animal", "object")]
    assert (np.isin(result.labels, labels) | result.unsure).mean() > 0.9


def test_sky_above_a_launch_pad_is_sky_and_its_confidence_is_a_probability(
    outdoor: swinviz.SwinUPerNet,
) -> None:
    result = outdoor.segment(skimage.data.rocket())
    shares = result.shares()
    assert max(shares, key=shares.__getitem__) == "sky"
    assert 0.5 < shares["sky"] < 0.75  # about two thirds, between and above the towers
    assert 0.5 < result.scores.mean() <= 1.0
    assert 0 < result.unsure.mean() < 0.3


def test_no_published_model_in_the_cache_means_outdoor() -> None:
    from swinviz.checkpoints import load

    assert load("auto").config.classes == load("outdoor").config.classes
