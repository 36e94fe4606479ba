"""The benchmark compares like with like and reports what it measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from models import tiny_model

from swinviz.benchmark import benchmark, scaling
from swinviz.cli import main


def test_all_contestants_give_the_same_logits_and_their_figures_are_of_one_run() -> None:
    result = benchmark(tiny_model(7), size=(64, 64), rounds=3, progress=False)
    entries = dict(result.entries)
    assert entries["transformers"].speedup == 1.0
    assert max(entry.difference for name, entry in entries.items() if "bfloat16" not in name) < 1e-4
    assert all(entry.seconds > 0 and entry.gflops > 0 for entry in entries.values())
    # One count of operations for all: rate times time is the same.
    assert len({round(entry.gflops * entry.seconds, 6) for entry in entries.values()}) == 1
    assert "transformers" in result.table()


def test_the_peer_can_be_left_out() -> None:
    result = benchmark(tiny_model(7), size=(32, 32), rounds=1, peer=False, progress=False)
    assert all(math.isnan(entry.speedup) for entry in result.entries.values())


def test_scaling_measures_every_side() -> None:
    measured = scaling(tiny_model(7), sides=(32, 64), rounds=1)
    assert set(measured) == {32, 64}
    assert all(seconds > 0 for seconds in measured.values())


def test_the_command_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--preset", "nano", "--size", "64", "--rounds", "1", "--no-peer", "-o", str(tmp_path)]
    assert main(words) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["preset"] == "nano"
    assert report["shape"] == [1, 3, 64, 64]
    assert "of roof" in capsys.readouterr().out
