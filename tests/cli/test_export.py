"""`python -m swinviz export`: files that were asked for, whole or not at all, and one sentence where not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from support.models import tiny_model

import swinviz
from swinviz.checkpoints import save
from swinviz.cli import export as command
from swinviz.cli import main
from swinviz.exported import ExportedModel


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    model = tiny_model()
    model.config = replace(model.config, scale=(128, 64))
    return str(save(model, tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "my photos é"
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "more/b.png"):
        Image.fromarray(rng.integers(0, 256, (64, 80, 3), np.uint8)).save(folder / name)
    return folder


def test_a_graph_gives_what_the_model_gives(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.onnx"
    assert main(["export", weights, "-o", str(file), "--attention"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{file}: logits, stages.*.blocks.*.attn.pattern for images of any size, ")
    assert said.endswith(f" {file.stat().st_size / 1e6:.1f} MB\n")
    model, graph = swinviz.load(weights), ExportedModel(file)
    assert len(graph.outputs) == 1 + 8
    for size in ((1, 7), (45, 70)):
        images = torch.randn(1, 3, *size)
        with torch.no_grad(), swinviz.capture(model, "stages.*.blocks.*.attn.pattern") as seen:
            expected = model(images)
        found = graph.run(images.numpy())
        torch.testing.assert_close(torch.from_numpy(found["logits"]), expected, rtol=0, atol=1e-4)
        for name, pattern in seen.items():
            torch.testing.assert_close(torch.from_numpy(found[name]), pattern, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "outputs", "size", "precision", "opset"),
    [
        ([], ("logits",), None, "float32", 18),
        (["--size", "dynamic", "--opset", "21"], ("logits",), None, "float32", 21),
        (["--size", "40x56", "--half"], ("logits",), (40, 56), "float16", 18),
        (["--outputs", "labels", "confidence"], ("labels", "confidence"), None, "float32", 18),
        (
            ["--attention", "stages.3.*.pattern"],
            ("logits", *(f"stages.3.blocks.{block}.attn.pattern" for block in (0, 1))),
            None,
            "float32",
            18,
        ),
        (
            ["--outputs", "stages.0.blocks.1.attn.scores", "patch_embed"],
            ("stages.0.blocks.1.attn.scores", "patch_embed"),
            None,
            "float32",
            18,
        ),
    ],
    ids=["default", "opset", "size and half", "labels", "attention of a stage", "hook points"],
)
def test_options_decide_what_the_file_is(
    words: list[str],
    outputs: tuple[str, ...],
    size: tuple[int, int] | None,
    precision: str,
    opset: int,
    weights: str,
    tmp_path: Path,
) -> None:
    file = tmp_path / "model.onnx"
    assert main(["export", weights, "-o", str(file), *words]) == 0
    graph = ExportedModel(file)
    assert (graph.outputs, graph.size, graph.metadata["precision"]) == (outputs, size, precision)
    assert onnx.load(file).opset_import[0].version == opset


def test_controls_are_inputs(weights: str, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    assert main(["export", weights, "-o", str(file), "--controls"]) == 0
    given = {value.name for value in onnx.load(file).graph.input}
    assert given == {"image", "shift", "mask", "padding", "bias", "heads", "levels"}


@pytest.mark.slow  # torch.export takes its time
def test_a_program_of_one_size(weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "model.pt2"
    words = ["--outputs", "logits", "labels", "--size", "20x24"]
    assert main(["export", weights, "--program", str(file), *words]) == 0
    said = capsys.readouterr()
    assert "for images of 20x24 pixels" in said.out
    described = {"swinviz.json": ""}
    program = torch.export.load(file, extra_files=described).module()
    assert json.loads(json.loads(described["swinviz.json"])["precision"]) == "float32"
    images = torch.randn(1, 3, 20, 24)
    with torch.no_grad():
        expected, (logits, labels) = swinviz.load(weights)(images), program(images)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(labels.long(), logits.argmax(dim=1))


def test_int8_measures_on_the_folder_and_shows_it(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.onnx"
    assert main(["export", weights, "-o", str(file), "--int8", "--calibrate", str(photos)]) == 0
    assert "calibrating: 2" in capsys.readouterr().err
    assert ExportedModel(file).metadata["precision"] == "int8"


def test_shipped_pictures_are_of_the_kind_that_the_model_knows() -> None:
    # Scenes are drawn 224x320, the photographs have a short side of 320.
    for name, count, short_side in (("nano", 16, 224), ("outdoor", 8, 320)):
        pictures = list(command._pictures([], swinviz.load(name)))
        assert len(pictures) == count
        assert {min(picture.shape[:2]) for picture in pictures} == {short_side}


def test_large_folders_are_sampled_evenly(tmp_path: Path) -> None:
    for number in range(130):
        (tmp_path / f"{number:03}.jpg").touch()
    files = command._calibration_files(tmp_path)
    assert [path.name for path in files] == [f"{number:03}.jpg" for number in range(0, 130, 3)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "name the file to write: -o model.onnx, or --program model.pt2."),
        (
            ["-o", "{}/model.pth"],
            "'model.pth' names no format: end it in .onnx, or in .pt2 for torch.export.",
        ),
        (["-o", "{}/model.onnx", "--outputs", "nothing"], "no output is called 'nothing'"),
        (["-o", "{}/model.onnx", "--attention", "stages.9.*"], "no output is called 'stages.9.*'"),
        (["-o", "{}/model.onnx", "--size", "0x5"], "height and width must be at least 1 pixel."),
        (["-o", "{}/model.onnx", "--half", "--int8"], "two number types: choose one."),
        (["-o", "{}/model.onnx", "--calibrate", "{}"], "--calibrate is for --int8"),
        (["-o", "{}/model.onnx", "--int8", "--calibrate", "{}/gone"], "there is no folder"),
        (["-o", "{}/model.onnx", "--int8", "--calibrate", "{}"], "no picture"),
        (["-o", "{}/gone/model.onnx"], "No such file or directory"),
        (["--program", "{}/model.pt2", "--controls"], "a PyTorch program has no controls"),
        (["--program", "{}/model.pt2", "--int8"], "a PyTorch program has no eight bits"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value) or "nothing",
)
def test_what_cannot_be_is_one_sentence(
    words: list[str],
    sentence: str,
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", weights, *(word.format(tmp_path) for word in words)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "following sizes" not in line]
    assert sentence in said[-1]
    assert said[-1].startswith("swinviz export: ")
    assert "Traceback" not in "".join(said)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_before_the_work(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swinviz.exporting.to_program", lambda *_: pytest.fail("minutes of work first"))
    assert main(["export", weights, "--program", str(tmp_path / "gone" / "model.pt2")]) == 2


@pytest.mark.parametrize("words", [["--size", "12"], ["--size", "axb"], ["--opset", "7"], ["--size", "-1x4"]])
def test_words_that_mean_nothing_are_refused_by_the_parser(
    words: list[str], weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", weights, "-o", str(tmp_path / "model.onnx"), *words])
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_model_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(tmp_path / "gone.pth"), "-o", str(tmp_path / "model.onnx")]
    assert main(words) == 2
    assert "gone.pth" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_the_older_file(
    weights: str,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "out" / "model.onnx"
    file.parent.mkdir()
    file.write_text("an older file")

    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "read_image", interrupted)
    assert main(["export", weights, "-o", str(file), "--int8", "--calibrate", str(photos)]) == 130
    assert "stopped." in capsys.readouterr().err
    assert file.read_text() == "an older file"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.slow
def test_signal_in_the_middle_leaves_nothing(weights: str, tmp_path: Path) -> None:
    """A real SIGINT while torch.export works, once the temporary file is there."""
    words = [sys.executable, "-m", "swinviz", "export", weights, "--program", str(tmp_path / "model.pt2")]
    heard = partial(
        signal.signal, signal.SIGINT, signal.default_int_handler
    )  # a job in the background is deaf
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        while process.poll() is None and not list(tmp_path.iterdir()):
            time.sleep(0.05)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors.endswith("stopped.\n")
    assert list(tmp_path.iterdir()) == []
