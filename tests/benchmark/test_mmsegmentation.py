"""mmsegmentation's model beside ours: it gets the same weights, and is left out where it is not installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from support.models import tiny_model

from swinviz.benchmark.mmsegmentation import mmsegmentation_run, to_mmsegmentation
from swinviz.checkpoints import load

INSTALLED = importlib.util.find_spec("mmseg") is not None


def test_its_names_and_order_are_those_of_its_own_file(data_dir: Path) -> None:
    theirs = torch.load(data_dir / "mmseg_tiny_w7.pth", weights_only=True)["state_dict"]
    ours = to_mmsegmentation(load(data_dir / "mmseg_tiny_w7.pth").state_dict())
    skipped = ("relative_position_index", "num_batches_tracked")
    assert {name for name in theirs if not name.endswith(skipped)} == {
        name for name in ours if not name.endswith(skipped)
    }
    for name, tensor in theirs.items():
        if not name.endswith(skipped):
            assert torch.equal(ours[name], tensor), name


@pytest.mark.skipif(INSTALLED, reason="mmsegmentation is installed")
def test_it_is_left_out_where_it_is_not_installed() -> None:
    assert mmsegmentation_run(tiny_model(), torch.zeros(1, 3, 32, 32)) is None


@pytest.mark.skipif(not INSTALLED, reason="mmsegmentation is not installed")
@pytest.mark.filterwarnings("ignore")
def test_its_logits_are_ours() -> None:
    model, images = tiny_model(7), torch.randn(2, 3, 90, 71)
    run = mmsegmentation_run(model, images)
    assert run is not None
    with torch.no_grad():
        torch.testing.assert_close(run(), model(images), atol=1e-4, rtol=1e-4)
