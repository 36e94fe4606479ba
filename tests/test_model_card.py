"""What nano's model card says is what the shipped file does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
