"""Best models and patience, class weights, the learning-rate test, trackers, and run.toml."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from support.models import tiny_config, tiny_model
from support.training_runs import RECIPE, Stripes, noisy

from swinviz import SwinUPerNet
from swinviz.checkpoints import load, save
from swinviz.cli import main
from swinviz.errors import SwinvizError
from swinviz.training import Recipe, RunOptions, StepReport, TrainResult, train
from swinviz.training.class_weights import class_weights, count_classes
from swinviz.training.lr_finder import find_lr
from swinviz.training.trackers import MLflow


class Scores:
    """A validation that reports what it was given, and keeps the weights it saw."""

    def __init__(self, *values: float) -> None:
        self.values: Iterator[float] = iter(values)
        self.seen: list[torch.Tensor] = []

    def __call__(self, model: SwinUPerNet) -> dict[str, float]:
        self.seen.append(model.head.classifier.weight.detach().clone())
        return {"mIoU": next(self.values)}


def run_scored(folder: Path, scores: Scores, recipe: Recipe = RECIPE, patience: int = 0) -> TrainResult:
    torch.manual_seed(1)
    options = RunOptions(
        folder, save_every=4, log_every=1, validate_every=2, best_by="mIoU", patience=patience
    )
    return train(SwinUPerNet(tiny_config(3)), Stripes(), noisy, recipe, options, validation=scores)


def test_the_best_model_by_the_validation_is_kept(tmp_path: Path) -> None:
    scores = Scores(0.1, 0.5, 0.3, 0.5, 0.2, 0.4)
    result = run_scored(tmp_path, scores)
    assert result.finished
    assert result.steps == 12
    assert (result.best.value, result.best.step) == (0.5, 3)
    kept = load(tmp_path / "best.safetensors").head.classifier.weight
    assert torch.equal(kept, scores.seen[1])
    assert not torch.equal(kept, load(tmp_path / "model.safetensors").head.classifier.weight)


def test_patience_ends_a_run_and_a_second_start_has_nothing_to_do(tmp_path: Path) -> None:
    result = run_scored(tmp_path, Scores(0.5, 0.4, 0.3), patience=2)
    assert (result.finished, result.steps) == (True, 6)
    again = run_scored(tmp_path, Scores(), patience=2)
    assert (again.finished, again.steps, again.best.value) == (True, 6, 0.5)


def test_a_resumed_run_remembers_the_best(tmp_path: Path) -> None:
    """Killed by its validation at step 6, after the state of step 4 was saved."""
    with pytest.raises(StopIteration):
        run_scored(tmp_path, Scores(0.1, 0.9))
    result = run_scored(tmp_path, Scores(0.3, 0.2, 0.2, 0.2))
    assert (result.best.value, result.best.step) == (0.9, 3)


def test_patience_needs_something_to_wait_for() -> None:
    with pytest.raises(ValueError, match="best_by"):
        RunOptions(patience=3)
    with pytest.raises(ValueError, match="validate_every"):
        RunOptions(best_by="mIoU")


def test_a_figure_that_is_not_measured_is_refused_by_name(tmp_path: Path) -> None:
    options = RunOptions(tmp_path, log_every=1, validate_every=2, best_by="IoU")
    with pytest.raises(ValueError, match=r"no 'IoU': choose one of mIoU"):
        train(tiny_model(3), Stripes(), noisy, RECIPE, options, validation=Scores(0.1))


def test_inverse_weights_give_every_class_the_same_weight_in_all() -> None:
    dataset = Stripes()
    pixels, images = count_classes(dataset, 3, progress=False)
    by_hand = sum((np.bincount(dataset[i][1].ravel(), minlength=3) for i in range(len(dataset))), np.zeros(3))
    np.testing.assert_array_equal(pixels, by_hand)
    np.testing.assert_array_equal(images, [10, 5, 5])
    weights = np.array(class_weights("inverse", pixels, images))
    np.testing.assert_allclose(weights * pixels, pixels.sum() / 3, rtol=2e-3)


def test_effective_weights_are_cuis() -> None:
    """Table of Cui et al. 2019's formula by hand: (1 - b) / (1 - b^n), b = 0.999, scaled to a mean of 1."""
    raw = [0.001 / (1 - 0.999**n) for n in (1000, 10)]
    expected = [value / np.mean(raw) for value in raw]
    weights = class_weights("effective", [1, 1, 0], [1000, 10, 0])
    np.testing.assert_allclose(weights, [*expected, 1.0], atol=6e-4)


def test_the_learning_rate_test_falls_then_rises_and_leaves_the_model_alone() -> None:
    torch.manual_seed(2)
    model = tiny_model(3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    curve = find_lr(model, Stripes(), noisy, RECIPE, lowest=1e-5, highest=100.0, steps=40, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    ratios = np.diff(np.log(curve.rates))
    np.testing.assert_allclose(ratios, np.log(100 / 1e-5) / 39)
    lowest = int(np.argmin(curve.smoothed))
    assert curve.smoothed[0] > curve.smoothed[lowest] < curve.smoothed[-1]
    assert curve.rates[0] < curve.suggestion <= curve.rates[lowest]
    # The running mean without the bias of its start, from its definition.
    weights = 0.9 ** np.arange(len(curve.losses))[::-1]
    assert curve.smoothed[-1] == pytest.approx(np.average(curve.losses, weights=weights))


class Ledger:
    """Stands where MLflow is not installed, and writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def start_run(self, run_id: str | None = None) -> SimpleNamespace:
        self.calls.append(("start", run_id))
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id or "r1"))

    def log_params(self, params: dict[str, Any]) -> None:
        self.calls.append(("params", params["learning_rate"]))

    def log_metrics(self, figures: dict[str, float], step: int) -> None:
        self.calls.append(("metrics", step, figures))

    def end_run(self) -> None:
        self.calls.append(("end",))


def test_a_resumed_run_goes_on_in_the_trackers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    monkeypatch.setitem(sys.modules, "mlflow", ledger)
    report = StepReport(4, 0.5, 1e-3, float("nan"), 8.0, 1.0, {"held-out mIoU": 0.25})
    for _ in range(2):
        tracker = MLflow(tmp_path, RECIPE)
        tracker.begin(0, 12)
        tracker.step(report, tiny_model())
        tracker.end()
    figures = {"loss": 0.5, "lr": 1e-3, "images_per_second": 8.0, "memory_gb": 1.0, "held-out_mIoU": 0.25}
    once = [("metrics", 4, figures), ("end",)]
    assert ledger.calls == [("start", None), ("params", 1e-3), *once, ("start", "r1"), *once]


def test_a_tracker_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SwinvizError, match="pip install mlflow"):
        MLflow(tmp_path, RECIPE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images with masks."""
    stripes = Stripes(size=64)
    for kind in ("images", "masks"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
    for index in range(5):
        image, labels = stripes[index]
        Image.fromarray(image).save(tmp_path / "mine" / "images" / f"{index}.png")
        Image.fromarray(labels).save(tmp_path / "mine" / "masks" / f"{index}.png")
    (tmp_path / "mine" / "labels.txt").write_text("\n".join(Stripes.classes))
    return tmp_path / "mine"


def command(*arguments: object) -> int:
    return main(["train", *map(str, arguments), "--workers", "0", "--device", "cpu"])


def test_a_run_writes_the_file_that_repeats_it(folder: Path, tmp_path: Path) -> None:
    start = save(tiny_model(3), tmp_path / "tiny.safetensors")
    options = ["--model", start, "--iterations", 2, "--batch", 2, "--crop", 64, "--lr", 1e-3, "--clip", 1]
    chosen = ["--loss", "cross_entropy + 0.5*dice", "--class-weights", "inverse", "--schedule", "cosine"]
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    assert command(folder, "-o", first, *options, *chosen) == 0
    assert command("--config", first / "run.toml", "-o", second) == 0
    assert (second / "run.toml").read_bytes() == (first / "run.toml").read_bytes()
    once, twice = (load_file(run / "model.safetensors") for run in (first, second))
    assert all(torch.equal(once[name], twice[name]) for name in once)
    # What is said beside the file counts, and a warm-up that no longer fits gives way.
    assert command("--config", first / "run.toml", "-o", third, "--lr", 1e-4, "--iterations", 1) == 0
    said = (third / "run.toml").read_text()
    assert "learning_rate = 0.0001" in said
    assert 'schedule = "cosine"' in said
    other = load_file(third / "model.safetensors")
    assert not all(torch.equal(once[name], other[name]) for name in once)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("data = [", "is no TOML file"),
        ("recipe = 3", "write a table"),
        ("[recipe]\nrate = 3", "holds rate, which no run has"),
        ('[recipe]\nlearning_rate = "fast"', "write a value of type float"),
        ("[recipe]\nclass_weights = [1.0, true]", "write a value of type tuple"),
        ("colour = 3", "holds colour, which no run has"),
        ("", "give the data to train on"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    (tmp_path / "run.toml").write_text(text)
    assert command("--config", tmp_path / "run.toml", "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize("weights", ["1,2", "balanced", "1,2,x"])
def test_class_weights_that_fit_no_class_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], weights: str
) -> None:
    start = save(tiny_model(3), tmp_path / "tiny.safetensors")
    assert command(folder, "-o", tmp_path / "out", "--model", start, "--class-weights", weights) == 2
    assert "give 3 numbers" in capsys.readouterr().err


def test_find_lr_draws_the_curve_and_trains_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = save(tiny_model(3), tmp_path / "tiny.safetensors")
    out = tmp_path / "out"
    assert command(folder, "-o", out, "--model", start, "--batch", 2, "--crop", 64, "--find-lr") == 0
    assert [path.name for path in out.iterdir()] == ["lr.png"]
    with Image.open(out / "lr.png") as drawn:
        assert min(drawn.size) > 300
    assert "steepest at --lr" in capsys.readouterr().out


def test_replaced_recipes_keep_their_checks() -> None:
    for changes, says in (
        ({"schedule": "stairs"}, "choose one of linear"),
        ({"power": 0.0}, "power above 0"),
        ({"label_smoothing": 1.0}, "not including, 1"),
        ({"layer_decay": 0.0}, "above 0 up to 1"),
        ({"clip_norm": -1.0}, "at least 0"),
        ({"class_weights": (-1.0,)}, "at least 0"),
        ({"loss": "hinge"}, "is none of"),
    ):
        with pytest.raises(ValueError, match=says):
            replace(RECIPE, **changes)
