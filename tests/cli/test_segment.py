"""`segment` over folders and videos: what was asked for, once each, through kills and broken files."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.models import tiny_model
from support.videos import contents, moving_frames, write_video

import swinviz
from swinviz.checkpoints import save
from swinviz.cli import main
from swinviz.data import open_dataset


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    model = tiny_model()
    model.config = replace(model.config, scale=(96, 64))  # quick, for many pictures
    save(model, path)
    return str(path)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for name in ("a.png", "trip/b.png", "trip/c.png"):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(folder / name)
    return folder


def visible(folder: Path) -> set[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if not path.name.startswith(".")}


def test_a_folder_keeps_its_shape_and_gets_a_table(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["segment", str(photos), "-o", str(out), "--model", weights, "--write", "mask,shares"]) == 0
    stems = ("a", "trip/b", "trip/c")
    wanted = {f"{stem}_{end}" for stem in stems for end in ("labels.png", "shares.json")}
    assert visible(out) == wanted | {"shares.csv"}
    with (out / "shares.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["source"]).name for row in rows] == ["a.png", "b.png", "c.png"]
    for row, stem in zip(rows, stems, strict=True):
        labels = np.asarray(Image.open(out / f"{stem}_labels.png"))
        for number in range(3):
            share = float(row.get(f"class {number}", 0.0))
            assert share == pytest.approx((labels == number).mean(), abs=1e-6)
    assert "3 done" in capsys.readouterr().out


def test_confidence_and_masks_hold_the_models_numbers(weights: str, photos: Path, tmp_path: Path) -> None:
    words = ["--write", "mask,confidence", "--classes", "class 1", "--model", weights]
    assert main(["segment", str(photos / "a.png"), "-o", str(tmp_path / "out"), *words]) == 0
    result = swinviz.load(weights).segment(photos / "a.png")
    with Image.open(tmp_path / "out" / "a_labels.png") as opened:
        labels = np.asarray(opened)
    np.testing.assert_array_equal(labels, np.where(result.labels == 1, 1, 255))
    with Image.open(tmp_path / "out" / "a_confidence.png") as opened:
        confidence = np.asarray(opened) / 65535
    np.testing.assert_allclose(confidence, result.scores, atol=1e-5)


def test_a_second_run_does_only_what_is_new_or_changed(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["segment", str(photos), "-o", str(out), "--model", weights]
    assert main(words) == 0
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*_labels.png")}
    Image.new("RGB", (60, 40)).save(photos / "trip" / "b.png")
    Image.new("RGB", (60, 40)).save(photos / "new.png")
    (out / "trip" / "c_overlay.png").unlink()
    capsys.readouterr()
    assert main(words) == 0
    assert "3 done, 1 were done before" in capsys.readouterr().out
    unchanged = {path for path, when in times.items() if path.stat().st_mtime_ns == when}
    assert unchanged == {out / "a_labels.png"}
    assert main([*words, "--opacity", "0.3"]) == 0  # other results: all of them again
    assert "4 done\n" in capsys.readouterr().out
    assert main([*words, "--opacity", "0.3", "--overwrite"]) == 0
    assert "4 done\n" in capsys.readouterr().out


def test_a_single_picture_is_always_done(weights: str, photos: Path, tmp_path: Path) -> None:
    words = ["segment", str(photos / "a.png"), "-o", str(tmp_path / "out"), "--model", weights]
    assert main(words) == 0
    first = (tmp_path / "out" / "a_labels.png").stat().st_mtime_ns
    assert main(words) == 0
    assert (tmp_path / "out" / "a_labels.png").stat().st_mtime_ns > first
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_video_becomes_an_annotated_video_and_a_table_of_frames(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_video(tmp_path / "film.mp4", moving_frames(6), rate=10, sound="aac")
    out = tmp_path / "out"
    words = ["segment", str(source), "-o", str(out), "--model", weights, "--attend", "30,20", "--stage", "0"]
    assert main(words) == 0
    assert visible(out) == {"film_overlay.mp4", "film_shares.csv", "film_shares.json"}
    before, after = contents(source), contents(out / "film_overlay.mp4")
    assert (after.times, after.packets) == (before.times, before.packets)
    with (out / "film_shares.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["seconds"]) for row in rows] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    shares = json.loads((out / "film_shares.json").read_text())
    for name, share in shares.items():
        assert share == pytest.approx(np.mean([float(row[name]) for row in rows]), abs=1e-5)
    assert sum(shares.values()) == pytest.approx(1)


def test_masks_of_a_video_are_written_frame_by_frame(weights: str, tmp_path: Path) -> None:
    source = write_video(tmp_path / "film.mp4", moving_frames(3))
    out = tmp_path / "out"
    words = ["--write", "mask,confidence", "--frames", "2", "--model", weights]
    assert main(["segment", str(source), "-o", str(out), *words]) == 0
    names = {f"film_frames/{n:06d}_{kind}.png" for n in range(2) for kind in ("labels", "confidence")}
    assert visible(out) == names


def test_broken_files_cost_a_sentence_each_and_a_code_and_the_rest_is_done(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (photos / "film.mp4").write_bytes(b"no video")
    whole = write_video(photos / "cut.avi", moving_frames(60, (96, 96)), codec="mjpeg").read_bytes()
    (photos / "cut.avi").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    words = ["segment", str(photos), "-o", str(out), "--model", weights]
    assert main(words) == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("swinviz segment:")]
    assert [name for line in lines for name in ("broken.jpg", "film.mp4", "cut.avi") if name in line] == [
        "broken.jpg",
        "cut.avi",
        "film.mp4",
    ]
    assert len(lines) == 3
    assert "Traceback" not in captured.err
    assert visible(out) >= {"a_labels.png", "trip/b_labels.png", "trip/c_labels.png", "cut_overlay.mp4"}
    assert not list(out.glob("broken*")) + list(out.glob("film*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--write", "mask,poem"], "'poem' cannot be written: choose among mask, overlay"),
        (["--classes", "moon"], "no class 'moon'"),
        (["--attend", "3,3", "--block", "9"], "no block 9"),
        (["--batch", "-1"], "from 0 up"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    words: list[str],
    message: str,
    weights: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["segment", str(photos), "-o", str(tmp_path / "out"), "--model", weights, *words]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert message in errors[-1]
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.slow
def test_killed_anywhere_and_called_again_nothing_is_missing_and_nothing_is_done_twice(
    weights: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(20):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(photos / f"{number:02d}.png")
    write_video(photos / "film.mp4", moving_frames(200))
    command = [sys.executable, "-m", "swinviz", "segment", str(photos), "-o", str(out), "--model", weights]
    written: dict[Path, int] = {}
    kills = 0
    for _ in range(9):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        before = len(list(out.glob("*_labels.png"))) if out.is_dir() else 0
        while process.poll() is None and len(list(out.glob("*_labels.png"))) < before + 7:
            time.sleep(0.002)
            if kills == 2 and list(out.glob(".swinviz-*.mp4")):  # in the middle of the video
                break
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
        for line in (out / ".swinviz-done.jsonl").read_text().splitlines()[1:]:
            if line.endswith("}"):  # finished: from now on nobody may write it again
                path = out / (json.loads(line)["name"] + "_shares.json")
                assert written.setdefault(path, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
        if process.returncode == 0:
            break
    assert kills >= 3
    stems = [f"{number:02d}" for number in range(20)]
    wanted = {f"{stem}_{end}" for stem in stems for end in ("labels.png", "overlay.png", "shares.json")}
    wanted |= {"film_overlay.mp4", "film_shares.csv", "film_shares.json", "shares.csv"}
    assert visible(out) == wanted
    assert {path.name for path in out.iterdir()} == wanted | {".swinviz-done.jsonl"}  # no halves left
    assert len(contents(out / "film_overlay.mp4").times) == 200
    for stem in stems:
        with Image.open(out / f"{stem}_labels.png") as opened:
            opened.load()
    assert len((out / "shares.csv").read_text().splitlines()) == 22


@pytest.mark.slow
def test_two_runs_do_not_share_a_folder(weights: str, photos: Path, tmp_path: Path) -> None:
    from swinviz.streaming.journal import locked

    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "swinviz", "segment", str(photos), "-o", str(out), "--model", weights]
    with locked(out, []):
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "another run is writing" in done.stderr


def test_formats_are_written_side_by_side_and_go_on_with_new_pictures(
    weights: str, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    film = write_video(tmp_path / "film.mp4", moving_frames(2))
    words = [
        "segment",
        str(photos),
        str(film),
        "-o",
        str(out),
        "--model",
        weights,
        "--write",
        "coco,cvat,voc",
    ]
    assert main(words) == 0
    assert {path.name for path in out.iterdir()} == {"coco", "cvat", "voc", ".swinviz-done.jsonl"}
    Image.new("RGB", (60, 40), "gray").save(photos / "new.png")
    assert main(words) == 0
    model = swinviz.load(weights)
    for form in ("coco", "cvat", "voc"):
        dataset = open_dataset(str(out / form))
        names = [dataset.name(index) for index in range(len(dataset))]
        frames = [f"film_frames/{number:06d}" for number in range(2)]
        assert sorted(names) == sorted(["a", "new", "trip/b", "trip/c", *frames])
        _, labels = dataset[names.index("trip/b")]
        np.testing.assert_array_equal(labels, model.segment(photos / "trip" / "b.png").labels)
        assert dataset.check(progress=False).ok
