"""nano's model card says of the shipped file only the truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import swinviz
from swinviz.data.scenes import Scenes
from swinviz.evaluation import evaluate


@pytest.mark.slow
def test_the_held_out_figures_are_the_cards(repository: Path) -> None:
    card = (repository / "swinviz" / "weights" / "README.md").read_text()
    row = re.search(r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", card, re.MULTILINE)
    assert row is not None
    metrics = evaluate(swinviz.load("nano"), Scenes("val", length=500), boundary=True, progress=False).metrics
    measured = (metrics.miou, metrics.macc, metrics.aacc, metrics.mean_boundary_iou)
    assert [f"{100 * value:.1f}" for value in measured] == list(row.groups())


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "share"), [(None, 0.9999), (torch.bfloat16, 0.99)])
def test_the_copies_for_inference_decide_as_the_model_does(dtype: torch.dtype | None, share: float) -> None:
    model = swinviz.load("nano")
    copy = model.for_inference(dtype=dtype)
    equal = [
        (model.segment(image).labels == copy.segment(image).labels).mean()
        for image, _ in Scenes("val", length=500)
    ]
    assert np.mean(equal) >= share
