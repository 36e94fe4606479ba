"""A run that is stopped, killed or starved of disk goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
import torch
from support.training_runs import RECIPE, run, weights

from swinviz import SwinUPerNet, training
from swinviz.errors import CheckpointError
from swinviz.training import JsonLines, StepReport


class PowerCutError(Exception):
    """Raised in the middle of a run, as a power cut would be."""


class StopAt:
    """A callback that ends the run at a step, by an exception or a signal."""

    def __init__(self, step: int, number: int = 0) -> None:
        self.last, self.number = step, number

    def begin(self, first_step: int, max_iters: int) -> None: ...

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        if report.step == self.last:
            if not self.number:
                raise PowerCutError
            os.kill(os.getpid(), self.number)

    def end(self) -> None: ...


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different


def losses(folder: Path) -> list[tuple[int, float]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [(entry["step"], entry["loss"]) for entry in map(json.loads, lines)]


@pytest.mark.parametrize("stop", [0, 2, 7, 11])
def test_run_cut_off_at_a_step_ends_with_the_same_bits(tmp_path: Path, stop: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir(), cut.mkdir()
    expected = run(whole, callbacks=(JsonLines(whole / "log.jsonl"),))
    with pytest.raises(PowerCutError):
        run(cut, callbacks=(JsonLines(cut / "log.jsonl"), StopAt(stop)))
    torch.rand(3)  # other use of the generator in between
    resumed = run(cut, callbacks=(JsonLines(cut / "log.jsonl"),))
    assert_same(weights(resumed), weights(expected))
    assert losses(cut) == losses(whole)
    assert [step for step, _ in losses(cut)] == list(range(12))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_saves_the_step_and_ends_the_run_in_order(tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    result = run(tmp_path, save_every=100, callbacks=(StopAt(4, number),))
    assert (result.steps, result.finished) == (5, False)
    assert [file.name for file in training.state.state_files(tmp_path)] == ["state-00000005.pt"]
    assert_same(weights(run(tmp_path)), weights(run()))
    assert signal.getsignal(number) is before


def test_only_the_last_two_states_are_kept_and_the_model_beside_them(tmp_path: Path) -> None:
    run(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir() if not file.name.startswith(".")) == [
        "model.safetensors",
        "state-00000009.pt",
        "state-00000012.pt",
    ]


def test_damaged_state_is_passed_over_for_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path)
    newest = training.state.state_files(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:1000])
    assert_same(weights(run(tmp_path)), weights(run()))
    assert "state-00000012.pt cannot be read" in caplog.text


def test_newest_state_is_the_last_step_whatever_the_clock_says(tmp_path: Path) -> None:
    with pytest.raises(PowerCutError):
        run(tmp_path, callbacks=(StopAt(10),))
    for file, year in zip(training.state.state_files(tmp_path), (1971, 2099), strict=True):
        seconds = (year - 1970) * 365 * 86400
        os.utime(file, (seconds, seconds))
    run(tmp_path, callbacks=(JsonLines(tmp_path / "log.jsonl"),))
    assert losses(tmp_path)[0][0] == 9, "it went on from an older state"


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".swinviz-0123456789abcdef.pt").write_bytes(b"half")
    run(tmp_path)
    assert not list(tmp_path.glob(".swinviz-*"))


def test_state_of_another_recipe_is_refused_by_name_and_value(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(CheckpointError, match=r"learning_rate 0\.001 -> 0\.1"):
        run(tmp_path, replace(RECIPE, learning_rate=0.1))


def test_full_disk_leaves_the_state_before_and_lets_the_run_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = torch.save

    def full_after_step_6(state: dict[str, object], file: IO[bytes]) -> None:
        write(state, file)
        if state["step"] != 6:
            file.truncate(5000)
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_after_step_6)
    assert run(tmp_path).finished
    assert [file.name for file in tmp_path.glob("*.pt")] == ["state-00000006.pt"]
    assert "No space left on device" in caplog.text
    monkeypatch.undo()
    assert_same(weights(run(tmp_path)), weights(run()))


def test_workers_change_nothing_in_the_weights() -> None:
    assert_same(weights(run(workers=2)), weights(run()))


@pytest.mark.slow
def test_killed_five_times_at_random_times_gives_the_same_bits(tmp_path: Path) -> None:
    """kill -9, which no handler sees, while steps are taken, states written and workers busy."""
    script, steps = Path(__file__).parents[1] / "support" / "training_runs.py", "60"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()

    def start(folder: Path, workers: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(script), str(folder), steps, workers]
        path = os.pathsep.join([str(script.parents[1]), str(script.parents[2])])
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})

    assert start(whole, "0").wait(timeout=300) == 0
    chance = random.Random(3)
    kills = 0
    while kills < 5:
        process = start(killed, "1")
        begun = time.monotonic()
        log, size = killed / "log.jsonl", -1
        while process.poll() is None and time.monotonic() - begun < 120:  # wait until it takes steps
            if log.exists() and size not in (-1, log.stat().st_size):
                break
            size = log.stat().st_size if log.exists() else -1
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.5))
        if process.poll() is not None:
            break  # it was faster than we are
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills >= 3
    assert start(killed, "0").wait(timeout=300) == 0
    assert_same(torch.load(killed / "final.pt"), torch.load(whole / "final.pt"))
    assert losses(killed) == losses(whole)
