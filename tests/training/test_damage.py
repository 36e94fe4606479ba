"""Damaged states, damaged logs, full disks, two trainers in one folder: never silently wrong."""

from __future__ import annotations

import copy
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.models import tiny_model
from support.training_faults import damaged, full_disk
from support.training_runs import RECIPE, run, weights
from torch import nn

from swinviz import SwinUPerNet
from swinviz.checkpoints import convert, save, to_hub_format
from swinviz.errors import CheckpointError, SwinvizError
from swinviz.training import JsonLines, StepReport
from swinviz.training.callbacks import TensorBoard
from swinviz.training.state import TrainingState, state_files


@dataclass(frozen=True)
class Saved:
    """Two states of one run, as bytes by file name, and what they hold, by step."""

    files: dict[str, bytes]
    holds: dict[int, dict[str, Any]]

    def write(self, folder: Path) -> list[Path]:
        folder.mkdir(exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return state_files(folder)


def small_parts(step: int, outputs: int = 3) -> dict[str, Any]:
    """The parts of a run in small, after some steps: a real optimizer with its moments, few files to read."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 60), nn.Linear(60, outputs))
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(step):
        optimizer.zero_grad()
        model(torch.randn(2, 40)).square().sum().backward()
        optimizer.step()
    average = copy.deepcopy(model)
    return {"model": model, "average": average, "optimizer": optimizer, "scaler": torch.amp.GradScaler("cpu")}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("saved")
    for step in (9, 12):
        state = TrainingState(RECIPE, small_parts(step))
        state.save(folder, state.snapshot(step))
    files = {path.name: path.read_bytes() for path in state_files(folder)}
    states = [torch.load(path, weights_only=True) for path in state_files(folder)]
    return Saved(files, {state["step"]: state for state in states})


def equal(ours: Any, theirs: Any) -> bool:
    """Compare nested dictionaries and lists of tensors and plain values, bit by bit."""
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(equal(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return bool(ours == theirs)


def assert_holds(parts: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, part in parts.items():
        assert equal(part.state_dict(), expected[name]), name


def check_damage(saved: Saved, folder: Path, seeds: range) -> dict[int | None, int]:
    """Resume from damaged newest states; count what came of it."""
    ours = small_parts(0)
    came: dict[int | None, int] = {}
    for seed in seeds:
        newest = saved.write(folder)[0]
        content, how = damaged(newest.read_bytes(), seed)
        newest.write_bytes(content)
        step = resumed_or_refused(saved, folder, ours, how)
        came[step] = came.get(step, 0) + 1
    return came


def resumed_or_refused(saved: Saved, folder: Path, parts: dict[str, Any], how: str) -> int | None:
    """Resume; return the step, at which all is as it was saved, or None for a refusal in one sentence."""
    refusal = ""
    try:
        step = TrainingState(RECIPE, parts).resume(folder)
    except CheckpointError as error:
        refusal = str(error)
    if refusal:
        assert "\n" not in refusal, how
        return None
    assert step in saved.holds, how
    assert_holds(parts, saved.holds[step])
    return step


def test_a_damaged_state_is_never_silently_wrong(saved: Saved, tmp_path: Path) -> None:
    came = check_damage(saved, tmp_path, range(60))
    assert came[9] >= 40, came


@pytest.mark.slow
def test_240_more_damaged_states_are_never_silently_wrong(saved: Saved, tmp_path: Path) -> None:
    print(check_damage(saved, tmp_path, range(60, 300)))


def test_every_tensor_of_a_state_is_checked(saved: Saved, tmp_path: Path) -> None:
    """One bit in the middle of each tensor, which torch itself reads without a word."""
    newest = saved.write(tmp_path)[0]
    whole = newest.read_bytes()
    ours = small_parts(0)
    for tensor in (value for value in saved.holds[12]["model"].values() if value.numel() > 64):
        content = tensor.numpy().tobytes()
        place = whole.find(content)
        assert place > 0
        flipped = bytearray(whole)
        flipped[place + len(content) // 2] ^= 1
        newest.write_bytes(flipped)
        assert TrainingState(RECIPE, ours).resume(tmp_path) == 9


def test_no_readable_state_is_refused_and_not_a_fresh_start(saved: Saved, tmp_path: Path) -> None:
    for path in saved.write(tmp_path):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"none of the 2 states .* remove them"):
        run(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {},
        {"step": 12},
        {"step": "12", "recipe": {}},
        {"step": True, "recipe": {}},
        {"step": -1, "recipe": {}},
        {"step": 12, "recipe": None},
    ],
)
def test_a_file_that_is_no_state_is_passed_over(saved: Saved, tmp_path: Path, content: object) -> None:
    newest = saved.write(tmp_path)[0]
    torch.save(content, newest)
    assert TrainingState(RECIPE, small_parts(0)).resume(tmp_path) == 9


@pytest.mark.parametrize("part", ["model", "average", "optimizer", "scaler"])
@pytest.mark.parametrize("instead", [{}, None, 3, {"a": 1}, "missing"])
def test_a_state_whose_parts_do_not_fit_is_refused_or_passed_over(
    saved: Saved, tmp_path: Path, part: str, instead: object
) -> None:
    newest = saved.write(tmp_path)[0]
    state = {name: value for name, value in saved.holds[12].items() if name != part}
    torch.save(state if instead == "missing" else state | {part: instead}, newest)
    resumed_or_refused(saved, tmp_path, small_parts(0), f"{part}: {instead}")


def test_a_state_of_another_model_is_refused_in_one_sentence(saved: Saved, tmp_path: Path) -> None:
    saved.write(tmp_path)
    with pytest.raises(CheckpointError, match=r"another model.*empty folder") as refused:
        TrainingState(RECIPE, small_parts(0, outputs=5)).resume(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_damaged_line_of_the_log_does_not_block_resuming(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.jsonl"
    good = [b'{"step": 0, "loss": 1}\n', b'{"step": 1, "loss": 1}\n']
    bad = [b"\x00\x00\x00\n", b"\xff\xfe{}\n", b"[]\n", b"3\n", b'{"loss": 1}\n', b'{"step": "x"}\n', b"\n"]
    path.write_bytes(good[0] + b"".join(bad) + good[1] + b'{"step": 2, "lo')
    JsonLines(path).begin(2, 10)
    assert path.read_bytes() == b"".join(good)
    assert "7 damaged lines" in caplog.text


def test_full_disk_costs_states_and_not_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The disk's refusal is real: torch and safetensors report it with errors of their own."""
    run(tmp_path, save_every=6, callbacks=(StopAfter(6),))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with full_disk(20_000):
        assert run(tmp_path).finished
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert caplog.text.count("could not be saved") == 2  # steps 9 and 12
    assert "File too large" in caplog.text
    expected = weights(run())
    assert all(torch.equal(value, expected[name]) for name, value in weights(run(tmp_path)).items())


class StopAfter:
    """Ends a run after some steps, as a signal does."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def begin(self, first_step: int, max_iters: int) -> None: ...

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        if report.step == self.steps - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    def end(self) -> None: ...


@pytest.mark.parametrize("writes", ["save", "convert", "to_hub_format"])
def test_a_model_that_does_not_fit_on_the_disk_is_the_systems_error(tmp_path: Path, writes: str) -> None:
    source = save(tiny_model(7), tmp_path / "source.safetensors")
    out = tmp_path / "out"
    out.mkdir()
    write = {
        "save": lambda: save(tiny_model(7), out / "model.safetensors"),
        "convert": lambda: convert(source, out / "model.safetensors"),
        "to_hub_format": lambda: to_hub_format(tiny_model(7), out),
    }[writes]
    with full_disk(20_000), pytest.raises(OSError, match="File too large") as refused:
        write()
    assert refused.value.errno == 27
    assert not list(out.glob("*.safetensors"))
    assert not list(out.glob(".swinviz-*"))


def test_a_full_disk_costs_the_curves_and_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = TensorBoard(tmp_path)
    board.begin(0, 10)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    board.writer.add_scalar = full
    board.step(StepReport(3, 1.0, 1e-3, 0.5, 9.0, 0.1, {}), tiny_model())
    assert "step 3 could not be written to TensorBoard" in caplog.text
    board.end()


class TrainAgain:
    """Starts a second run in the same folder while the first is under way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refusals: list[str] = []

    def begin(self, first_step: int, max_iters: int) -> None: ...

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        if report.step not in (0, 7):
            return
        with pytest.raises(SwinvizError) as refused:
            run(self.folder, callbacks=(JsonLines(self.folder / "log.jsonl"),))
        self.refusals.append(str(refused.value))

    def end(self) -> None: ...


def test_two_trainers_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    again = TrainAgain(tmp_path)
    run(tmp_path, callbacks=(again, JsonLines(tmp_path / "log.jsonl")))
    assert len(again.refusals) == 2
    assert "another process trains in" in again.refusals[0]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(12))
    run(tmp_path)  # the lock is open again


def test_the_damages_differ_from_the_file(saved: Saved) -> None:
    content = next(iter(saved.files.values()))
    assert np.mean([damaged(content, seed)[0] != content for seed in range(60)]) > 0.95
