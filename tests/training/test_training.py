"""The run as a whole: it learns, it can be watched, and it says what is wrong."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.models import tiny_config, tiny_model
from support.training_runs import RECIPE, Stripes, noisy, run, weights
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import swinviz
from swinviz import SwinUPerNet
from swinviz.model.swin import DropPath
from swinviz.training import (
    DistributedContext,
    JsonLines,
    NotANumberError,
    ProgressBar,
    RunOptions,
    StepReport,
    train,
)
from swinviz.training.callbacks import TensorBoard, batch_miou
from swinviz.training.classes import with_classes
from swinviz.training.loop import Validation
from swinviz.training.step import TrainStep, average_into
from swinviz.training.stream import TensorSample


class Notebook:
    """A callback that keeps everything it is told."""

    def __init__(self) -> None:
        self.reports: list[StepReport] = []
        self.calls: list[str] = []

    def begin(self, first_step: int, max_iters: int) -> None:
        self.calls.append(f"begin {first_step} {max_iters}")

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        self.reports.append(report)

    def end(self) -> None:
        self.calls.append("end")


def test_loss_falls_and_miou_rises_on_something_easy() -> None:
    seen = Notebook()
    run(recipe=replace(RECIPE, max_iters=100, learning_rate=3e-3), callbacks=(seen,))
    first, last = seen.reports[:5], seen.reports[-5:]
    assert np.mean([m.loss for m in last]) < 0.75 * np.mean([m.loss for m in first])
    assert np.mean([m.miou for m in last]) > np.mean([m.miou for m in first]) + 0.2
    assert seen.calls == ["begin 0 100", "end"]


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_validation_changes_nothing_of_what_is_learned(ema_decay: float) -> None:
    """It puts the model into evaluation mode; left there, batch normalization would stand still."""
    recipe = replace(RECIPE, max_iters=6, ema_decay=ema_decay)
    modes: list[bool] = []

    def validation(model: SwinUPerNet) -> dict[str, float]:
        modes.append(model.training)
        model(torch.zeros(1, 3, 32, 32))
        return {"mIoU": 0.5}

    def learned(validate_every: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        options = RunOptions(log_every=1, validate_every=validate_every)
        return weights(
            train(SwinUPerNet(tiny_config(3)), Stripes(), noisy, recipe, options, validation=validation)
        )

    alone, validated = learned(0), learned(2)
    assert modes == [False] * 3
    assert all(torch.equal(value, alone[name]) for name, value in validated.items())


def test_callbacks_end_when_the_run_fails() -> None:
    class Failing(Notebook):
        def step(self, report: StepReport, model: SwinUPerNet) -> None:
            raise RuntimeError

    failing = Failing()
    with pytest.raises(RuntimeError):
        run(callbacks=(failing,))
    assert failing.calls[-1] == "end"


def test_watching_changes_nothing(tmp_path: Path) -> None:
    watched = run(callbacks=(Notebook(), JsonLines(tmp_path / "log.jsonl"), ProgressBar()))
    alone = run()
    assert all(
        torch.equal(a, b) for a, b in zip(weights(watched).values(), weights(alone).values(), strict=True)
    )


def test_tensorboard_gets_every_figure_of_every_step(tmp_path: Path) -> None:
    seen = Notebook()
    run(callbacks=(seen, TensorBoard(tmp_path)))
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("loss", "lr", "miou", "images_per_second", "memory_gb"):
        written = [(event.step, event.value) for event in events.Scalars(name)]
        assert written == [(m.step, pytest.approx(getattr(m, name), rel=1e-6)) for m in seen.reports], name


@pytest.mark.slow
def test_a_compiled_run_loses_what_a_plain_one_loses() -> None:
    plain, compiled = Notebook(), Notebook()
    brief = replace(RECIPE, max_iters=3, warmup_iters=0, learning_rate=1e-4)
    run(recipe=brief, steady=True, callbacks=(plain,))
    run(recipe=brief, steady=True, callbacks=(compiled,), compiled=True)
    torch.compiler.reset()
    losses = [[report.loss for report in seen.reports] for seen in (plain, compiled)]
    assert losses[1][0] == pytest.approx(losses[0][0], abs=1e-4)
    # Then they drift apart: Adam's steps have the size of the rate even where a gradient is mere rounding.
    assert losses[1] == pytest.approx(losses[0], abs=0.1)


def test_validation_is_measured_when_due_and_the_model_trains_on() -> None:
    seen, modes = Notebook(), []

    def measure(model: SwinUPerNet) -> dict[str, float]:
        modes.append(model.training)
        return {"val mIoU": 0.5}

    recipe = replace(RECIPE, ema_decay=0.0)
    options = RunOptions(log_every=1, validate_every=5)
    model = SwinUPerNet(tiny_config())
    train(model, Stripes(), noisy, recipe, options, callbacks=(seen,), validation=measure)
    assert [report.step for report in seen.reports if report.scores] == [4, 9, 11]
    assert modes == [False] * 3


def test_validation_leaves_the_model_training_and_its_weights_as_they_would_be() -> None:
    """Without an average, what is validated is the model itself."""
    recipe = replace(RECIPE, ema_decay=0.0)

    def weights_with(validation: Validation | None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        options = RunOptions(log_every=1, validate_every=1)
        model = SwinUPerNet(tiny_config())
        modes = []

        class Mode(Notebook):
            def step(self, report: StepReport, model: SwinUPerNet) -> None:
                modes.append(model.training)

        train(model, Stripes(), noisy, recipe, options, callbacks=(Mode(),), validation=validation)
        assert modes == [True] * 12
        return model.state_dict()

    plain, validated = weights_with(None), weights_with(lambda model: {"zero": 0.0})
    assert all(torch.equal(value, plain[name]) for name, value in validated.items())


def test_log_has_one_line_of_plain_numbers_a_moment(tmp_path: Path) -> None:
    run(callbacks=(JsonLines(tmp_path / "log.jsonl"),))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(12))
    assert lines[0]["lr"] == pytest.approx(1e-3 * 1e-6)
    assert {"loss", "lr", "miou", "images_per_second", "memory_gb"} <= lines[0].keys()


def test_log_cut_off_in_a_line_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 0, "loss": 1}\n{"step": 1, "loss": 1}\n{"step": 2, "lo')
    JsonLines(path).begin(1, 10)
    assert path.read_text() == '{"step": 0, "loss": 1}\n'


def test_log_on_a_full_disk_costs_lines_and_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.jsonl"
    path.symlink_to("/dev/full")  # begin() would put a file in its place
    log = JsonLines(path)
    log.step(StepReport(3, 1.0, 1e-3, 0.5, 9.0, 0.1, {}), tiny_model())
    assert "step 3 could not be written to log.jsonl" in caplog.text


def test_log_is_mended_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 0}\n{"step": 1}\n')

    def full(self: Path, *arguments: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        JsonLines(path).begin(1, 10)
    assert path.read_text() == '{"step": 0}\n{"step": 1}\n'


def test_batch_miou_equals_a_count_by_hand() -> None:
    predicted = torch.tensor([[[0, 0, 1, 1, 2]]])
    labels = torch.tensor([[[0, 1, 1, 255, 0]]])
    logits = torch.nn.functional.one_hot(predicted, 4).movedim(-1, 1).float()
    # class 0: 1 of {0, 1, 4}; class 1: 1 of {1, 2}; class 2: 0 of {4}; class 3 nowhere
    assert batch_miou(logits, labels) == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)


def test_loss_that_is_no_number_stops_with_step_files_and_advice() -> None:
    model = tiny_model()
    with torch.no_grad():
        model.head.classifier.bias[0] = float("nan")
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    says = r"nan at step 0, on .*stripes_\d\.png.*learning rate below 0\.001"
    with pytest.raises(NotANumberError, match=says):
        train(model, Stripes(), noisy, RECIPE)
    assert all(torch.equal(before[name], value) for name, value in model.backbone.state_dict().items())


def test_image_without_labels_adds_nothing_and_breaks_nothing() -> None:
    class Unlabeled(Stripes):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            image, labels = super().__getitem__(index)
            return image, np.full_like(labels, 255)

    seen = Notebook()
    train(SwinUPerNet(tiny_config()), Unlabeled(), noisy, RECIPE, RunOptions(log_every=1), callbacks=(seen,))
    assert all(report.loss == 0.0 for report in seen.reports)


def test_accumulating_parts_gives_the_gradient_of_the_whole_batch_where_norms_agree() -> None:
    """Equal halves: then each part's batch statistics are those of the whole."""
    # With some seeds the two images pool to nearly the same values, whose normalization magnifies rounding.
    torch.manual_seed(4)
    half = torch.randn(2, 3, 32, 32)
    labels = torch.randint(0, 3, (2, 32, 32))

    def after_a_step(batch: list[TensorSample], gradient_accumulation_steps: int) -> dict[str, torch.Tensor]:
        model = tiny_model()
        for module in model.modules():
            if isinstance(module, DropPath):
                module.rate = 0.0
            if isinstance(module, torch.nn.Dropout2d):
                module.p = 0.0
        recipe = replace(
            RECIPE, warmup_iters=0, gradient_accumulation_steps=gradient_accumulation_steps, ema_decay=0.0
        )
        train_step = TrainStep(model, recipe, DistributedContext())
        train_step.run(0, iter(batch))
        return {name: train_step.optimizer.state[p]["exp_avg"] for name, p in model.named_parameters()}

    parts = after_a_step(
        [TensorSample(half, labels, "a"), TensorSample(half, labels, "b")], gradient_accumulation_steps=2
    )
    whole = after_a_step(
        [TensorSample(half.repeat(2, 1, 1, 1), labels.repeat(2, 1, 1), "ab")], gradient_accumulation_steps=1
    )
    for name in parts:
        torch.testing.assert_close(parts[name], whole[name], atol=1e-6, rtol=1e-3, msg=name)


def test_recomputing_activations_changes_no_bit() -> None:
    plain, recomputed = run(), run(activation_checkpointing=True)
    assert weights(plain).keys() == weights(recomputed).keys()
    for ours, theirs in zip(weights(plain).values(), weights(recomputed).values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_stays_near_float32(precision: str) -> None:
    full, mixed = Notebook(), Notebook()
    run(callbacks=(full,))
    run(recipe=replace(RECIPE, precision=precision), callbacks=(mixed,))
    assert [m.loss for m in mixed.reports] == pytest.approx([m.loss for m in full.reports], rel=0.25)
    assert [m.loss for m in mixed.reports] != [m.loss for m in full.reports]


def test_average_is_the_weighted_mean_by_hand() -> None:
    mean, model = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        mean.weight.fill_(1.0), model.weight.fill_(2.0)
    average_into(mean, model, decay=0.9, step=0)
    assert mean.weight.item() == pytest.approx(0.1 * 1 + 0.9 * 2)  # (1 + 0) / (10 + 0) of the old
    average_into(mean, model, decay=0.9, step=1000)
    assert mean.weight.item() == pytest.approx(0.9 * 1.9 + 0.1 * 2)


def test_saved_model_is_the_average_and_can_be_loaded(tmp_path: Path) -> None:
    result = run(tmp_path)
    loaded = swinviz.checkpoints.load(tmp_path / "model.safetensors")
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in weights(result).items())
    assert not result.model.training


class TestOtherClasses:
    def test_classifier_starts_anew_and_the_message_says_so(self, caplog: pytest.LogCaptureFixture) -> None:
        model = tiny_model(classes=3)
        with caplog.at_level(logging.WARNING):
            adapted = with_classes(model, ("wall", "class 1"))
        assert adapted.config.classes == ("wall", "class 1")
        assert "re-initialized for 2 classes instead of 3; it keeps what it knows of class 1" in caplog.text
        assert torch.equal(adapted.head.classifier.weight[1], model.head.classifier.weight[1])
        assert not torch.equal(adapted.head.classifier.weight[0], model.head.classifier.weight[0])

    def test_everything_before_the_classifier_is_kept(self) -> None:
        model = tiny_model()
        adapted = with_classes(model, ("a", "b", "c", "d"))
        for name, value in model.state_dict().items():
            if "classifier" not in name:
                assert torch.equal(adapted.state_dict()[name], value), name

    def test_same_classes_give_the_same_model_without_a_message(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        model = tiny_model()
        adapted = with_classes(model, model.config.classes)
        x = torch.randn(1, 3, 32, 32)
        torch.testing.assert_close(adapted(x), model(x), atol=1e-5, rtol=1e-4)
        assert all(
            torch.equal(value, model.state_dict()[name]) for name, value in adapted.state_dict().items()
        )
        assert not caplog.records
