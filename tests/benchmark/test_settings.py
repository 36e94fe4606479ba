"""The search for settings keeps what is right, reports what fails, and takes the fastest of the rest."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from support.models import tiny_model

from swinviz import SwinUPerNet
from swinviz.benchmark import Setting, SettingsBenchmark, benchmark_settings
from swinviz.benchmark import settings as module
from swinviz.benchmark.settings import Trial, settings_for
from swinviz.cli import main

ONE = (1, 3, 8, 8)


def test_neither_what_failed_nor_what_is_wrong_is_chosen() -> None:
    plain = Trial(Setting("float32"), ONE, 4.0, 1.0, 1e-6, 0.5)
    wrong = Trial(Setting("float32", compile=True), ONE, 1.0, 1.0, 0.01, 0.9)
    rounded = Trial(Setting("bfloat16"), ONE, 3.0, 1.0, 0.01, 0.5)
    failed = Trial(Setting("bfloat16", compile=True), ONE, problem="RuntimeError: no compiler")
    other = Trial(Setting("float32"), (16, 3, 8, 8), 2.0, 1.0, 1e-6, 0.5)
    found = SettingsBenchmark((plain, wrong, rounded, failed, other))
    assert found.fastest(ONE) is rounded
    assert found.fastest((16, 3, 8, 8)) is other
    assert other.images_per_second == 8.0
    marks = [line[0] for line in found.table().splitlines() if "for_inference" in line]
    assert marks == [" ", "!", "*", "!", "*"]
    assert "no compiler" in found.table()


def test_calls_are_those_of_for_inference() -> None:
    assert Setting("float32").call == "for_inference()"
    setting = Setting("bfloat16", channels_last=True)
    prepared = setting.prepare(tiny_model(7))
    same = eval(f"tiny_model(7).{setting.call}")
    assert prepared.dtype is same.dtype is torch.bfloat16
    assert prepared.head.classifier.weight.is_contiguous(memory_format=torch.channels_last)


def test_what_a_processor_is_slow_at_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fast_precision", lambda _: "float32")
    settings = settings_for(torch.device("cpu"), compiled=False)
    assert settings == [Setting("float32"), Setting("float32", channels_last=True)]
    monkeypatch.setattr(module, "fast_precision", lambda _: "bfloat16")
    assert len(settings_for(torch.device("cuda"), compiled=True)) == 8


def test_a_setting_that_fails_or_gives_other_logits_does_not_end_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare = Setting.prepare

    def spoiled(setting: Setting, model: SwinUPerNet) -> SwinUPerNet:
        if setting.precision == "bfloat16" and setting.channels_last:
            raise RuntimeError("out of everything\nand more")
        prepared = prepare(setting, model)
        if setting.channels_last:
            prepared.head.classifier.bias.data += 100
        return prepared

    monkeypatch.setattr(module, "fast_precision", lambda _: "bfloat16")
    monkeypatch.setattr(module, "peak_gflops", lambda *_: 100.0)
    monkeypatch.setattr(Setting, "prepare", spoiled)
    monkeypatch.setitem(module._TOLERANCE, "bfloat16", 0.2)  # of a model as small as this one
    shapes = [(1, 64, 64), (2, 40, 56)]
    found = benchmark_settings(tiny_model(7), shapes, rounds=1, compiled=False, progress=False)
    assert [trial.right for trial in found.trials] == [True, False, True, False] * 2
    assert found.trials[3].problem == "RuntimeError: out of everything"
    assert math.isnan(found.trials[3].share_of_peak)
    assert found.fastest((2, 3, 40, 56)).shape == (2, 3, 40, 56)
    assert all(trial.seconds > 0 and trial.share_of_peak > 0 for trial in found.trials if trial.right)


def test_the_command_says_what_to_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "settings", "--preset", "nano", "--size", "64", "--rounds", "1", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())["settings"]
    assert [tuple(trial["shape"]) for trial in report["fastest"]] == [
        (1, 3, 64, 64),
        (2, 3, 64, 64),
        (1, 3, 240, 320),
    ]
    assert all(trial["right"] for trial in report["trials"] if trial["setting"]["precision"] == "float32")
    shown = capsys.readouterr().out
    assert "1x3x240x320: model.for_inference(" in shown
    assert "python app.py --device cpu --precision" in shown
