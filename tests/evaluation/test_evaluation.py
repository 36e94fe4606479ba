"""Evaluation against counts made pixel by pixel, crashes that are real, and processes that really run."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from swinviz.data.ade20k import ADE20K
from swinviz.errors import DatasetError, SwinvizError
from swinviz.evaluation import ConfusionCounts, Cost, Report, evaluate, measure_cost
from swinviz.evaluation.boundary_iou import boundary_band, boundary_width
from swinviz.evaluation.loading import prefetched
from swinviz.inference import MULTI_SCALE, InferenceOptions
from swinviz.model.config import ModelConfig
from swinviz.presets import build
from swinviz.segmenter import SwinUPerNet

CLASSES = ("sky", "sea", "sand", "rock", "boat")


# --- counting -------------------------------------------------------------------------------------


def label_maps(seed: int, classes: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A truth with ignored pixels and a prediction, from which some classes are absent."""
    rng = np.random.default_rng(seed)
    present = rng.permutation(classes)[: rng.integers(1, classes + 1)]
    truth, prediction = rng.choice(present, shape), rng.choice(present, shape)
    truth = np.where(rng.random(shape) < 0.5, prediction, truth)
    return np.where(rng.random(shape) < 0.1, 255, truth).astype(np.uint8), prediction.astype(np.uint8)


def iou_by_sets(pairs: list[tuple[np.ndarray, np.ndarray]], label: int) -> float:
    true, predicted = set(), set()
    for image, (truth, prediction) in enumerate(pairs):
        for y in range(truth.shape[0]):
            for x in range(truth.shape[1]):
                if truth[y, x] != 255:
                    if truth[y, x] == label:
                        true.add((image, y, x))
                    if prediction[y, x] == label:
                        predicted.add((image, y, x))
    return len(true & predicted) / len(true | predicted) if true | predicted else math.nan


@given(seed=st.integers(0, 2**31), classes=st.integers(1, 7))
def test_iou_equals_sets_of_pixels_with_ignored_pixels_and_absent_classes(seed: int, classes: int) -> None:
    pairs = [label_maps(seed + k, classes, (5 + k, 4)) for k in range(3)]
    counts = sum((ConfusionCounts.of(p, t, classes) for t, p in pairs), ConfusionCounts.empty(classes))
    metrics = counts.metrics()
    expected = [iou_by_sets(pairs, label) for label in range(classes)]
    np.testing.assert_allclose(metrics.iou, expected)  # NaN equals NaN here
    known = [value for value in expected if not math.isnan(value)]
    assert metrics.miou == pytest.approx(sum(known) / len(known))

    counted = [
        (t, p)
        for truth, prediction in pairs
        for t, p in zip(truth.flat, prediction.flat, strict=True)
        if t != 255
    ]
    assert metrics.aacc == pytest.approx(sum(t == p for t, p in counted) / len(counted))
    accuracies = []
    for label in range(classes):
        found = [p == label for t, p in counted if t == label]
        accuracies.append(sum(found) / len(found) if found else math.nan)
    np.testing.assert_allclose(metrics.accuracy, accuracies)
    assert metrics.macc == pytest.approx(np.nanmean(accuracies))


def test_a_class_that_is_predicted_but_not_there_counts_as_zero() -> None:
    metrics = ConfusionCounts.of(np.array([[0, 1]]), np.array([[0, 0]]), classes=3).metrics()
    np.testing.assert_allclose(metrics.iou, [0.5, 0.0, math.nan])
    np.testing.assert_allclose(metrics.accuracy, [0.5, math.nan, math.nan])
    assert metrics.miou == 0.25
    assert metrics.macc == 0.5


def test_an_image_without_any_label_says_nothing_instead_of_zero() -> None:
    metrics = ConfusionCounts.of(
        np.zeros((3, 3), np.uint8), np.full((3, 3), 255, np.uint8), classes=2
    ).metrics()
    assert all(
        math.isnan(value) for value in (metrics.miou, metrics.macc, metrics.aacc, metrics.mean_boundary_iou)
    )


def test_counts_do_not_overflow_over_a_whole_data_set() -> None:
    full = ConfusionCounts(np.full((2, 2), 2**40, np.int64), np.zeros((3, 2), np.int64))
    assert (full + full).confusion.dtype == np.int64
    assert (full + full).confusion[0, 0] == 2**41


def test_labels_and_predictions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"the labels have \(2, 2\) pixels and the prediction \(2, 3\)"):
        ConfusionCounts.of(np.zeros((2, 3)), np.zeros((2, 2)), 2)
    with pytest.raises(DatasetError, match="there is a label 7, but only 2 classes"):
        ConfusionCounts.of(np.zeros((1, 1), int), np.full((1, 1), 7), 2)


def official_boundary(mask: np.ndarray, width: int) -> np.ndarray:
    """The mask minus its erosion by `width` steps, beyond whose edge there is nothing (Cheng et al. 2021)."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return mask & ~eroded[1:-1, 1:-1].astype(bool)


def blobs(seed: int, shape: tuple[int, int], classes: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, classes, (max(1, shape[0] // 6), max(1, shape[1] // 6)))
    return cv2.resize(coarse.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)


@given(
    seed=st.integers(0, 2**31), height=st.integers(1, 40), across=st.integers(1, 40), width=st.integers(1, 6)
)
def test_the_boundary_band_is_each_mask_minus_its_erosion(
    seed: int, height: int, across: int, width: int
) -> None:
    labels = blobs(seed, (height, across), 4)
    expected = np.zeros(labels.shape, bool)
    for label in range(4):
        expected |= official_boundary(labels == label, width)
    np.testing.assert_array_equal(boundary_band(labels, width), expected)


@pytest.mark.parametrize("seed", range(4))
def test_boundary_iou_equals_the_official_definition_class_by_class(seed: int) -> None:
    both, either = np.zeros(4), np.zeros(4)
    counts = ConfusionCounts.empty(4)
    for image in range(3):
        shape = (150 + 20 * image, 130)
        truth, prediction = blobs(10 * seed + image, shape, 4), blobs(10 * seed + image + 5, shape, 4)
        prediction = np.where(blobs(seed, shape, 2) == 0, truth, prediction)
        width = round(0.02 * math.hypot(*shape))
        for label in range(4):
            in_truth = official_boundary(truth == label, width)
            in_prediction = official_boundary(prediction == label, width)
            both[label] += (in_truth & in_prediction).sum()
            either[label] += (in_truth | in_prediction).sum()
        counts += ConfusionCounts.of(prediction, truth, 4)
    np.testing.assert_allclose(counts.metrics().boundary_iou, both / either)


def test_the_boundary_is_2_percent_of_the_diagonal_wide() -> None:
    assert boundary_width((300, 400)) == 10
    assert boundary_width((1, 1)) == 1


def test_ignored_pixels_are_boundaries_in_neither_map_only() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[20:40, 20:40] = 255
    prediction = np.zeros((60, 60), np.uint8)
    prediction[25:35, 25:35] = 1
    assert ConfusionCounts.of(prediction, truth, 2).metrics().boundary_iou[0] == 1.0


# --- evaluating -----------------------------------------------------------------------------------


class Pictures:
    """A small data set whose images and labels are noise, made anew on every access."""

    classes = CLASSES
    palette = ((0, 0, 255), (0, 99, 255), (255, 255, 0), (99, 99, 99), (255, 0, 0))

    def __init__(self, count: int = 6, seed: int = 0) -> None:
        self.count, self.seed = count, seed
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        self.read.append(index)
        rng = np.random.default_rng([self.seed, index])
        image = rng.integers(0, 256, (40 + index, 50, 3), np.uint8)
        return image, rng.choice([0, 1, 2, 4, 255], image.shape[:2]).astype(np.uint8)

    def name(self, index: int) -> str:
        return f"picture {index}"


def tiny_model() -> SwinUPerNet:
    torch.manual_seed(5)
    config = ModelConfig.tiny(CLASSES, depths=(1, 1, 1, 1), aux_channels=0, scale=(96, 64))
    model = SwinUPerNet(config).eval()
    torch.nn.init.normal_(model.head.classifier.weight)
    return model


@pytest.fixture(scope="module")
def model() -> SwinUPerNet:
    return tiny_model()


def test_the_report_counts_what_segment_predicts(model: SwinUPerNet) -> None:
    data = Pictures()
    report = evaluate(model, data, progress=False)
    expected = np.zeros((5, 5), int)
    for index in range(len(data)):
        image, truth = data[index]
        labels = model.segment(image).labels
        for t, p in zip(truth.flat, labels.flat, strict=True):
            if t != 255:
                expected[t, p] += 1
    np.testing.assert_array_equal(report.counts.confusion, expected)
    assert [image.number for image in report.images] == list(range(6))
    assert report.images[3].name == "picture 3"
    worst = report.worst(2)
    assert [image.miou for image in worst] == sorted(image.miou for image in report.images)[:2]


def test_a_model_in_training_is_evaluated_in_eval_mode_and_handed_back_as_it_was() -> None:
    trained, data = tiny_model(), Pictures(2)
    expected = evaluate(trained, data, progress=False).counts.confusion
    trained.train()
    np.testing.assert_array_equal(evaluate(trained, data, progress=False).counts.confusion, expected)
    assert trained.training


def test_options_change_how_images_are_looked_at(model: SwinUPerNet) -> None:
    report = evaluate(model, Pictures(2), InferenceOptions(scales=(0.5, 1.0), flip=True), progress=False)
    assert report.options == "whole, scales 0.5 1, flipped too"
    assert (report.counts.confusion != evaluate(model, Pictures(2), progress=False).counts.confusion).any()


def test_without_boundaries_only_they_are_missing(model: SwinUPerNet) -> None:
    metrics = evaluate(model, Pictures(2), boundary=False, progress=False).metrics
    assert math.isnan(metrics.mean_boundary_iou)
    assert metrics.miou > 0


def test_other_classes_than_the_models_are_refused(
    model: SwinUPerNet, caplog: pytest.LogCaptureFixture
) -> None:
    data = Pictures(1)
    data.classes = CLASSES[:3]
    with pytest.raises(DatasetError, match="the model has 5 classes and the data set 3"):
        evaluate(model, data, progress=False)
    data.classes = (*CLASSES[:4], "ship")
    evaluate(model, data, progress=False)
    assert "names 1 of 5 classes otherwise than the data set (boat is ship)" in caplog.text
    with pytest.raises(DatasetError, match="no image"):
        evaluate(model, Pictures(0), progress=False)


def test_the_image_with_bad_labels_is_named(model: SwinUPerNet) -> None:
    class Bad(Pictures):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            image, truth = super().__getitem__(index)
            return image, truth + (index == 1) * np.uint8(5)

    with pytest.raises(DatasetError, match="image 'picture 1': there is a label 9"):
        evaluate(model, Bad(3), progress=False)


def test_images_are_read_ahead_while_one_is_worked_on() -> None:
    data = Pictures(10)
    items = prefetched(data, range(10), threads=2)
    next(items)
    deadline = time.monotonic() + 10
    while len(data.read) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(data.read) >= 4
    assert [0, *(index for index, _ in items)] == list(range(10))


def test_reading_stops_with_whoever_asked_for_it() -> None:
    data = Pictures(1000)
    items = prefetched(data, range(1000), threads=2)
    next(items)
    items.close()
    assert len(data.read) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reading")]


def test_an_item_that_cannot_be_read_is_an_error_not_a_gap(model: SwinUPerNet) -> None:
    class Torn(Pictures):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            if index == 2:
                raise DatasetError("torn")
            return super().__getitem__(index)

    with pytest.raises(DatasetError, match="torn"):
        evaluate(model, Torn(5), progress=False)


@pytest.mark.slow
def test_reading_and_counting_take_less_than_a_tenth_of_swin_t(tmp_path: Path) -> None:
    for folder in ("images", "annotations"):
        (tmp_path / folder / "validation").mkdir(parents=True)
    photo, numbers = skimage.data.astronaut(), np.random.default_rng(0).integers(0, 151, (9, 12), np.uint8)
    Image.fromarray(photo).resize((683, 512)).save(tmp_path / "images/validation/a.jpg", quality=90)
    mask = Image.fromarray(numbers).resize((683, 512), Image.Resampling.NEAREST)
    mask.save(tmp_path / "annotations/validation/a.png")
    data, swin_t = ADE20K(tmp_path), build("swin-t", ADE20K.classes, ADE20K.palette).eval()

    # Of the processor's time, so that it holds on a busy machine and counts what other threads do meanwhile.
    image, _ = data[0]
    started = time.process_time()
    labels = swin_t.segment(image).labels
    model_seconds = time.process_time() - started
    started = time.process_time()
    for _ in range(5):
        ConfusionCounts.of(labels, data[0][1], 150)
    others = (time.process_time() - started) / 5
    print(f"swin-t {model_seconds:.2f} s, reading and counting {1000 * others:.0f} ms an image")
    assert others < 0.1 * model_seconds


# --- resuming -------------------------------------------------------------------------------------


class Interrupting(Pictures):
    """Stops the evaluation, as Ctrl-C does, when it comes to one image."""

    def __init__(self, count: int, at: int) -> None:
        super().__init__(count)
        self.at = at

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index == self.at:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_an_interrupted_evaluation_goes_on_where_it_stopped(model: SwinUPerNet, tmp_path: Path) -> None:
    whole = evaluate(model, Pictures(8), progress=False)
    with pytest.raises(KeyboardInterrupt):
        evaluate(model, Interrupting(8, at=5), state=tmp_path / "state", progress=False)
    data = Pictures(8)
    resumed = evaluate(model, data, state=tmp_path / "state", progress=False)
    assert set(data.read) <= {0, 5, 6, 7}, "0 is read to recognize the data set, 1 to 4 were done"
    np.testing.assert_array_equal(resumed.counts.confusion, whole.counts.confusion)
    np.testing.assert_array_equal(resumed.counts.boundary, whole.counts.boundary)
    assert resumed.images == whole.images
    assert evaluate(model, Pictures(8), state=tmp_path / "state", progress=False).images == whole.images


@pytest.mark.parametrize("change", ["weights", "options", "data set", "boundary"])
def test_the_progress_of_another_evaluation_is_refused(
    model: SwinUPerNet, tmp_path: Path, change: str
) -> None:
    evaluate(model, Pictures(2), state=tmp_path, progress=False)
    other = tiny_model()
    if change == "weights":
        other.head.classifier.bias.data[0] += 1
    with pytest.raises(SwinvizError, match=f"another evaluation \\(its {change} differ"):
        evaluate(
            other,
            Pictures(2, seed=int(change == "data set")),
            InferenceOptions(flip=change == "options"),
            boundary=change != "boundary",
            state=tmp_path,
            progress=False,
        )


def test_damaged_progress_is_named(model: SwinUPerNet, tmp_path: Path) -> None:
    evaluate(model, Pictures(2), state=tmp_path, progress=False)
    shard = next(tmp_path.glob("*.npz"))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(SwinvizError, match=rf"progress in '.*{shard.name}' cannot be read"):
        evaluate(model, Pictures(2), state=tmp_path, progress=False)


def test_a_full_disk_costs_progress_but_no_figure(
    model: SwinUPerNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = evaluate(model, Pictures(4), progress=False)
    evaluate(model, Pictures(4), limit=2, state=tmp_path, progress=False)
    (saved,) = tmp_path.iterdir()

    def full(file: Any, **_arrays: object) -> None:
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        assert evaluate(model, Pictures(4), state=tmp_path, progress=False).images == whole.images
    assert "No space left on device" in caplog.text
    assert list(tmp_path.iterdir()) == [saved]
    assert evaluate(model, Pictures(4), state=tmp_path, progress=False).images == whole.images


@pytest.mark.parametrize("clock", [(4e18, 0, -1e18), (0, 0, 0)], ids=["runs backwards", "stands still"])
def test_progress_adds_up_whatever_the_clock_says(
    model: SwinUPerNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: tuple[float, ...]
) -> None:
    whole, times = evaluate(model, Pictures(6), progress=False), map(int, clock)
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    for at in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            evaluate(model, Interrupting(6, at), state=tmp_path, progress=False)
    data = Pictures(6)
    resumed = evaluate(model, data, state=tmp_path, progress=False)
    assert set(data.read) <= {0, 4, 5}
    assert resumed.images == whole.images


def test_a_smaller_limit_than_was_done_is_refused(model: SwinUPerNet, tmp_path: Path) -> None:
    evaluate(model, Pictures(3), limit=2, state=tmp_path, progress=False)
    with pytest.raises(DatasetError, match="covers 2 images, more than the limit of 1"):
        evaluate(model, Pictures(3), limit=1, state=tmp_path, progress=False)
    assert len(evaluate(model, Pictures(3), state=tmp_path, progress=False).images) == 3


SCRIPT = """
import os, sys, time
import torch
torch.set_num_threads(1)
import test_evaluation as here
from swinviz.evaluation import evaluate

if "WORLD_SIZE" in os.environ:
    for _ in range(2):  # one after the other, alone
        evaluate(here.tiny_model(), here.Pictures(2), progress=False)
    torch.distributed.init_process_group("gloo")  # as in training, which evaluates now and then and goes on
    evaluate(here.tiny_model(), here.Pictures(2), progress=False)
    torch.distributed.barrier()

class Slow(here.Pictures):
    def __getitem__(self, index):
        time.sleep(float(sys.argv[3]))
        return super().__getitem__(index)

report = evaluate(here.tiny_model(), Slow(12), state=sys.argv[1], save_every=0.0, threads=1, progress=False)
report.save(f"{sys.argv[2]}.{os.environ.get('RANK', 0)}")
if "WORLD_SIZE" in os.environ:
    torch.distributed.destroy_process_group()
"""


def script(tmp_path: Path, *args: object, launcher: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    repository = Path(__file__).resolve().parents[2]
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    paths = (repository, repository / "tests", repository / "tests" / "evaluation")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.Popen(
        [sys.executable, *launcher, str(path), *map(str, args)], env=environment, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    try:
        _, errors = process.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its workers
        process.communicate()
        raise
    assert process.returncode == 0, errors.decode()


def shards_appear(folder: Path, enough: Callable[[int], bool]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if enough(
            sum(len(images_of(shard)) for shard in folder.glob("*.npz") if not shard.name.startswith("."))
        ):
            return
        time.sleep(0.05)
    pytest.fail("the process measured nothing")


def images_of(shard: Path) -> list[Any]:
    with np.load(shard) as arrays:
        return json.loads(str(arrays["header"]))["images"]


@pytest.mark.slow
def test_an_evaluation_killed_with_signal_9_goes_on_and_ends_with_the_same_result(
    model: SwinUPerNet, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    process = script(tmp_path, state, tmp_path / "killed", 0.5)
    shards_appear(state, lambda images: images >= 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "killed.0").exists()
    before = sum(len(images_of(shard)) for shard in state.glob("*.npz"))
    assert 3 <= before < 12
    finish(script(tmp_path, state, tmp_path / "resumed", 0))
    resumed, whole = Report.load(tmp_path / "resumed.0"), evaluate(model, Pictures(12), progress=False)
    np.testing.assert_array_equal(resumed.counts.confusion, whole.counts.confusion)
    assert resumed.images == whole.images
    assert len(list(state.glob("*.npz"))) == 2


@pytest.mark.slow
def test_two_processes_give_the_result_of_one_to_the_last_digit_and_take_over_its_progress(
    model: SwinUPerNet, tmp_path: Path
) -> None:
    whole = evaluate(model, Pictures(12), progress=False)
    state = tmp_path / "state"
    evaluate(model, Pictures(12), limit=3, state=state, progress=False)  # one process did the first three
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    finish(script(tmp_path, state, tmp_path / "both", 0, launcher=torchrun))
    for rank in (0, 1):
        report = Report.load(tmp_path / f"both.{rank}")
        assert report.environment["processes"] == "2"
        np.testing.assert_array_equal(report.counts.confusion, whole.counts.confusion)
        assert report.metrics.miou == whole.metrics.miou
        assert report.images == whole.images
    counts = sorted(len(images_of(shard)) for shard in state.glob("*.npz"))
    assert counts == [3, 4, 5], "nine images were left, for two"


# --- reporting ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(model: SwinUPerNet) -> Report:
    return evaluate(model, Pictures(3), progress=False)


def test_a_report_survives_being_saved(report: Report, tmp_path: Path) -> None:
    full = replace(report, preset="nano", cost=Cost(2.5, 1.25, "cpu"))
    loaded = Report.load(full.save(tmp_path / "report.json"))
    assert loaded.to_dict() == full.to_dict()
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["classes"][3]["accuracy"] is None, "rock is absent, and JSON has no NaN"
    assert stored["figures"]["miou"] == report.metrics.miou
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(SwinvizError, match=r"'other\.json' is not a report"):
        Report.load(tmp_path / "other.json")


def test_the_table_sets_the_published_row_beside_the_measured_one(report: Report) -> None:
    on_ade = replace(report, preset="swin-t", dataset="ADE20K validation", cost=Cost(2.5, 1.25, "a laptop"))
    lines = on_ade.table().splitlines()
    assert lines[1].split() == ["mIoU", "mAcc", "aAcc", "boundary", "IoU", "memory", "GB", "images/s"]
    assert lines[2].split() == ["published", "44.41", "-", "-", "-", "5.02", "21.06"]
    assert lines[3].split()[0::5] == ["measured", "1.25"]
    assert lines[3].split()[1] == f"{100 * report.metrics.miou:.2f}"
    many = replace(on_ade, options="whole, scales 0.5 0.75 1 1.25 1.5 1.75, flipped too")
    assert "45.79" in many.table()
    assert "published" not in report.table()


def test_figures_published_for_another_way_of_looking_are_not_set_beside_it(model: SwinUPerNet) -> None:
    for options, figure in [
        (InferenceOptions(), "44.41"),
        (InferenceOptions(scales=MULTI_SCALE, flip=True), "45.79"),
        (InferenceOptions(mode="slide", crop=(64, 64), stride=(64, 64)), None),
    ]:
        found = evaluate(model, Pictures(1), options, progress=False)
        table = replace(found, preset="swin-t", dataset="ADE20K validation").table()
        for published in ("44.41", "45.79"):
            assert (published in table) == (published == figure)


def test_the_table_of_classes_puts_absent_ones_last(report: Report) -> None:
    lines = report.class_table().splitlines()
    assert lines[0].split() == ["class", "IoU", "accuracy", "boundary", "IoU"]
    ious = [float(line.split()[1]) for line in lines[1:] if line.split()[1] != "-"]
    assert ious == sorted(ious, reverse=True)
    assert len(lines) == 6


def test_notes_of_images_that_went_otherwise_are_in_the_table(report: Report) -> None:
    table = replace(report, notes=("image 'a': CUDA ran out of memory.",)).table()
    assert table.endswith(
        "1 images were not done as asked, so the figures are not exact. image 'a': CUDA ran out of memory."
    )


def test_cost_is_measured_at_the_size_that_is_asked_for(model: SwinUPerNet) -> None:
    sizes = []
    embedded = model.backbone.patch_embed.register_forward_pre_hook(
        lambda module, args: sizes.append(tuple(args[0].shape))
    )
    cost = measure_cost(model, size=(32, 64), seconds=0.0)
    embedded.remove()
    assert sizes == [(1, 3, 32, 64)] * 5  # two to warm up, three to measure
    assert cost.images_per_second > 0
    assert 0.05 < cost.memory_gb < 50
    assert cost.device.startswith("cpu")
