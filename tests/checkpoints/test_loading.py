"""Weights files of every publisher become the model they were saved from, or are refused."""

from __future__ import annotations

import json
import logging
import os
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from support.models import tiny_config, tiny_model
from support.published_names import DEPTHS, EMBED, HEADS, official_backbone, timm_backbone
from torch import Tensor, nn

from swinviz.checkpoints import available, cache, convert, load, load_backbone, loading, save
from swinviz.checkpoints.architecture import check_shapes, read_backbone, read_heads
from swinviz.checkpoints.backbone import resize_bias_table
from swinviz.checkpoints.keys import HUB, MMSEGMENTATION, OFFICIAL, OURS, TIMM, find_key_format, translate
from swinviz.checkpoints.shapes import expected_shapes
from swinviz.errors import CheckpointError
from swinviz.interventions import no_shift
from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.model.fast import accelerate
from swinviz.model.hooks import edit
from swinviz.model.swin import PatchMerging
from swinviz.presets import PRESETS
from swinviz.segmenter import SwinUPerNet


@pytest.fixture
def published(data_dir: Path) -> Path:
    """A random model in mmsegmentation 0.x's layout."""
    return data_dir / "mmseg_tiny_w7.pth"


@pytest.fixture
def state(published: Path) -> dict[str, Any]:
    return torch.load(published, weights_only=True)


def backbone_config(window_size: int = 7) -> ModelConfig:
    return ModelConfig(
        ("a", "b"), backbone=SwinConfig(EMBED, DEPTHS, HEADS, window_size), head=HeadConfig(8, aux_channels=4)
    )


class TestMmsegmentation:
    @pytest.mark.parametrize("size", ["64x96", "77x110"])
    def test_logits_are_those_that_mmsegmentation_computes(
        self, published: Path, data_dir: Path, size: str
    ) -> None:
        stored = np.load(data_dir / f"mmseg_tiny_w7_{size}.npz")  # computed by mmsegmentation 1.2.2
        with torch.no_grad():
            logits = load(published)(torch.from_numpy(stored["input"]))
        assert np.abs(logits.numpy() - stored["logits"]).max() < 1e-4

    def test_classes_and_palette_of_version_0_come_from_the_file(self, published: Path) -> None:
        config = load(published).config
        assert config.classes == ("class_0", "class_1", "class_2", "class_3", "class_4")
        assert config.palette[1:3] == ((37, 91, 53), (74, 182, 106))

    def test_version_1_files_load_without_the_classes_they_name(
        self, state: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = types.ModuleType("mmengine.logging.history_buffer")

        class HistoryBuffer:
            def __init__(self) -> None:
                self._log_history = np.array([0.5, 0.25])
                self._statistics_methods = {"mean": HistoryBuffer.mean}

            def mean(self) -> float:
                return 0.0

        HistoryBuffer.__module__ = module.__name__
        HistoryBuffer.__qualname__ = "HistoryBuffer"
        HistoryBuffer.mean.__module__ = module.__name__
        HistoryBuffer.mean.__qualname__ = "HistoryBuffer.mean"
        module.HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
        path = tmp_path / "iter_160000.pth"
        with monkeypatch.context() as patch:
            for name in ("mmengine", "mmengine.logging", module.__name__):
                patch.setitem(sys.modules, name, module)
            saved = {
                "meta": {
                    "dataset_meta": {
                        "classes": ("wall", "sky", "tree", "sea", "rug"),
                        "palette": [[9, 8, 7]] * 5,
                    },
                    "experiment_name": "swin",
                    "seed": 3,
                },
                "state_dict": state["state_dict"],
                "message_hub": {"log_scalars": OrderedDict({"train/loss": HistoryBuffer()})},
                "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}},
            }
            torch.save(saved, path)
        model = load(path)
        assert model.config.classes == ("wall", "sky", "tree", "sea", "rug")
        assert model.config.palette[0] == (9, 8, 7)
        assert "mmengine" not in sys.modules

    def test_parallel_training_leaves_a_prefix_that_is_removed(
        self, state: dict[str, Any], published: Path, tmp_path: Path
    ) -> None:
        prefixed = {f"module.{name}": tensor for name, tensor in state["state_dict"].items()}
        torch.save({"state_dict": prefixed}, tmp_path / "ddp.pth")
        assert torch.equal(
            load(tmp_path / "ddp.pth").head.classifier.weight, load(published).head.classifier.weight
        )

    def test_merging_is_reordered_from_unfold(self) -> None:
        # mmsegmentation's own merging, written out: unfold, normalize, reduce.
        channels = 3
        norm = nn.LayerNorm(4 * channels)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        x = torch.randn(2, channels, 6, 8)
        unfolded = nn.functional.unfold(x, kernel_size=2, stride=2).transpose(1, 2)
        expected = reduction(norm(unfolded)).reshape(2, 3, 4, 2 * channels)
        names = {
            "backbone.stages.0.blocks.0.attn.w_msa.proj.bias": torch.zeros(channels),
            "backbone.stages.0.downsample.norm.weight": norm.weight,
            "backbone.stages.0.downsample.norm.bias": norm.bias,
            "backbone.stages.0.downsample.reduction.weight": reduction.weight,
        }
        merging = PatchMerging(channels)
        prefix = "backbone.stages.0.downsample."
        merging.load_state_dict(
            {k.removeprefix(prefix): v for k, v in translate(names).items() if k.startswith(prefix)}
        )
        assert torch.allclose(merging(x.permute(0, 2, 3, 1)), expected, atol=1e-5)

    @pytest.mark.parametrize(
        ("row", "parameters"),
        [
            ("swin-t", 59_941_862),
            ("swin-s", 81_259_766),
            ("swin-b", 121_279_716),
            ("swin-b-w12", 121_415_076),
        ],
    )
    def test_every_published_tensor_has_its_place(self, data_dir: Path, row: str, parameters: int) -> None:
        listed = json.loads((data_dir / "mmseg_state_dicts.json").read_text())[row]["tensors"]
        model = self.model_of(listed)
        assert sum(weight.numel() for weight in model.parameters()) == parameters

    @pytest.mark.parametrize("row", ["swin-t", "swin-b-w12"])
    def test_the_names_that_transformers_holds_in_memory_have_their_place(
        self, data_dir: Path, row: str
    ) -> None:
        self.model_of(json.loads((data_dir / "hf_state_dicts.json").read_text())[row])

    def model_of(self, shapes: dict[str, list[int]]) -> SwinUPerNet:
        tensors = translate({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
        backbone = read_backbone(tensors)
        classes, head = read_heads(tensors, backbone)
        with torch.device("meta"):
            model = SwinUPerNet(ModelConfig(tuple(map(str, range(classes))), backbone=backbone, head=head))
        check_shapes({name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}, tensors)
        return model


class TestOwnFiles:
    def test_saving_and_loading_changes_nothing(self, tmp_path: Path) -> None:
        model = tiny_model()
        x = torch.randn(1, 3, 37, 50)
        loaded = load(save(model, tmp_path / "größe 1.safetensors"))
        assert loaded.config == model.config
        assert not loaded.training
        with torch.no_grad():
            assert torch.equal(loaded(x), accelerate(model)(x))

    def test_unusual_shapes_survive(self, tmp_path: Path) -> None:
        config = ModelConfig(
            ("a", "ö\n<b>"),
            ((1, 2, 3), (4, 5, 6)),
            SwinConfig(6, (1, 2), (1, 3), 5, mlp_ratio=2.5, drop_path_rate=0.0),
            HeadConfig(4, pool_scales=(1, 3), aux_channels=0, dropout=0.0),
            scale=(300, 100),
        )
        assert load(save(SwinUPerNet(config), tmp_path / "a.safetensors")).config == config

    def test_others_may_read_the_file_if_the_user_lets_them(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            path = save(tiny_model(), tmp_path / "a.safetensors")
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == 0o640

    def test_a_model_without_the_shift_stays_one(self, tmp_path: Path) -> None:
        shifted = tiny_model()
        model = SwinUPerNet(replace(shifted.config, backbone=replace(shifted.config.backbone, shifted=False)))
        model.load_state_dict(shifted.state_dict())
        loaded, x = load(save(model.eval(), tmp_path / "a.safetensors")), torch.randn(1, 3, 64, 64)
        with torch.no_grad():
            assert torch.equal(loaded(x), accelerate(model)(x))
            with edit(shifted, no_shift()):
                assert torch.equal(loaded(x), accelerate(shifted)(x))
            assert not torch.equal(loaded(x), shifted(x))

    def test_half_precision_files_are_computed_in_full_unless_asked(self, tmp_path: Path) -> None:
        path = save(tiny_model().half(), tmp_path / "half.safetensors")
        assert load_file(path)["head.classifier.weight"].dtype == torch.float16
        assert load(path).dtype == torch.float32
        assert load(path, dtype=torch.bfloat16).dtype == torch.bfloat16

    def test_a_loaded_model_can_be_trained(self, tmp_path: Path) -> None:
        model = load(save(tiny_model(), tmp_path / "a.safetensors")).train()
        logits, auxiliary = model.forward_train(torch.randn(2, 3, 32, 32))
        assert auxiliary is not None
        (logits.sum() + auxiliary.sum()).backward()
        assert all(weight.grad is not None for weight in model.parameters())

    def test_a_loaded_model_does_not_hang_on_the_file(self, tmp_path: Path) -> None:
        path = save(tiny_model(), tmp_path / "a.safetensors")
        model = load(path)
        before = model.head.classifier.weight.clone()
        path.write_bytes(b"\0" * path.stat().st_size)
        assert torch.equal(model.head.classifier.weight, before)

    def test_another_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="suffix"):
            save(tiny_model(), tmp_path / "model.pth")
        assert not list(tmp_path.iterdir())

    def test_failing_to_save_keeps_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = save(tiny_model(seed=1), tmp_path / "a.safetensors")
        old = path.read_bytes()

        def full_disk(_tensors: object, file: Path, **_named: object) -> None:
            file.write_bytes(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("swinviz.checkpoints.saving.save_file", full_disk)
        with pytest.raises(OSError, match="No space"):
            save(tiny_model(seed=2), path)
        assert path.read_bytes() == old
        assert list(tmp_path.iterdir()) == [path]

    def test_conversion_gives_the_same_logits(self, published: Path, tmp_path: Path) -> None:
        out = tmp_path / "converted.safetensors"
        convert(published, out)
        x = torch.randn(1, 3, 64, 64)
        with torch.no_grad():
            assert torch.equal(load(out)(x), load(published)(x))
        assert load(out).config == load(published).config


class TestBackbones:
    @pytest.mark.parametrize("file", [official_backbone, timm_backbone])
    @pytest.mark.parametrize("wrapped", [True, False])
    def test_every_weight_arrives(
        self, tmp_path: Path, file: Callable[[], dict[str, Tensor]], wrapped: bool
    ) -> None:
        path = tmp_path / "imagenet.pth"
        torch.save({"model": file()} if wrapped else file(), path)
        model = load_backbone(backbone_config(), path)
        source = official_backbone()
        stages = model.backbone.stages
        for stage in range(4):
            block = stages[stage].blocks[-1]
            name = f"layers.{stage}.blocks.{DEPTHS[stage] - 1}"
            assert torch.equal(block.attn.qkv.weight, source[f"{name}.attn.qkv.weight"])
            assert torch.equal(block.mlp.fc2.bias, source[f"{name}.mlp.fc2.bias"])
            if stage < 3:
                expected = source[f"layers.{stage}.downsample.reduction.weight"]
                assert torch.equal(stages[stage].downsample.reduction.weight, expected)
        assert torch.equal(model.backbone.patch_embed.proj.weight, source["patch_embed.proj.weight"])

    def test_what_stays_fresh_is_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        torch.save({"model": official_backbone()}, tmp_path / "imagenet.pth")
        with caplog.at_level(logging.INFO, "swinviz"):
            load_backbone(backbone_config(window_size=5), tmp_path / "imagenet.pth")
        assert "6 bias tables resized" in caplog.text
        assert "8 tensors of norms" in caplog.text

    def test_a_whole_model_lends_its_backbone_with_norms(self, published: Path) -> None:
        whole = load(published)
        config = ModelConfig(("x",), backbone=whole.config.backbone, head=HeadConfig(8, aux_channels=0))
        model = load_backbone(config, published)
        x = torch.randn(1, 3, 40, 40)
        with torch.no_grad():
            for ours, theirs in zip(model.eval().features(x), whole.features(x), strict=True):
                assert torch.equal(ours, theirs)

    def test_another_shape_is_refused(self, tmp_path: Path) -> None:
        wider = ModelConfig(("a",), backbone=SwinConfig(2 * EMBED, DEPTHS, HEADS))
        torch.save({"model": official_backbone()}, tmp_path / "imagenet.pth")
        with pytest.raises(CheckpointError, match=r"imagenet\.pth .* of another shape"):
            load_backbone(wider, tmp_path / "imagenet.pth")

    def test_loading_a_backbone_as_a_model_says_what_to_do(self, tmp_path: Path) -> None:
        torch.save({"model": official_backbone()}, tmp_path / "imagenet.pth")
        with pytest.raises(CheckpointError, match=r"load_backbone"):
            load(tmp_path / "imagenet.pth")

    @pytest.mark.parametrize(("old", "new"), [(7, 12), (12, 7), (4, 5)])
    def test_bias_tables_are_resized_by_cubic_convolution(self, old: int, new: int) -> None:
        table = torch.randn((2 * old - 1) ** 2, 2)
        resized = resize_bias_table(table, new).reshape(2 * new - 1, 2 * new - 1, 2)
        grid = table.reshape(2 * old - 1, 2 * old - 1, 2)
        for y, x in ((0, 0), (1, 2 * new - 2), (new - 1, new - 1), (new, 2)):
            expected = cubic(grid.double(), y, x, 2 * new - 1)
            assert torch.allclose(resized[y, x].double(), expected, atol=1e-5)

    def test_bias_tables_that_fit_are_left_alone(self) -> None:
        table = torch.randn(169, 3)
        assert resize_bias_table(table, 7) is table


def cubic(grid: Tensor, y: int, x: int, size: int) -> Tensor:
    """Keys' cubic convolution with a = -0.75 and repeated borders at one target pixel; grid is (n, n, C)."""
    n, a = grid.shape[0], -0.75

    def weight(t: float) -> float:
        t = abs(t)
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0

    def taps(target: int) -> list[tuple[int, float]]:
        center = (target + 0.5) * n / size - 0.5
        base = int(np.floor(center))
        return [(min(max(k, 0), n - 1), weight(center - k)) for k in range(base - 1, base + 3)]

    total = torch.zeros(grid.shape[2], dtype=torch.float64)
    for row, down in taps(y):
        for column, right in taps(x):
            total += down * right * grid[row, column]
    return total


class TestKeyFormats:
    def test_each_naming_is_recognized(self, state: dict[str, Any]) -> None:
        assert find_key_format(state["state_dict"]) is MMSEGMENTATION
        assert find_key_format(official_backbone()) is OFFICIAL
        assert find_key_format(timm_backbone()) is TIMM
        assert find_key_format(tiny_model().state_dict()) is OURS
        assert find_key_format(["backbone.encoder.layers.0.blocks.0.attention.self.query.weight"]) is HUB

    def test_the_official_segmentation_files_need_no_reordering(self, tmp_path: Path) -> None:
        # SwinTransformer/Swin-Transformer-Semantic-Segmentation: official backbone, mmsegmentation heads.
        model = SwinUPerNet(backbone_config()).eval()
        names = {}
        for name, tensor in model.state_dict().items():
            name = name.replace("backbone.stages.", "backbone.layers.").replace("norms.", "norm")
            name = name.replace("head.ppm.", "decode_head.psp_modules.")
            name = name.replace("head.lateral.", "decode_head.lateral_convs.")
            name = name.replace("head.fpn.", "decode_head.fpn_convs.")
            name = name.replace("head.fusion.", "decode_head.fpn_bottleneck.")
            name = name.replace("head.classifier.", "decode_head.conv_seg.")
            name = name.replace("head.bottleneck.", "decode_head.bottleneck.").replace(
                "decode_decode_", "decode_"
            )
            name = name.replace("aux.conv.", "auxiliary_head.convs.0.")
            name = name.replace("aux.classifier.", "auxiliary_head.conv_seg.")
            for grid in range(4):
                name = name.replace(f"psp_modules.{grid}.", f"psp_modules.{grid}.1.")
            names[name] = tensor
        torch.save({"state_dict": names}, tmp_path / "official.pth")
        x = torch.randn(1, 3, 64, 64)
        with torch.no_grad():
            assert torch.equal(load(tmp_path / "official.pth")(x), accelerate(model)(x))

    def test_two_names_for_one_tensor_are_refused(self) -> None:
        twice = official_backbone() | {
            "module.norm0.weight": torch.zeros(8),
            "backbone.norm0.weight": torch.ones(8),
        }
        with pytest.raises(CheckpointError, match="twice"):
            translate(twice)


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    """Any small architecture."""
    stages = draw(st.integers(1, 4))
    heads = draw(st.lists(st.sampled_from((1, 2)), min_size=stages, max_size=stages))
    backbone = SwinConfig(
        embed_dim=2 * draw(st.integers(1, 4)),
        depths=tuple(draw(st.lists(st.integers(1, 3), min_size=stages, max_size=stages))),
        num_heads=tuple(heads),
        window_size=draw(st.integers(1, 8)),
        mlp_ratio=draw(st.sampled_from((1.0, 2.0, 2.5, 4.0))),
    )
    auxiliary = draw(st.integers(0, 3))
    stage = draw(st.integers(0, stages - 1)) if auxiliary else HeadConfig().aux_stage
    head = HeadConfig(channels=draw(st.integers(1, 5)), aux_channels=auxiliary, aux_stage=stage)
    return ModelConfig(tuple(map(str, range(draw(st.integers(1, 5))))), backbone=backbone, head=head)


class TestArchitectures:
    @given(config=configs())
    def test_any_architecture_is_read_from_its_shapes(self, config: ModelConfig) -> None:
        tensors = SwinUPerNet(config).state_dict()
        backbone = read_backbone(tensors)
        assert backbone == config.backbone
        assert read_heads(tensors, backbone) == (config.num_classes, config.head)

    @given(config=configs())
    def test_the_shapes_that_are_expected_are_those_of_the_model(self, config: ModelConfig) -> None:
        tensors = SwinUPerNet(config).state_dict()
        assert expected_shapes(config) == {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    @given(config=configs())
    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_architecture_is_saved_and_loaded(self, config: ModelConfig, tmp_path: Path) -> None:
        model = SwinUPerNet(config).eval()
        loaded = load(save(model, tmp_path / "a.safetensors"))
        assert loaded.config == config
        x = torch.randn(1, 3, 21, 34)
        with torch.no_grad():
            assert torch.equal(loaded(x), accelerate(model)(x))


class TestStrictness:
    def changed(self, tmp_path: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
        model = tiny_model()
        path = save(model, tmp_path / "changed.safetensors")
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path, metadata)
        return path

    def test_a_missing_tensor_is_named(self, tmp_path: Path) -> None:
        path = self.changed(tmp_path, lambda t: t.pop("backbone.stages.1.blocks.0.norm1.bias"))
        with pytest.raises(
            CheckpointError, match=r"1 missing \(backbone\.stages\.1\.blocks\.0\.norm1\.bias\)"
        ):
            load(path)

    def test_an_unexpected_tensor_is_named(self, tmp_path: Path) -> None:
        path = self.changed(tmp_path, lambda t: t.update(stray=torch.zeros(1)))
        with pytest.raises(CheckpointError, match=r"1 unexpected \(backbone\.stray\)"):
            load(path)

    def test_another_shape_is_named_with_both_shapes(self, tmp_path: Path) -> None:
        path = self.changed(tmp_path, lambda t: t.update({"head.classifier.bias": torch.zeros(7)}))
        with pytest.raises(CheckpointError, match=r"head\.classifier\.bias \(7,\) instead of \(3,\)"):
            load(path)

    def test_old_batch_normalization_without_a_counter_is_accepted(self, tmp_path: Path) -> None:
        path = self.changed(tmp_path, lambda t: t.pop("head.fusion.bn.num_batches_tracked"))
        assert load(path).head.fusion.bn.num_batches_tracked == 0

    def test_stages_with_different_windows_are_refused(self, state: dict[str, Any], tmp_path: Path) -> None:
        for name, tensor in state["state_dict"].items():
            if "stages.3" in name and name.endswith("bias_table"):
                state["state_dict"][name] = torch.zeros(25, tensor.shape[1])
        torch.save(state, tmp_path / "mixed.pth")
        with pytest.raises(CheckpointError, match=r"different window sizes, \[3, 7\]"):
            load(tmp_path / "mixed.pth")

    def test_more_class_names_than_classes_are_dropped(
        self, state: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        state["meta"]["CLASSES"] = ("just one",)
        torch.save(state, tmp_path / "names.pth")
        assert load(tmp_path / "names.pth").config.classes[4] == "class_4"
        assert "names 1 classes but decides among 5" in caplog.text


class TestNames:
    @pytest.fixture(autouse=True)
    def empty_caches(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "cache"
        monkeypatch.setenv("SWINVIZ_CACHE", str(folder))
        monkeypatch.setattr(cache, "cached_on_hub", lambda _: None)
        monkeypatch.setattr(loading, "cached_on_hub", lambda _: None)
        for name in ("nano", "outdoor"):
            save(tiny_model(), tmp_path / f"{name}.safetensors")
        monkeypatch.setattr(cache, "packaged_weights", lambda name: folder.parent / f"{name}.safetensors")
        monkeypatch.setattr(loading, "packaged_weights", lambda name: folder.parent / f"{name}.safetensors")
        return folder

    def keep(self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Put weights into the cache under a preset's file name, and their hash into the table."""
        folder.mkdir(exist_ok=True)
        path = folder / PRESETS[name].file
        path.write_bytes(save(tiny_model(), folder / "x.safetensors").read_bytes())
        monkeypatch.setattr(loading, "is_intact", lambda path, _: path.stat().st_size > 100)
        return path

    def test_an_unknown_name_is_answered_with_the_closest(self) -> None:
        with pytest.raises(FileNotFoundError, match="did you mean 'swin-t'"):
            load("swin_t")
        with pytest.raises(FileNotFoundError, match="name one of nano, outdoor, swin-t"):
            load("somewhere/else.pth")

    def test_auto_is_outdoor_where_nothing_was_fetched(self) -> None:
        assert load().config == tiny_config()
        assert loading.locate("auto").name == "outdoor.safetensors"

    def test_auto_is_the_most_accurate_model_in_the_cache(
        self, empty_caches: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("swin-t", "swin-b-22k", "swin-s"):
            best = self.keep(empty_caches, name, monkeypatch)
        best = empty_caches / PRESETS["swin-b-22k"].file
        assert loading.locate("auto") == best

    def test_auto_leaves_damaged_files_aside(
        self, empty_caches: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.keep(empty_caches, "swin-t", monkeypatch).write_bytes(b"cut")
        assert loading.locate("auto").name == "outdoor.safetensors"
        assert "damaged" in caplog.text

    def test_the_menu_says_what_is_here_and_what_would_be_fetched(
        self, empty_caches: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = self.keep(empty_caches, "swin-t", monkeypatch)
        lines = {line.preset.name: line for line in available()}
        assert list(lines) == list(PRESETS)
        assert lines["swin-t"].path == kept
        assert lines["swin-t"].download_bytes == 0
        assert lines["nano"].download_bytes == 0
        assert lines["swin-s"].path is None
        assert lines["swin-s"].download_bytes == 4 * 81_259_766

    def test_a_package_without_its_weights_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loading, "packaged_weights", lambda name: tmp_path / "gone.safetensors")
        with pytest.raises(CheckpointError, match="install it again"):
            load("nano")

    def test_the_cache_is_where_the_system_keeps_caches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert cache.cache_folder().name == "cache"
        monkeypatch.delenv("SWINVIZ_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        monkeypatch.setattr(sys, "platform", "linux")
        assert cache.cache_folder() == Path("/somewhere/swinviz")
        monkeypatch.setattr(sys, "platform", "darwin")
        assert cache.cache_folder() == Path.home() / "Library" / "Caches" / "swinviz"
