"""Publishing on the hub: its own client on both ends, a server on this machine between them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import EvalResult
from huggingface_hub import ModelCard as HubCard
from support.hub_server import TOKEN, Hub, hub_server
from support.models import tiny_model

from swinviz.checkpoints import ModelCard, load, save, to_hub_format
from swinviz.evaluation import evaluate

REPOSITORY = Path(__file__).parents[2]


class Blocks:
    """Random labels on random pictures."""

    classes = ("class 0", "class 1", "class 2")
    palette = ((0, 0, 0), (90, 90, 90), (200, 200, 200))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(index)
        return rng.integers(0, 256, (40, 50, 3), np.uint8), rng.integers(0, 3, (40, 50)).astype(np.uint8)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as served:
        yield served


def swinviz(hub: Hub, home: Path, *words: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """Run a command with the hub's real client, which finds the hub at our address."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",  # the way of uploading that this server knows
        "PYTHONPATH": str(REPOSITORY),
    }
    return subprocess.run(
        [sys.executable, "-m", "swinviz", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
class TestHub:
    def test_what_was_pushed_is_loaded_with_the_same_bits_and_shows_its_figures(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        model = tiny_model()
        model.config = replace(model.config, scale=(64, 48), unsure_below=0.25)
        weights = save(model, tmp_path / "mine.safetensors")
        report = evaluate(model, Blocks(), progress=False)  # type: ignore[arg-type]
        report.save(tmp_path / "report.json")

        words = ("--report", str(tmp_path / "report.json"), "--license", "cc-by-nc-4.0", "--private")
        pushed = swinviz(hub, tmp_path / "one", "push", str(weights), "somebody/mine", *words)
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.startswith(f"{hub.address}/somebody/mine/commit/")
        assert hub.private == {"somebody/mine"}
        assert hub.messages == ["Upload model"]
        files = hub.repositories["somebody/mine"]
        assert files.keys() == {"model.safetensors", "config.json", "preprocessor_config.json", "README.md"}

        out = tmp_path / "back.safetensors"
        pulled = swinviz(hub, tmp_path / "two", "convert", "somebody/mine", str(out))
        assert pulled.returncode == 0, pulled.stderr
        back, source = load(out), load(weights)
        assert back.config == model.config
        for name, tensor in source.state_dict().items():
            assert tensor.equal(back.state_dict()[name]), name

        data = HubCard(files["README.md"].decode()).data
        assert (data.license, data.pipeline_tag, data.model_name) == (
            "cc-by-nc-4.0",
            "image-segmentation",
            "mine",
        )
        shown = {result.metric_type: result.metric_value for result in data.eval_results}
        counts = report.counts.confusion
        union = counts.sum(0) + counts.sum(1) - np.diag(counts)
        assert shown["mean_iou"] == pytest.approx(np.mean(np.diag(counts) / union), abs=1e-5)
        assert shown["accuracy"] == pytest.approx(np.trace(counts) / counts.sum(), abs=1e-5)
        assert {result.dataset_name for result in data.eval_results} == {"Blocks"}

        again = swinviz(hub, tmp_path / "one", "push", str(weights), "somebody/mine", "--message", "Again")
        assert again.returncode == 0, again.stderr  # into the repository that is there
        assert hub.messages[-1] == "Again"

    @pytest.mark.parametrize(
        ("words", "token", "says"),
        [
            (("push", "nano", "somebody/mine"), "hf_of_nobody", "hf auth login"),
            (("convert", "somebody/nothing", "a.safetensors"), TOKEN, "no model 'somebody/nothing'"),
        ],
    )
    def test_what_the_hub_refuses_costs_one_sentence(
        self, hub: Hub, tmp_path: Path, words: tuple[str, ...], token: str, says: str
    ) -> None:
        refused = swinviz(hub, tmp_path, *words, token=token)
        assert refused.returncode == 2
        assert says in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert not hub.repositories


def test_a_card_is_what_the_hubs_own_library_reads(tmp_path: Path) -> None:
    card = ModelCard(
        name="me/mine: a # name",
        dataset="ADE20K",
        split="validation",
        figures={"mean_iou": 0.44409, "boundary_iou": math.nan, "accuracy": 1.0},
        how="2000 images, whole, one scale",
    )
    read = HubCard.load(to_hub_format(tiny_model(), tmp_path, card) / "README.md")
    common = {
        "task_type": "image-segmentation",
        "dataset_type": "scene_parse_150",
        "dataset_name": "ADE20K",
        "dataset_split": "validation",
    }
    assert read.data.eval_results == [
        EvalResult(metric_type="mean_iou", metric_name="mIoU", metric_value=0.44409, **common),
        EvalResult(metric_type="accuracy", metric_name="aAcc", metric_value=1.0, **common),
    ]
    assert read.data.model_name == "mine: a # name"
    assert "| mIoU | 44.41 |" in read.text


def test_a_card_without_figures_claims_none(tmp_path: Path) -> None:
    read = HubCard.load(to_hub_format(tiny_model(), tmp_path) / "README.md")
    assert read.data.eval_results is None
    assert read.data.library_name == "transformers"
    assert "Measured" not in read.text


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"figures": {"mean_iou": 0.5}}, "name it"),
        ({"dataset": "Ours", "figures": {"miou": 0.5}}, "'miou' is no figure"),
    ],
)
def test_figures_that_say_nothing_are_refused(facts: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ModelCard(**facts)  # type: ignore[arg-type]
