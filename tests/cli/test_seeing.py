"""The commands that look inside, as a person types them: figures where asked for, or one sentence."""

from __future__ import annotations

import csv
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
from support.videos import contents, moving_frames, write_video

import swinviz
from swinviz.attention import model_input
from swinviz.attribution import load_probes, shipped_probes
from swinviz.checkpoints import save
from swinviz.cli import main
from swinviz.data.examples import example_image
from swinviz.features import load_index, read_tokens
from swinviz.interventions import CachedRun, Patching


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    model = tiny_model(7)
    model.config = replace(model.config, scale=(96, 64))
    save(model, path)
    return str(path)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        blocks = rng.integers(0, 256, (8, 12, 3), np.uint8).repeat(10, 0).repeat(10, 1)
        Image.fromarray(blocks).save(folder / f"é {number}.png")
    (folder / "broken.jpg").write_bytes(b"none")
    return folder


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_similar_finds_the_nearest_tokens_of_other_pictures_and_asks_its_index_again(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, index = tmp_path / "out", tmp_path / "index.safetensors"
    asked = photos / "é 2.png"
    words = ["-o", str(out), "--model", weights, "--at", "70,15", "--count", "2"]
    words += ["--hook", "stages.1.out", "--index", str(index)]
    assert main(["similar", str(asked), str(photos), *words]) == 0
    first = capsys.readouterr()
    assert "broken.jpg" in first.err
    assert written(out) == {"é 2_similarity.png", "é 2_similar.png"}
    model = swinviz.load(weights)
    x, projection = model_input(model, asked)
    tokens = read_tokens(model, x, "stages.1.out")
    matches = load_index(index).without([str(asked)]).nearest(tokens.at(projection.to_input(15, 70)), 2)
    for match in matches:
        assert f"{match.similarity:.3f}  {match.picture} (y={match.y}, x={match.x}" in first.out
        assert match.picture != str(asked)
    assert main(["similar", str(asked), *words]) == 0  # from the file alone
    assert capsys.readouterr().out == first.out
    assert main(["similar", str(asked), str(asked), *words]) == 2
    assert "other pictures" in capsys.readouterr().err
    assert main(["similar", str(asked), *words, "--hook", "stages.0.out"]) == 2
    assert "holds stages.1.out" in capsys.readouterr().err


def test_components_lens_and_patch_write_their_figures_and_say_what_they_found(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    pictures = [str(photos / f"é {number}.png") for number in range(2)]
    end = ["-o", str(out), "--model", weights]
    assert main(["components", *pictures, *end, "--threshold", "0.4", "--below"]) == 0
    assert "stages.2.out of 2 pictures" in capsys.readouterr().out
    assert main(["lens", pictures[0], *end, "--at", "70,15"]) == 0  # no probes are shipped for this one
    said = capsys.readouterr().out
    assert "decoder lens" in said
    assert "probe lens" not in said
    assert main(["patch", *pictures, *end, "--at", "70,15", "--class", "Class 1", "--tokens", "2.1"]) == 0
    said = capsys.readouterr().out
    assert written(out) == {
        f"é 0_{name}.png" for name in ("components", "decoder_lens", "patching", "patching_tokens")
    }
    model = swinviz.load(weights)
    (x, projection), (donor, _) = (model_input(model, path) for path in pictures)
    grid = Patching(CachedRun(model, x), donor, projection.to_input(15, 70), 1).grid()
    (stage, block), head = grid.strongest
    assert f"class 1 {grid.receiver:+.2f} here and {grid.donor:+.2f} in é 1.png" in said
    assert f"strongest: block {stage}.{block}, head {head}" in said


def test_probes_are_fitted_in_a_command_and_known_again_by_their_model_only(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "probes.safetensors"
    asked, end = str(photos / "é 0.png"), ["-o", str(out), "--model", weights]
    assert main(["lens", asked, *end, "--kind", "probe"]) == 2
    assert "--fit FILE" in capsys.readouterr().err
    assert main(["lens", str(photos), "--model", weights, "--fit", str(file), "--limit", "3"]) == 0
    assert "8 probes" in capsys.readouterr().out
    assert main(["lens", asked, *end, "--kind", "probe", "--probes", str(file)]) == 0
    assert written(out) == {"é 0_probe_lens.png"}
    assert load_probes(file, swinviz.load(weights).for_inference()).keys()
    with pytest.raises(swinviz.SwinvizError, match="another model"):
        load_probes(file, tiny_model(7, seed=1))
    file.write_bytes(file.read_bytes()[:-9])
    assert main(["lens", asked, *end, "--kind", "probe", "--probes", str(file)]) == 2
    assert "holds no probes" in capsys.readouterr().err


def test_the_shipped_probes_are_outdoors_in_any_form_and_agree_with_it_on_photographs() -> None:
    outdoor = swinviz.load("outdoor")
    assert shipped_probes(swinviz.load("nano")) is None
    for model in (outdoor, outdoor.for_inference(), outdoor.for_inference(dtype=torch.bfloat16)):
        probes = shipped_probes(model)
        assert probes is not None
        assert len(probes) == 10
    agree = {}
    for name in ("temple", "rocket"):
        x, _ = model_input(outdoor, example_image(name))
        with swinviz.capture(outdoor, "stages.*.resid_post") as seen, torch.no_grad():
            labels = outdoor(x).argmax(dim=1)[0]
        for block, (stream, geometry) in seen.blocks("resid_post").items():
            half = geometry.stride // 2
            middles = labels[half :: geometry.stride, half :: geometry.stride]
            probe = probes[block]
            scores = torch.einsum("hwc,kc->khw", stream[0].double(), probe.weight) + probe.bias[:, None, None]
            found = scores.argmax(dim=0)[: middles.shape[0], : middles.shape[1]]
            agree.setdefault(block, []).append(float((found == middles).double().mean()))
    means = [np.mean(shares) for shares in agree.values()]
    assert means[-1] > 0.75
    assert means[-1] > means[0] + 0.1


def test_trust_measures_one_place_or_sums_up_many(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    end = ["-o", str(out), "--model", weights, "--steps", "2", "--orders", "1"]
    assert main(["trust", str(photos / "é 0.png"), *end, "--at", "70,15", "--class", "class 2"]) == 0
    said = capsys.readouterr().out
    assert "class 2, pixel x=70 y=15" in said
    assert "seg-eigen-cam" in said
    assert written(out) == {"é 0_trust.png", "é 0_explanations.png"}
    pictures = [str(photos / name) for name in ("é 1.png", "broken.jpg", "é 3.png")]
    assert main(["trust", *pictures, *end, "--radius", "0"]) == 0
    said = capsys.readouterr()
    assert "2 places of 2 pictures" in said.out
    assert "broken.jpg" in said.err
    with (out / "trust.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13 * 3
    chance = next(row for row in rows if row["explanation"] == "random")
    assert float(chance["advantage"]) == 0.0


def test_heads_writes_one_page_of_all_heads(
    weights: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "page.html"
    for words in (["--class", "class 1"], ["--like", str(photos / "é 1.png"), "--at", "3,3"], []):
        assert main(["heads", str(photos), "-o", str(page), "--model", weights, "--count", "2", *words]) == 0
        said = capsys.readouterr()
        assert "18 heads, 4 pictures" in said.out
        assert "broken.jpg" in said.err
        text = page.read_text("utf-8")
        assert text.count("data:image/jpeg") == 2 * sum((1, 2, 2, 4)) * 2
        assert str(tmp_path) not in text
    assert written(page.parent) == {"page.html"}


def test_a_video_is_followed_and_its_flicker_told(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = write_video(tmp_path / "film.mp4", moving_frames(5))
    words = ["segment", str(film), "-o", str(tmp_path / "out"), "--model", weights]
    assert main([*words, "--similar", "30,20", "--follow", "--stage", "0", "--smooth"]) == 0
    assert "a pixel changes its class" in capsys.readouterr().out
    assert len(contents(tmp_path / "out" / "film_overlay.mp4").frames) == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["similar", "{one}", "--at", "900,1"], "x is 0 to 119"),
        (["similar", "{one}", "--hook", "stages.9.out"], "no hook point is called 'stages.9.out'"),
        (["similar", "{one}", "{folder}", "--count", "0"], "--count is 0"),
        (["similar", "{one}", "--index", "{folder}/none"], "does not exist"),
        (["components", "{folder}/none"], "there is no file"),
        (["components", "{one}", "--threshold", "2"], "--threshold is 2.0"),
        (["components", "{one}", "--limit", "-1"], "--limit is -1"),
        (["lens", "{one}", "{one}"], "one picture"),
        (["patch", "{one}", "{small}"], "one size"),
        (["patch", "{one}", "{one}", "--class", "cheese"], "no class 'cheese'"),
        (["patch", "{one}", "{one}", "--stages", "7"], "0 to 3"),
        (["patch", "{one}", "{one}", "--stages", "3", "--tokens", "3.9"], "block (3, 9) does not exist"),
        (["trust", "{one}", "{one}", "--at", "1,1"], "one picture"),
        (["trust", "{one}", "--at", "1,1", "--layer", "stages.3.blocks.0.attn.q"], "carries no map"),
        (["heads", "{one}", "--at", "1,1"], "--like"),
        (["heads", "{one}", "-o", "{folder}"], "is a folder"),
        (["segment", "{one}", "--follow"], "--follow needs a point"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: list[str],
    message: str,
    weights: str,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(tmp_path / "small.png")
    (photos / "broken.jpg").unlink()
    places = {"one": photos / "é 0.png", "folder": photos, "small": tmp_path / "small.png"}
    words = [word.format(**places) for word in words]
    if "-o" not in words:
        words += ["-o", str(tmp_path / ("out.html" if words[0] == "heads" else "out"))]
    assert main([*words, "--model", weights]) == 2
    errors = capsys.readouterr().err
    last = errors.replace("\r", "\n").strip().splitlines()[-1]
    assert message in last
    assert "Traceback" not in errors
    assert not list(tmp_path.glob("out/*"))
    assert not (tmp_path / "out.html").exists()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent to a process of its own")
def test_ctrl_c_leaves_no_half_a_page_or_index(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").unlink()
    page = tmp_path / "out" / "page.html"
    for number in range(60):
        (photos / f"{number}.png").write_bytes((photos / "é 0.png").read_bytes())
    words = [sys.executable, "-m", "swinviz", "heads", str(photos), "-o", str(page), "--model", "outdoor"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ""
        while "2/64" not in seen:
            seen += process.stderr.read(1)
            assert process.poll() is None, seen
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130, rest
    assert rest.strip().endswith("stopped.")
    assert not page.parent.exists() or not list(page.parent.iterdir())
