"""FSDP2: two processes that keep half of everything each train the model that one process trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support.sharded_processes import steady
from support.training_processes import untrained

from swinviz.checkpoints import load
from swinviz.training import Recipe, RunOptions, train
from swinviz.training.state import state_files

TESTS = Path(__file__).parents[1]

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made, beside a run of one process that was stopped after step 3."""
    folder = tmp_path_factory.mktemp("sharded")
    steady(folder / "single", last=3)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*command, str(TESTS / "support" / "sharded_processes.py"), str(folder)],
        check=True,
        timeout=500,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
            "OMP_NUM_THREADS": "1",
        },
    )
    return folder


@pytest.fixture(scope="module")
def single(folder: Path) -> tuple[Weights, list[float]]:
    """Weights and losses of one process that was never stopped."""
    result, losses = steady(folder / "whole")
    return result.model.state_dict(), losses


def found(folder: Path, rank: int = 0) -> dict[str, Any]:
    return torch.load(folder / f"rank{rank}.pt")


def apart(ours: Weights, theirs: Weights) -> float:
    """Largest difference, as a share of the largest value where that is above 1."""
    assert ours.keys() == theirs.keys()
    return max(
        float((ours[name] - value).abs().max() / value.abs().max().clamp(min=1))
        for name, value in theirs.items()
    )


@pytest.mark.slow
class TestTwoProcesses:
    def test_each_keeps_half_of_weights_and_moments(self, folder: Path) -> None:
        total = sum(parameter.numel() for parameter in untrained().parameters())
        trained = sum(parameter.numel() for parameter in untrained().parameters() if parameter.requires_grad)
        parts = [found(folder, rank)["shares"] for rank in (0, 1)]
        assert sum(weights for weights, _ in parts) == total
        assert sum(moments for _, moments in parts) == trained
        assert max(weights for weights, _ in parts) < 0.51 * total

    def test_losses_gradients_and_weights_are_those_of_one(
        self, folder: Path, single: tuple[Weights, list[float]]
    ) -> None:
        weights, losses = single
        assert found(folder)["losses"] == pytest.approx(losses, rel=1e-5)
        assert apart(found(folder)["weights"], weights) <= 1e-5  # through clipping and the moving average
        assert apart(found(folder)["checkpointed"], weights) <= 1e-5
        start = untrained().state_dict()["head.fusion.conv.weight"]
        assert float((weights["head.fusion.conv.weight"] - start).abs().max()) > 1e-3
        ours, theirs = (torch.load(state_files(folder / name)[0]) for name in ("sharded", "whole"))
        assert ours["optimizer"]["param_groups"] == theirs["optimizer"]["param_groups"]
        assert ours["optimizer"]["state"].keys() == theirs["optimizer"]["state"].keys()
        for number, moments in theirs["optimizer"]["state"].items():
            for name in ("exp_avg", "exp_avg_sq"):  # means of the gradients and of their squares
                torch.testing.assert_close(
                    ours["optimizer"]["state"][number][name], moments[name], atol=1e-6, rtol=1e-3
                )

    def test_both_end_with_the_same_whole_model_and_save_it(self, folder: Path) -> None:
        first, second = found(folder)["weights"], found(folder, 1)["weights"]
        saved = load(folder / "sharded" / "model.safetensors").state_dict()
        for name, value in first.items():
            assert torch.equal(value, second[name])
            assert torch.equal(value, saved[name])

    def test_a_run_that_was_stopped_goes_on_with_the_same_bits(self, folder: Path) -> None:
        results = found(folder)
        assert results["stopped after"] == 6
        for name, value in results["uninterrupted"].items():
            assert torch.equal(results["resumed"][name], value), name

    def test_runs_go_on_with_more_or_fewer_processes(
        self, folder: Path, single: tuple[Weights, list[float]]
    ) -> None:
        weights, losses = single
        assert apart(found(folder)["single resumed by two"], weights) <= 1e-5
        result, rest = steady(folder / "stopped")
        assert len(rest) == 4
        assert rest == pytest.approx(losses[4:], rel=1e-5)
        assert apart(result.model.state_dict(), weights) <= 1e-5

    def test_what_overflows_in_one_process_is_a_step_of_none(self, folder: Path) -> None:
        for rank in (0, 1):
            moved, scale = found(folder, rank)["overflow"]
            assert not moved
            assert scale == 2.0**15


@pytest.mark.parametrize(("how", "says"), [({}, "torchrun"), ({"compiled": True}, "choose one")])
def test_sharding_alone_or_compiled_is_refused_in_one_sentence(how: dict[str, bool], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        train(untrained(), [], None, Recipe(batch_size=2), RunOptions(sharded=True, **how))  # type: ignore[arg-type]
