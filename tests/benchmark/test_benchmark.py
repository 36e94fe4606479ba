"""The benchmark compares like with like and reports what it measured."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from support.models import tiny_model
from torch.utils.flop_counter import FlopCounterMode

from swinviz.benchmark import benchmark_capture, benchmark_head, benchmark_model, benchmark_training, scaling
from swinviz.benchmark.measurement import measure
from swinviz.cli import main
from swinviz.plots.benchmark import plot_scaling

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_ratios_and_differences_are_against_the_first_and_the_exact() -> None:
    def after(seconds: float, value: float) -> torch.Tensor:
        time.sleep(seconds)
        return torch.tensor([value])

    runs = {"slow": lambda: after(0.06, 1.0), "quick": lambda: after(0.02, 1.5)}
    benchmark = measure(
        "naps",
        runs,
        torch.device("cpu"),
        exact=torch.tensor([1.25]),
        rounds=3,
        operations=6e9,
        progress=False,
    )
    assert benchmark.reference == "slow"
    assert benchmark.measurements["slow"].speedup == 1.0
    assert 1.2 < benchmark.measurements["quick"].speedup <= 4.0
    assert benchmark.measurements["quick"].difference == 0.25
    assert benchmark.gflops("slow") == pytest.approx(6 / benchmark.measurements["slow"].seconds)
    assert "of peak" in benchmark.table(peak=100.0)
    assert "of peak" not in benchmark.table()


@pytest.mark.parametrize("compare", [benchmark_model, benchmark_head])
def test_all_contestants_give_the_same_logits(compare: object) -> None:
    benchmark = compare(tiny_model(7), IMAGES, rounds=1, progress=False)
    assert benchmark.reference == "transformers"
    exact = {
        name: measurement for name, measurement in benchmark.measurements.items() if "bfloat16" not in name
    }
    assert len(exact) == 3
    assert max(measurement.difference for measurement in exact.values()) < 1e-4
    assert all(measurement.seconds > 0 for measurement in benchmark.measurements.values())


def test_the_operations_counted_are_those_of_the_plain_way() -> None:
    model = tiny_model(7)
    head = benchmark_head(model, IMAGES, rounds=1, baseline=False, progress=False)
    whole = benchmark_model(model, IMAGES, rounds=1, baseline=False, progress=False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features = model.features(IMAGES)
    backbone = counter.get_total_flops()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.decode(features)
    assert head.operations == counter.get_total_flops()
    assert whole.operations == head.operations + backbone


def test_everybody_minimizes_the_same_loss() -> None:
    labels = IMAGES[:, 0].gt(0).long()
    benchmark = benchmark_training(tiny_model(7).train(), IMAGES, labels, rounds=1, progress=False)
    assert list(benchmark.measurements) == ["written plainly", "swinviz", "transformers"]
    assert max(measurement.difference for measurement in benchmark.measurements.values()) < 1e-4


def test_capturing_changes_no_logit() -> None:
    benchmark = benchmark_capture(tiny_model(7), IMAGES, rounds=1, progress=False)
    assert list(benchmark.measurements) == [
        "nothing captured",
        "a pattern of stage 0",
        "a pattern of stage 3",
    ]
    assert max(measurement.difference for measurement in benchmark.measurements.values()) < 1e-5


def test_the_peer_can_be_left_out() -> None:
    benchmark = benchmark_model(tiny_model(7), IMAGES, rounds=1, baseline=False, progress=False)
    assert benchmark.reference == "swinviz"


def test_scaling_measures_every_shape_and_is_drawn_with_the_line() -> None:
    measured = scaling(tiny_model(7), shapes=((1, 32), (1, 64), (3, 32)), rounds=1)
    assert set(measured) == {(1, 32), (1, 64), (3, 32)}
    assert all(seconds > 0 for seconds in measured.values())
    line = plot_scaling({(1, 100): 1.0, (1, 200): 5.0, (2, 100): 2.0}).axes[0].lines[0]
    assert line.get_xdata().tolist() == [10_000, 20_000, 40_000]
    assert line.get_ydata().tolist() == [1.25, 2.5, 5.0]


def test_the_command_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "bench",
        "model",
        "capture",
        "--preset",
        "nano",
        "--size",
        "64",
        "--rounds",
        "1",
        "--no-baseline",
    ]
    assert main([*words, "-o", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["preset"] == "nano"
    assert report["model"]["measurements"]["swinviz"]["seconds"] > 0
    assert set(report) >= {"model", "capture", "peak"}
    assert "head" not in report
    assert "of peak" in capsys.readouterr().out


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "bodywork"]) == 2
    assert "bodywork" in capsys.readouterr().err
