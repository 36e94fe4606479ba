"""Two processes with half the batch each are one process with the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as multiprocessing
from support.training_processes import normalize_half, run, untrained
from torch import nn

from swinviz.training import DistributedContext
from swinviz.training.batch_norm import SynchronizedBatchNorm2d, synchronize_batch_norm

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
def test_two_gloo_processes_give_the_weights_of_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    subprocess.run(
        [*command, str(TESTS / "support" / "training_processes.py"), str(tmp_path)],
        check=True,
        timeout=500,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    single = run(None)
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    apart = {  # of the largest value, where that is above 1, as running variances are
        name: float((first[name] - value).abs().max() / value.abs().max().clamp(min=1))
        for name, value in single.state_dict().items()
    }
    assert max(apart.values()) <= 1e-5, {name: value for name, value in apart.items() if value > 1e-5}
    start = untrained().state_dict()["head.fusion.conv.weight"]
    assert float((first["head.fusion.conv.weight"] - start).abs().max()) > 1e-3  # it did move


@pytest.mark.slow
def test_synchronized_norm_equals_torchs_norm_of_the_whole_batch(tmp_path: Path) -> None:
    x, weight = torch.randn(4, 3, 5, 2) * 3 + 1, torch.randn(4, 3, 5, 2)
    torch.save(x, tmp_path / "x.pt"), torch.save(weight, tmp_path / "weight.pt")
    multiprocessing.spawn(normalize_half, (29541, str(tmp_path)), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    whole, norm = x.clone().requires_grad_(), nn.BatchNorm2d(3)
    y = norm(whole)
    (y * weight).sum().backward()
    torch.testing.assert_close(torch.cat([part[0] for part in parts]), y.detach(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(torch.cat([part[1] for part in parts]), whole.grad, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(parts[0][2], dict(norm.state_dict()), atol=1e-6, rtol=1e-5)


def test_synchronizing_keeps_weights_names_and_what_a_lone_process_computes() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    x = torch.randn(2, 3, 5, 5)
    expected, names = model.eval()(x), list(model.state_dict())
    synchronize_batch_norm(model)
    assert isinstance(model[1], SynchronizedBatchNorm2d)
    assert list(model.state_dict()) == names
    assert torch.equal(model(x), expected)


def test_lone_team_leads_and_never_waits() -> None:
    context = DistributedContext()
    assert context.is_main
    assert context.any(True) is True
    assert context.any(False) is False
    assert float(context.mean(torch.tensor(3.0))) == 3.0
