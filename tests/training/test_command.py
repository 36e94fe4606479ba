"""`python -m swinviz train`, on folders that people have."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.models import tiny_model

from swinviz.checkpoints import load, save
from swinviz.cli import main
from swinviz.data.folder import Folder
from swinviz.data.scenes import SCENE_CLASSES, Scenes
from swinviz.evaluation import evaluate


def make_folder(root: Path, count: int, *, size: int = 64, split: str = "", first: int = 0) -> Path:
    """Scenes in foreign colors: red and blue exchanged, and darker."""
    scenes = Scenes("val", length=first + count, size=(size, size), seed=9)
    for kind in ("images", "masks"):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
    for index in range(first, first + count):
        image, labels = scenes[index]
        Image.fromarray(image[..., ::-1] // 2).save(root / "images" / split / f"{index:02d}.png")
        Image.fromarray(labels).save(root / "masks" / split / f"{index:02d}.png")
    (root / "labels.txt").write_text("\n".join(SCENE_CLASSES))
    return root


@pytest.fixture
def tiny_file(tmp_path: Path) -> str:
    return str(save(tiny_model(classes=3), tmp_path / "tiny.safetensors"))


def train(folder: Path, out: Path, *more: str) -> int:
    small = ["--batch", "2", "--crop", "64", "--workers", "0", "--device", "cpu"]
    return main(["train", str(folder), "-o", str(out), *small, *more])


def test_folder_with_other_classes_gives_a_model_of_these_classes(
    tmp_path: Path, tiny_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder, out = make_folder(tmp_path / "mine", 4), tmp_path / "out"
    assert train(folder, out, "--model", tiny_file, "--iterations", "3") == 0
    assert load(out / "model.safetensors").config.classes == SCENE_CLASSES
    assert "re-initialized for 18 classes instead of 3" in caplog.text
    assert len((out / "log.jsonl").read_text().splitlines()) >= 1


def test_same_command_again_has_nothing_left_to_do(tmp_path: Path, tiny_file: str) -> None:
    folder, out = make_folder(tmp_path / "mine", 4), tmp_path / "out"
    assert train(folder, out, "--model", tiny_file, "--iterations", "3") == 0
    before = (out / "model.safetensors").read_bytes()
    assert train(folder, out, "--model", tiny_file, "--iterations", "3") == 0
    assert (out / "model.safetensors").read_bytes() == before


def test_held_out_part_is_measured_at_the_end(
    tmp_path: Path, tiny_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder(tmp_path / "mine", 4, split="training")
    make_folder(folder, 2, split="validation", first=4)
    assert train(folder, tmp_path / "out", "--model", tiny_file, "--iterations", "2") == 0
    assert "held-out mIoU 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--batch", "1"], "at least 2"),
        (["--batch", "6", "--gradient-accumulation-steps", "4"], "does not divide into 4 parts"),
        (["--model", "nothing.safetensors"], "nothing.safetensors"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(
    tmp_path: Path, tiny_file: str, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    folder = make_folder(tmp_path / "mine", 2)
    code = main(["train", str(folder), "-o", str(tmp_path / "out"), "--model", tiny_file, *arguments])
    said = capsys.readouterr().err
    assert code == 2
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("iterations", "warmup"), [(100, 150), (100, 200), (5, 1)])
def test_a_warmup_that_was_asked_for_is_kept_or_refused(
    tmp_path: Path, tiny_file: str, capsys: pytest.CaptureFixture[str], iterations: int, warmup: int
) -> None:
    folder, out = make_folder(tmp_path / "mine", 2), tmp_path / "out"
    code = train(folder, out, "--model", tiny_file, "--iterations", str(iterations), "--warmup", str(warmup))
    if warmup >= iterations:
        assert code == 2
        said = capsys.readouterr().err
        assert f"--warmup is {warmup}" in said
        assert said.count("\n") == 1
        assert not out.exists()
    else:
        state = torch.load(sorted(out.glob("state-*.pt"))[-1], weights_only=True)
        assert state["recipe"]["warmup_iters"] == warmup


@pytest.mark.parametrize("warmup", [150, 151])
def test_a_warmup_as_long_as_the_recipe_is_refused(
    tmp_path: Path, tiny_file: str, capsys: pytest.CaptureFixture[str], warmup: int
) -> None:
    folder = make_folder(tmp_path / "mine", 2)
    assert train(folder, tmp_path / "out", "--model", tiny_file, "--warmup", str(warmup)) == 2
    assert f"--warmup is {warmup}, but there are 150 steps in all" in capsys.readouterr().err


def test_a_short_run_warms_up_for_a_tenth_of_it(tmp_path: Path, tiny_file: str) -> None:
    folder, out = make_folder(tmp_path / "mine", 2), tmp_path / "out"
    assert train(folder, out, "--model", tiny_file, "--iterations", "10") == 0
    state = torch.load(sorted(out.glob("state-*.pt"))[-1], weights_only=True)
    assert state["recipe"]["warmup_iters"] == 1


def test_empty_folder_is_said_to_be_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("images", "masks"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
    assert main(["train", str(tmp_path / "mine"), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "images" in said
    assert "Traceback" not in said


def test_single_image_and_an_image_without_labels_can_be_trained_on(tmp_path: Path, tiny_file: str) -> None:
    folder = make_folder(tmp_path / "mine", 1)
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(folder / "masks" / "00.png")
    assert train(folder, tmp_path / "out", "--model", tiny_file, "--iterations", "2") == 0


@pytest.mark.slow
def test_twenty_images_improve_nano_within_five_minutes(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "mine", 20, size=128)
    dataset = Folder(folder)
    before = evaluate(load("nano"), dataset, boundary=False, progress=False).metrics.miou
    begun = time.process_time()
    assert main(["train", str(folder), "-o", str(tmp_path / "out"), "--workers", "0", "--device", "cpu"]) == 0
    seconds = time.process_time() - begun
    after = evaluate(load(tmp_path / "out" / "model.safetensors"), dataset, boundary=False, progress=False)
    print(f"mIoU on the folder {before:.3f} -> {after.metrics.miou:.3f} in {seconds:.0f} s of one core")
    assert after.metrics.miou > before + 0.1
    assert seconds < 300


def test_ablations_train_another_shape_and_only_from_random_weights(
    tmp_path: Path, tiny_file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = lambda model, dataset, **options: evaluate(model, dataset, limit=1, **options)  # noqa: E731
    monkeypatch.setattr("swinviz.cli.train.evaluate", few)
    out, words = tmp_path / "out", ["train", "scenes", "--no-shift", "--window", "4", "--device", "cpu"]
    small = ["--iterations", "1", "--batch", "2", "--crop", "32", "--workers", "0"]
    assert main([*words, *small, "-o", str(out)]) == 0
    backbone = load(out / "model.safetensors").config.backbone
    assert (backbone.window_size, backbone.shifted) == (4, False)
    assert main([*words, "-o", str(out), "--model", tiny_file]) == 2
    assert "random weights" in capsys.readouterr().err
