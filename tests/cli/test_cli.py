"""The command line, as a person types it: results where they were asked for, one sentence where not."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.models import tiny_model

import swinviz
from swinviz import demo
from swinviz.checkpoints import save
from swinviz.cli import main
from swinviz.images import read_image


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(tiny_model(), path)
    return str(path)


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "my photo é.png"
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(path)
    return path


def test_segment_writes_labels_overlay_and_shares(
    weights: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(photo), "-o", str(tmp_path / "out"), "--model", weights]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {f"my photo é_{name}" for name in ("labels.png", "overlay.png", "shares.json")}
    with Image.open(tmp_path / "out" / "my photo é_labels.png") as opened:
        labels = np.asarray(opened)
    shares = json.loads((tmp_path / "out" / "my photo é_shares.json").read_text("utf-8"))
    assert labels.shape == (40, 60)
    for name, share in shares.items():
        assert share == pytest.approx((labels == int(name.split()[1])).mean())
    assert "my photo é_overlay.png" in capsys.readouterr().out


def test_a_terminal_of_ascii_is_no_reason_to_fail_after_the_work(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model()
    model.config = replace(model.config, classes=("mér", "海", "☃"))
    weights, out = save(model, tmp_path / "names.safetensors"), tmp_path / "out"
    shown = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", shown[0])
    monkeypatch.setattr(sys, "stderr", shown[1])
    words = ["segment", str(photo), str(tmp_path / "gone é.png"), "-o", str(out), "--model", str(weights)]
    assert main(words) == 2  # for the one that is not there
    for stream, said in zip(shown, ("my photo \\xe9.png: ", "gone \\xe9.png"), strict=True):
        stream.seek(0)
        assert said in stream.read()
    assert len([path for path in out.iterdir() if not path.name.startswith(".")]) == 3


def test_an_unreadable_image_costs_one_sentence_and_the_others_are_done(
    weights: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    out = tmp_path / "out"
    assert main(["segment", str(broken), str(photo), "-o", str(out), "--model", weights]) == 2
    errors = capsys.readouterr().err
    assert "broken.jpg" in errors
    assert "Traceback" not in errors
    assert not list(out.glob("broken*"))
    assert len([path for path in out.iterdir() if not path.name.startswith(".")]) == 3


def test_attend_draws_the_asked_pixel(
    weights: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "attend",
        str(photo),
        "-o",
        str(tmp_path / "out"),
        "--model",
        weights,
        "--at",
        "50,10",
        "--stage",
        "0",
    ]
    assert main(words) == 0
    assert "pixel x=50 y=10" in capsys.readouterr().out
    assert read_image(tmp_path / "out" / "my photo é_attention.png").shape[1] > 500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "60,10"], "x is 0 to 59"),
        (["--at", "10,40"], "y is 0 to 39"),
        (["--stage", "4"], "--stage is 4: choose it from 0 to 3"),
        (["--block", "2"], "stage 2 has blocks 0 to 1"),
        (["--head", "9"], "heads are [9]"),
        (["-o", "{photo}"], "is a file"),
    ],
)
def test_attend_refuses_what_is_not_there_in_one_sentence(
    words: list[str],
    message: str,
    weights: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.replace("{photo}", str(photo)) for word in words]
    assert main(["attend", str(photo), "-o", str(tmp_path / "out"), "--model", weights, *words]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("model", ["no-such-preset", "missing.pth"])
def test_a_model_that_is_not_there_is_one_sentence(
    model: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(photo), "-o", str(tmp_path / "out"), "--model", model]) == 2
    errors = capsys.readouterr().err
    assert model in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["segment", "attend", "evaluate", "train", "bench"])
@pytest.mark.parametrize("device", ["foo", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_one_sentence(
    command: str,
    device: str,
    weights: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder, shape in (("images", (40, 60, 3)), ("masks", (40, 60))):
        (tmp_path / "data" / folder).mkdir(parents=True)
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / "data" / folder / "one.png")
    words = {
        "segment": [str(photo), "-o", str(tmp_path / "out"), "--model", weights],
        "attend": [str(photo), "-o", str(tmp_path / "out"), "--model", weights],
        "evaluate": ["--data", str(tmp_path / "data"), "--model", weights],
        "train": [str(tmp_path / "data"), "-o", str(tmp_path / "out"), "--model", weights],
        "bench": ["model", "--preset", "nano", "--size", "64"],
    }[command]
    assert main([command, *words, "--device", device]) == 2
    errors = capsys.readouterr().err
    assert f"there is no device '{device}' on this machine" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_convert_keeps_the_classes(weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", weights, str(tmp_path / "again.safetensors")]) == 0
    assert "3 classes" in capsys.readouterr().out
    assert swinviz.load(tmp_path / "again.safetensors").config == tiny_model().config


def test_evaluate_writes_report_and_figures(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, value in (("images", 90), ("masks", 1)):
        (tmp_path / "data" / folder).mkdir(parents=True)
        shape = (40, 60, 3) if folder == "images" else (40, 60)
        Image.fromarray(np.full(shape, value, np.uint8)).save(tmp_path / "data" / folder / "one.png")
    (tmp_path / "data" / "labels.txt").write_text("class 0\nclass 1\nclass 2\n")
    words = ["evaluate", "--model", weights, "--data", str(tmp_path / "data"), "-o", str(tmp_path / "out")]
    assert main(words) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "report.json",
        "confusion.png",
        "classes.png",
        "worst.png",
    }
    labels = swinviz.load(weights).segment(np.full((40, 60, 3), 90, np.uint8)).labels
    assert f"{(labels == 1).mean():.2%}".rstrip("%") in capsys.readouterr().out


# The figures' font has no Chinese, shows boxes, and warns of them.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_every_command_works_with_any_name_of_folders_files_and_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Größe 100% & 'mehr' #1 {x} [画像] $_$ %s"
    for kind, value in (("images", 90), ("masks", 1)):
        (folder / kind).mkdir(parents=True)
        Image.fromarray(np.full((40, 60), value, np.uint8)).save(folder / kind / "ein *Bild*? $^$.png")
    named = tiny_model()
    named.config = replace(named.config, classes=("class $^$", "$_$", "<b>"))
    save(named, folder / "weights.safetensors")
    (folder / "labels.txt").write_text("\n".join(named.config.classes))
    model, image, out = (
        folder / "mein Modell.safetensors",
        folder / "images" / "ein *Bild*? $^$.png",
        folder / "out",
    )
    train = ["--crop", "32", "--batch", "2", "--iterations", "1", "--workers", "0", "--device", "cpu"]
    for command in (
        ["convert", str(folder / "weights.safetensors"), str(model)],
        ["segment", str(image), "-o", str(out), "--model", str(model)],
        ["attend", str(image), "-o", str(out), "--model", str(model)],
        ["evaluate", "--data", str(folder), "-o", str(out), "--model", str(model)],
        ["train", str(folder), "-o", str(out), "--model", str(model), *train],
    ):
        assert main(command) == 0, capsys.readouterr().err
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "ein *Bild*? $^$_labels.png",
        "ein *Bild*? $^$_attention.png",
        "report.json",
        "model.safetensors",
    }


def test_evaluate_check_lists_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / folder / "one.png")
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "images" / "alone.png")
    assert main(["evaluate", "--data", str(tmp_path), "--check"]) == 1
    assert "alone" in capsys.readouterr().out


def test_doctor_names_versions_devices_and_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for word in (swinviz.__version__, "torch", "gradio", "cores", "nano", "swin-b-384-22k"):
        assert word in out


def test_version_and_help_answer_without_importing_torch() -> None:
    code = "import sys; from swinviz.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    code += "sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"swinviz {swinviz.__version__}"


def test_importing_swinviz_and_all_its_names_is_light() -> None:
    # No figures, app, notebook or baseline at import, and little time beside torch's own.
    code = """
import sys, time
import torch
start = time.process_time()  # of this process: the machine may be busy
import swinviz
from swinviz import load, capture, edit, explore, attention_to_image, SwinUPerNet
print(time.process_time() - start)
print([name for name in ("matplotlib", "gradio", "IPython", "transformers") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    seconds, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    assert float(seconds) < 2


def test_a_device_without_enough_memory_is_one_sentence_but_other_errors_stay_visible(
    weights: str, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["segment", str(photo), "-o", str(photo.parent), "--model", weights]

    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(swinviz.SwinUPerNet, "segment", fail)
    error: Exception = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert main(words) == 2
    message = capsys.readouterr().err
    assert "ran out of memory: take a smaller model" in message
    assert message.count("\n") == 1
    error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        main(words)


def test_ctrl_c_ends_without_a_traceback(
    weights: str,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(swinviz.SwinUPerNet, "segment", interrupt)
    assert main(["segment", str(photo), "-o", str(photo.parent), "--model", weights]) == 130
    assert capsys.readouterr().err == "stopped.\n"


def test_the_demo_takes_the_options_of_app_py_and_refuses_senseless_ones_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[demo.DemoOptions] = []
    monkeypatch.setattr("swinviz.demo.run", served.append)
    words = ["--model", "nano", "--port", "7999", "--auth", "ada:secret", "--max-size", "512"]
    assert main(["demo", *words]) == 0
    assert served == [demo.parse_options(words)]
    assert main(["demo", "--max-size", "9"]) == 2
    assert "64 to 4096" in capsys.readouterr().err


def test_a_demo_with_a_device_or_model_that_is_not_there_says_so_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert main(["demo", "--device", "foo"]) == 2
    assert "'foo'" in capsys.readouterr().err
    assert main(["demo", "--model", "nanoo"]) == 2
    assert "did you mean 'nano'" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before
