"""The benchmark compares like with like and reports what it measured."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from support.models import tiny_model
from torch.utils.flop_counter import FlopCounterMode

from swinviz.benchmark import capture_contest, head_contest, model_contest, scaling, training_contest
from swinviz.benchmark.measurement import hold
from swinviz.cli import main
from swinviz.plots.benchmark import plot_scaling

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_ratios_and_differences_are_against_the_first_and_the_exact() -> None:
    def after(seconds: float, value: float) -> torch.Tensor:
        time.sleep(seconds)
        return torch.tensor([value])

    runs = {"slow": lambda: after(0.06, 1.0), "quick": lambda: after(0.02, 1.5)}
    contest = hold(
        "naps",
        runs,
        torch.device("cpu"),
        exact=torch.tensor([1.25]),
        rounds=3,
        operations=6e9,
        progress=False,
    )
    assert contest.reference == "slow"
    assert contest.entries["slow"].speedup == 1.0
    assert 1.2 < contest.entries["quick"].speedup <= 4.0
    assert contest.entries["quick"].difference == 0.25
    assert contest.gflops("slow") == pytest.approx(6 / contest.entries["slow"].seconds)
    assert "of roof" in contest.table(roof=100.0)
    assert "of roof" not in contest.table()


@pytest.mark.parametrize("compare", [model_contest, head_contest])
def test_all_contestants_give_the_same_logits(compare: object) -> None:
    contest = compare(tiny_model(7), IMAGES, rounds=1, progress=False)
    assert contest.reference == "transformers"
    exact = {name: entry for name, entry in contest.entries.items() if "bfloat16" not in name}
    assert len(exact) == 3
    assert max(entry.difference for entry in exact.values()) < 1e-4
    assert all(entry.seconds > 0 for entry in contest.entries.values())


def test_the_operations_counted_are_those_of_the_plain_way() -> None:
    model = tiny_model(7)
    head = head_contest(model, IMAGES, rounds=1, peer=False, progress=False)
    whole = model_contest(model, IMAGES, rounds=1, peer=False, progress=False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features = model.features(IMAGES)
    backbone = counter.get_total_flops()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.decode(features)
    assert head.operations == counter.get_total_flops()
    assert whole.operations == head.operations + backbone


def test_everybody_minimizes_the_same_loss() -> None:
    labels = IMAGES[:, 0].gt(0).long()
    contest = training_contest(tiny_model(7).train(), IMAGES, labels, rounds=1, progress=False)
    assert list(contest.entries) == ["written plainly", "swinviz", "transformers"]
    assert max(entry.difference for entry in contest.entries.values()) < 1e-4


def test_capturing_changes_no_logit() -> None:
    contest = capture_contest(tiny_model(7), IMAGES, rounds=1, progress=False)
    assert list(contest.entries) == ["nothing captured", "a pattern of stage 0", "a pattern of stage 3"]
    assert max(entry.difference for entry in contest.entries.values()) < 1e-5


def test_the_peer_can_be_left_out() -> None:
    contest = model_contest(tiny_model(7), IMAGES, rounds=1, peer=False, progress=False)
    assert contest.reference == "swinviz"


def test_scaling_measures_every_shape_and_is_drawn_with_the_line() -> None:
    measured = scaling(tiny_model(7), shapes=((1, 32), (1, 64), (3, 32)), rounds=1)
    assert set(measured) == {(1, 32), (1, 64), (3, 32)}
    assert all(seconds > 0 for seconds in measured.values())
    line = plot_scaling({(1, 100): 1.0, (1, 200): 5.0, (2, 100): 2.0}).axes[0].lines[0]
    assert line.get_xdata().tolist() == [10_000, 20_000, 40_000]
    assert line.get_ydata().tolist() == [1.25, 2.5, 5.0]


def test_the_command_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "model", "capture", "--preset", "nano", "--size", "64", "--rounds", "1", "--no-peer"]
    assert main([*words, "-o", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["preset"] == "nano"
    assert report["model"]["entries"]["swinviz"]["seconds"] > 0
    assert set(report) >= {"model", "capture", "roof"}
    assert "head" not in report
    assert "of roof" in capsys.readouterr().out


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "bodywork"]) == 2
    assert "bodywork" in capsys.readouterr().err
