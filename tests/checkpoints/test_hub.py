"""transformers as the oracle: its models give the same logits here, and ours give the same logits there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors
from support.models import tiny_model
from torch import nn
from transformers import (
    SwinBackbone,
    SwinConfig,
    SwinForImageClassification,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)
from transformers.utils import logging as transformers_logging

from swinviz.checkpoints import load, load_backbone, push_to_hub, save, to_hub_format
from swinviz.checkpoints.hub import cached_on_hub, fetch_from_hub
from swinviz.errors import CheckpointError, DownloadError
from swinviz.model import config as ours
from swinviz.model.fast import accelerate
from swinviz.presets import PRESETS

STAGES = ["stage1", "stage2", "stage3", "stage4"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    yield
    transformers_logging.enable_progress_bar()


def lively(model: nn.Module) -> None:
    """Weights that make every part of a model matter, where the fresh ones are nearly linear."""
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=1.0 / weight[0].numel() ** 0.5)
        elif "bias" in name:
            nn.init.normal_(weight, std=0.2)
        else:
            nn.init.uniform_(weight, 0.5, 1.5)
        if "bias_table" in name:
            nn.init.normal_(weight, std=1.0)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.2)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)


def upernet(window_size: int, **changes: Any) -> UperNetForSemanticSegmentation:
    settings: dict[str, Any] = {
        "embed_dim": 12,
        "depths": [2, 2, 2, 2],
        "num_heads": [1, 2, 3, 6],
        "hidden_size": 16,
        "auxiliary_channels": 8,
        "num_labels": 5,
    } | changes
    backbone = SwinConfig(
        embed_dim=settings["embed_dim"],
        depths=settings["depths"],
        num_heads=settings["num_heads"],
        window_size=window_size,
        out_features=STAGES,
    )
    model = UperNetForSemanticSegmentation(
        UperNetConfig(
            backbone_config=backbone,
            hidden_size=settings["hidden_size"],
            auxiliary_channels=settings["auxiliary_channels"],
            auxiliary_in_channels=4 * settings["embed_dim"],
            num_labels=settings["num_labels"],
        )
    ).eval()
    lively(model)
    return model


def difference(theirs: nn.Module, model: nn.Module, height: int, width: int) -> float:
    x = torch.randn(1, 3, height, width)
    with torch.no_grad():
        expected = theirs(x).logits
        assert 0.1 < expected.std() < 100
        return float((model(x) - expected).abs().max())


@pytest.mark.parametrize("window_size", [7, 12])
def test_logits_equal_those_of_transformers(tmp_path: Path, window_size: int) -> None:
    theirs = upernet(window_size)
    theirs.save_pretrained(tmp_path)
    model = load(tmp_path)
    assert model.config.backbone.window_size == window_size
    for size in ((512, 512), (333, 500), (130, 70), (33, 20)):
        assert difference(theirs, model, *size) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window_size", "sizes"), [(7, ((512, 512), (333, 500), (130, 70))), (12, ((333, 500), (130, 70)))]
)
def test_logits_of_the_true_tiny_shapes_equal_those_of_transformers(
    tmp_path: Path, window_size: int, sizes: tuple[tuple[int, int], ...]
) -> None:
    theirs = upernet(
        window_size,
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        hidden_size=512,
        auxiliary_channels=256,
        num_labels=150,
    )
    theirs.save_pretrained(tmp_path)
    model = load(tmp_path)
    for size in sizes:
        assert difference(theirs, model, *size) < 1e-4


@pytest.mark.parametrize("narrow", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["swin-s", "swin-l"])
def test_the_small_and_the_large_model_of_the_hub_load_with_equal_logits(
    tmp_path: Path, name: str, narrow: bool
) -> None:
    # As the config.json of openmmlab/upernet-swin-small and -large says; narrow ones keep depth and window.
    width, heads, window = {"swin-s": (96, [3, 6, 12, 24], 7), "swin-l": (192, [6, 12, 24, 48], 12)}[name]
    theirs = upernet(
        window,
        embed_dim=2 * heads[0] if narrow else width,
        depths=[2, 2, 18, 2],
        num_heads=heads,
        hidden_size=16 if narrow else 512,
        auxiliary_channels=8 if narrow else 256,
        num_labels=150,
    )
    theirs.save_pretrained(tmp_path)
    model = load(tmp_path)
    if not narrow:
        preset = PRESETS[name]
        assert sum(weight.numel() for weight in model.parameters()) == preset.parameters
        assert model.config.backbone == preset.backbone
    assert difference(theirs, model, 130, 171) < 1e-4


def test_pickled_weights_of_the_hub_load_as_well(tmp_path: Path) -> None:
    theirs = upernet(7)
    theirs.save_pretrained(tmp_path / "new")
    from safetensors.torch import load_file

    (tmp_path / "old").mkdir()
    torch.save(load_file(tmp_path / "new" / "model.safetensors"), tmp_path / "old" / "pytorch_model.bin")
    (tmp_path / "new" / "config.json").rename(tmp_path / "old" / "config.json")
    assert difference(theirs, load(tmp_path / "old"), 64, 64) < 1e-4
    assert difference(theirs, load(tmp_path / "old" / "pytorch_model.bin"), 64, 64) < 1e-4


def test_names_as_transformers_holds_them_in_memory_load_as_well(tmp_path: Path) -> None:
    theirs = upernet(7)
    torch.save(theirs.state_dict(), tmp_path / "memory.pth")
    assert difference(theirs, load(tmp_path / "memory.pth"), 64, 64) < 1e-4


def test_class_names_come_from_the_config_beside_the_weights(tmp_path: Path) -> None:
    theirs = upernet(7)
    theirs.config.id2label = dict(enumerate(("wall", "sky", "tree", "sea", "rug")))
    theirs.save_pretrained(tmp_path)
    assert load(tmp_path).config.classes == ("wall", "sky", "tree", "sea", "rug")
    assert load(tmp_path / "model.safetensors").config.classes[0] == "wall"


def test_a_damaged_config_beside_the_weights_is_named(tmp_path: Path) -> None:
    upernet(7).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"id2label": [')
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load(tmp_path)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors"):
        load(tmp_path)


def test_imagenet_backbones_of_the_hub_give_the_same_features(tmp_path: Path) -> None:
    settings = SwinConfig(
        embed_dim=12, depths=[2, 1, 2, 1], num_heads=[1, 2, 3, 6], window_size=7, out_features=STAGES
    )
    theirs = SwinForImageClassification(settings)
    lively(theirs)
    theirs.save_pretrained(tmp_path)
    config = ours.ModelConfig(
        ("a",),
        backbone=ours.SwinConfig(12, (2, 1, 2, 1), (1, 2, 3, 6), 7),
        head=ours.HeadConfig(8, aux_channels=0),
    )
    model = load_backbone(config, tmp_path).eval()
    backbone = SwinBackbone.from_pretrained(tmp_path, out_features=STAGES).eval()
    x = torch.randn(1, 3, 90, 100)
    with torch.no_grad():
        for found, expected in zip(model.features(x), backbone(x).feature_maps, strict=True):
            assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize("auxiliary", [4, 0])
def test_transformers_loads_what_we_write_and_gives_the_same_logits(tmp_path: Path, auxiliary: int) -> None:
    config = ours.ModelConfig(
        ("sky", "sea", "<b>ö"),
        backbone=ours.SwinConfig(8, (1, 2, 2, 1), (1, 2, 2, 4), 4, mlp_ratio=3.0),
        head=ours.HeadConfig(8, aux_channels=auxiliary),
    )
    from swinviz import SwinUPerNet

    model = SwinUPerNet(config).eval()
    lively(model)
    folder = to_hub_format(model, tmp_path / "for the hub")
    theirs, report = UperNetForSemanticSegmentation.from_pretrained(folder, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert theirs.config.id2label == {0: "sky", 1: "sea", 2: "<b>ö"}
    assert difference(theirs.eval(), model, 61, 70) < 1e-4


def test_what_we_write_for_transformers_loads_here_unchanged(tmp_path: Path) -> None:
    model = tiny_model()
    loaded = load(to_hub_format(model, tmp_path))
    assert loaded.config == model.config
    x = torch.randn(1, 3, 50, 40)
    with torch.no_grad():
        assert torch.equal(loaded(x), accelerate(model)(x))


def test_what_transformers_saves_again_keeps_its_logits(tmp_path: Path) -> None:
    model = tiny_model()
    theirs = UperNetForSemanticSegmentation.from_pretrained(to_hub_format(model, tmp_path / "a")).eval()
    theirs.save_pretrained(tmp_path / "b")
    assert difference(theirs, load(tmp_path / "b"), 64, 50) < 1e-4


def test_a_checkpoint_of_transformers_trainer_loads_whatever_lies_beside_the_weights(tmp_path: Path) -> None:
    theirs = upernet(7)
    theirs.save_pretrained(tmp_path)
    # Trainer writes these beside the weights.
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"):
        torch.save({"state": torch.nn.Linear(2, 2)}, tmp_path / name)  # which only unpickling could read
    (tmp_path / "trainer_state.json").write_text("{}")
    assert difference(theirs, load(tmp_path), 61, 70) < 1e-4


def test_an_auxiliary_head_that_transformers_cannot_place_is_refused(tmp_path: Path) -> None:
    config = ours.ModelConfig(
        ("a",),
        backbone=ours.SwinConfig(8, (1, 1, 1, 1), (1, 1, 1, 1), 4),
        head=ours.HeadConfig(8, aux_channels=4, aux_stage=1),
    )
    from swinviz import SwinUPerNet

    with pytest.raises(CheckpointError, match="stage 1"):
        to_hub_format(SwinUPerNet(config), tmp_path)


def test_windows_that_are_never_shifted_are_refused(tmp_path: Path) -> None:
    config = tiny_model().config
    from swinviz import SwinUPerNet

    model = SwinUPerNet(replace(config, backbone=replace(config.backbone, shifted=False)))
    with pytest.raises(CheckpointError, match="never shifts"):
        to_hub_format(model, tmp_path)


class TestRepositories:
    """The hub itself is played by a folder; no test talks to it."""

    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "repository"
        to_hub_format(tiny_model(), folder)

        def download(hub_id: str, name: str, **_: object) -> str:
            if hub_id != "someone/model":
                raise errors.HFValidationError(hub_id)
            if not (folder / name).is_file():
                raise errors.EntryNotFoundError(name)
            return str(folder / name)

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
        return folder

    def test_an_id_loads_the_repository(self, hub: Path) -> None:
        assert load("someone/model", progress=False).config == tiny_model().config

    def test_older_weights_are_taken_where_there_are_no_newer(self, hub: Path) -> None:
        from safetensors.torch import load_file

        torch.save(load_file(hub / "model.safetensors"), hub / "pytorch_model.bin")
        (hub / "model.safetensors").unlink()
        assert fetch_from_hub("someone/model").name == "pytorch_model.bin"

    def test_a_repository_without_weights_is_named(self, hub: Path) -> None:
        (hub / "model.safetensors").unlink()
        with pytest.raises(DownloadError, match="someone/model"):
            fetch_from_hub("someone/model")

    def test_an_unknown_repository_is_named(self, hub: Path) -> None:
        with pytest.raises(DownloadError, match="no model 'someone/else'"):
            load("someone/else")

    def test_no_network_is_said_in_one_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def offline(*_: object, **__: object) -> str:
            raise errors.LocalEntryNotFoundError("no connection\nand much more")

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
        with pytest.raises(DownloadError, match="check the network") as caught:
            load("someone/model", progress=False)
        assert "\n" not in str(caught.value)

    @pytest.mark.slow  # the hub's client tries again and again before it gives up
    def test_the_hub_that_cannot_be_reached_is_no_traceback(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The real client, kept off the network by conftest's socket.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        with contextlib.suppress(AttributeError):
            monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(DownloadError, match="check the network"):
            fetch_from_hub("someone/model-that-nobody-has", progress=False)

    def test_what_the_hub_has_cached_is_found_without_asking(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = save(tiny_model(), tmp_path / "model.safetensors")
        monkeypatch.setattr(
            huggingface_hub,
            "try_to_load_from_cache",
            lambda _, name: str(path) if name == path.name else None,
        )
        assert cached_on_hub("someone/model") == path
        assert load("someone/model").config == tiny_model().config

    def test_publishing_uploads_one_folder_for_both_libraries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        uploaded: dict[str, Any] = {}

        class Api:
            def create_repo(self, hub_id: str, *, private: bool, exist_ok: bool) -> Any:
                uploaded["private"] = private
                return type("Repository", (), {"repo_id": hub_id})

            def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> Any:
                uploaded["config"] = json.loads((Path(folder_path) / "config.json").read_text())
                uploaded["model"] = load(folder_path).config
                return type("Commit", (), {"commit_url": f"https://hub/{repo_id}/commit/1"})

        monkeypatch.setattr(huggingface_hub, "HfApi", Api)
        model = tiny_model()
        assert push_to_hub(model, "me/mine", private=True) == "https://hub/me/mine/commit/1"
        assert uploaded["private"]
        assert uploaded["model"] == model.config
        assert uploaded["config"]["model_type"] == "upernet"

    def test_publishing_without_login_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Api:
            def create_repo(self, *_: object, **__: object) -> None:
                raise errors.LocalTokenNotFoundError("no token")

        monkeypatch.setattr(huggingface_hub, "HfApi", Api)
        with pytest.raises(DownloadError, match="hf auth login"):
            push_to_hub(tiny_model(), "me/mine")
