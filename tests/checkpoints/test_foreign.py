"""Files of other architectures are called by their name; those with a Swin inside lend it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as peer
from support.published_names import DEPTHS, EMBED, HEADS, official_backbone
from torch import nn
from transformers.utils import logging as transformers_logging

from swinviz.checkpoints import load, load_backbone
from swinviz.checkpoints.foreign import find_architecture
from swinviz.errors import CheckpointError
from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.presets import PRESETS, build

STAGES = ["stage1", "stage2", "stage3", "stage4"]
SWIN: dict[str, Any] = {"embed_dim": 8, "depths": [1, 1, 2, 1], "num_heads": [1, 1, 2, 2], "window_size": 4}
CONV: dict[str, Any] = {"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]}
FLAT: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "image_size": 32,
}
HEAD: dict[str, Any] = {
    "hidden_size": 8,
    "auxiliary_channels": 8,
    "auxiliary_in_channels": 32,
    "num_labels": 3,
}
MASKS: dict[str, Any] = {
    "hidden_dim": 32,
    "encoder_feedforward_dim": 8,
    "dim_feedforward": 8,
    "num_queries": 3,
}


def swin() -> peer.SwinConfig:
    return peer.SwinConfig(image_size=64, out_features=STAGES, **SWIN)


def maskformer() -> nn.Module:
    decoder = peer.DetrConfig(d_model=32, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=8)
    config = peer.MaskFormerConfig(
        backbone_config=swin(), decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32
    )
    return peer.MaskFormerForInstanceSegmentation(config)


def mask2former() -> nn.Module:
    config = peer.Mask2FormerConfig(
        backbone_config=swin(),
        feature_size=32,
        mask_feature_size=32,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        **MASKS,
    )
    return peer.Mask2FormerForUniversalSegmentation(config)


def swin_v2() -> peer.Swinv2Config:
    return peer.Swinv2Config(image_size=64, out_features=STAGES, **SWIN)


def upernet_on(backbone: peer.PreTrainedConfig) -> nn.Module:
    return peer.UperNetForSemanticSegmentation(peer.UperNetConfig(backbone_config=backbone, **HEAD))


MODELS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "swin v2 classifier": ("SwinV2", lambda: peer.Swinv2ForImageClassification(swin_v2())),
    "upernet on swin v2": ("SwinV2", lambda: upernet_on(swin_v2())),
    "maskformer": ("MaskFormer", maskformer),
    "mask2former": ("Mask2Former", mask2former),
    "convnext": ("ConvNeXt", lambda: peer.ConvNextForImageClassification(peer.ConvNextConfig(**CONV))),
    "convnext v2": ("ConvNeXt", lambda: peer.ConvNextV2ForImageClassification(peer.ConvNextV2Config(**CONV))),
    "upernet on convnext": ("ConvNeXt", lambda: upernet_on(peer.ConvNextConfig(out_features=STAGES, **CONV))),
    "segformer": (
        "SegFormer",
        lambda: peer.SegformerForSemanticSegmentation(
            peer.SegformerConfig(num_attention_heads=[1, 1, 1, 1], decoder_hidden_size=8, **CONV)
        ),
    ),
    "vit": ("Vision Transformer", lambda: peer.ViTForImageClassification(peer.ViTConfig(**FLAT))),
    "deit": ("Vision Transformer", lambda: peer.DeiTForImageClassification(peer.DeiTConfig(**FLAT))),
    "dinov2": ("Vision Transformer", lambda: peer.Dinov2Model(peer.Dinov2Config(**FLAT))),
    "beit": (
        "BEiT",
        lambda: peer.BeitForImageClassification(peer.BeitConfig(use_relative_position_bias=True, **FLAT)),
    ),
    "deeplab": (
        "DeepLab",
        lambda: peer.MobileNetV2ForSemanticSegmentation(peer.MobileNetV2Config(depth_multiplier=0.35)),
    ),
    "resnet": (
        "ResNet",
        lambda: peer.ResNetForImageClassification(peer.ResNetConfig(embedding_size=8, **CONV)),
    ),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    yield
    transformers_logging.enable_progress_bar()


def one_sentence(error: pytest.ExceptionInfo[CheckpointError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("read", ["whole", "backbone"])
def test_a_model_of_another_architecture_is_called_by_its_name(tmp_path: Path, kind: str, read: str) -> None:
    name, build_peer = MODELS[kind]
    build_peer().save_pretrained(tmp_path)  # type: ignore[operator]
    if read == "backbone" and name in ("MaskFormer", "Mask2Former"):
        return  # they lend theirs, see below
    for path in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(CheckpointError, match=f"it is a {name}") as error:
            load(path) if read == "whole" else load_backbone(ModelConfig.tiny(), path)
        assert re.search(r"run it (whole )?with transformers", one_sentence(error))


def names(*signs: str) -> list[str]:
    return [*signs, "head.weight"]


@pytest.mark.parametrize(
    ("name", "tensors"),
    [  # as their own repositories, timm, torchvision and mmsegmentation name them
        ("SwinV2", names("layers.0.blocks.0.attn.logit_scale", "layers.0.blocks.0.attn.cpb_mlp.0.weight")),
        ("SwinV2", names("backbone.stages.0.blocks.0.attn.w_msa.logit_scale")),
        ("OneFormer", names("model.task_encoder.task_mlp.layers.0.layers.0.weight")),
        ("OneFormer", names("task_mlp.layers.0.weight")),
        ("ConvNeXt", names("stages.0.0.dwconv.weight", "stages.0.0.gamma")),
        ("ConvNeXt", names("stages.0.blocks.0.conv_dw.weight")),
        ("ConvNeXt", names("backbone.stages.0.0.depthwise_conv.weight")),
        ("ConvNeXt", names("features.1.0.layer_scale")),
        ("SegFormer", names("patch_embed1.proj.weight", "block1.0.mlp.dwconv.dwconv.weight")),
        (
            "SegFormer",
            names("backbone.layers.0.1.0.attn.attn.in_proj_weight", "decode_head.convs.0.conv.weight"),
        ),
        ("BEiT", names("cls_token", "blocks.0.gamma_1", "blocks.0.attn.q_bias")),
        ("BEiT", names("backbone.cls_token", "backbone.layers.0.gamma_1")),
        ("Vision Transformer", names("cls_token", "pos_embed", "blocks.0.attn.qkv.weight")),
        ("Vision Transformer", names("class_token", "encoder.pos_embedding")),
        ("DeepLab", names("backbone.layer1.0.conv1.weight", "classifier.0.convs.1.0.weight")),
        ("DeepLab", names("backbone.layer1.0.conv1.weight", "decode_head.aspp_modules.0.conv.weight")),
        ("ResNet", names("layer1.0.conv1.weight", "fc.weight")),
        ("ResNet", names("module.backbone.layer1.0.conv1.weight", "decode_head.psp_modules.0.1.conv.weight")),
        ("MaskFormer", names("sem_seg_head.predictor.transformer.decoder.layers.0.norm1.weight")),
        ("Mask2Former", names("sem_seg_head.predictor.transformer_cross_attention_layers.0.norm.weight")),
        ("Mask2Former", names("decode_head.pixel_decoder.encoder.layers.0.self_attn.sampling_offsets.bias")),
    ],
)
def test_other_libraries_files_are_known_too(tmp_path: Path, name: str, tensors: list[str]) -> None:
    torch.save({"state_dict": {key: torch.zeros(2) for key in tensors}}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=f"it is a {name}") as error:
        load(tmp_path / "a.pth")
    one_sentence(error)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_swin_is_taken_for_another(preset: str) -> None:
    with torch.device("meta"):
        assert find_architecture(build(preset).state_dict()) is None


def test_no_published_name_is_taken_for_anothers(data_dir: Path) -> None:
    for row in json.loads((data_dir / "mmseg_state_dicts.json").read_text()).values():
        assert find_architecture(row["tensors"]) is None
    for shapes in json.loads((data_dir / "hf_state_dicts.json").read_text()).values():
        assert find_architecture(shapes) is None
    assert find_architecture(official_backbone()) is None


def test_the_config_tells_what_the_tensors_do_not(tmp_path: Path) -> None:
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text('{"model_type": "glpn"}')
    with pytest.raises(CheckpointError, match=r"a .glpn. as the config\.json beside it says") as error:
        load(tmp_path)
    one_sentence(error)


@pytest.mark.parametrize("kind", ["maskformer", "mask2former"])
def test_a_mask_classifier_lends_its_swin_with_equal_features(tmp_path: Path, kind: str) -> None:
    theirs: Any = MODELS[kind][1]().eval()
    theirs.save_pretrained(tmp_path)
    config = ModelConfig(
        ("a", "b"), backbone=SwinConfig(8, (1, 1, 2, 1), (1, 1, 2, 2), 4), head=HeadConfig(8, aux_channels=4)
    )
    model = load_backbone(config, tmp_path).eval()
    x = torch.randn(1, 3, 75, 90)
    with torch.no_grad():
        expected = theirs.model.pixel_level_module.encoder(x).feature_maps
        for found, wanted in zip(model.features(x), expected, strict=True):
            assert (found - wanted).abs().max() < 1e-4
    with pytest.raises(CheckpointError, match=r"take its Swin Transformer with swinviz\.load_backbone"):
        load(tmp_path)


def test_detectors_lend_their_backbone_and_nothing_else(tmp_path: Path) -> None:
    inside = {
        f"backbone.{name}": tensor
        for name, tensor in official_backbone().items()
        if not name.startswith(("norm.", "head."))
    }
    heads = {
        "sem_seg_head.predictor.transformer_cross_attention_layers.0.norm.weight": torch.zeros(3),
        "criterion.empty_weight": torch.zeros(3),
    }
    torch.save({"model": inside | heads}, tmp_path / "a.pth")
    config = ModelConfig(
        ("a",), backbone=SwinConfig(EMBED, DEPTHS, HEADS, 7), head=HeadConfig(8, aux_channels=0)
    )
    model = load_backbone(config, tmp_path / "a.pth")
    assert torch.equal(model.backbone.patch_embed.proj.weight, inside["backbone.patch_embed.proj.weight"])


def test_the_flat_names_of_timms_feature_extractor_are_read(tmp_path: Path) -> None:
    names = {}
    for name, tensor in official_backbone().items():
        if name.startswith(("norm.", "head.")):
            continue
        if "downsample" in name:
            name = re.sub(r"^layers\.(\d)", lambda found: f"layers.{int(found[1]) + 1}", name)
        names[re.sub(r"^layers\.", "layers_", name)] = tensor
    torch.save(names, tmp_path / "a.pth")
    config = ModelConfig(
        ("a",), backbone=SwinConfig(EMBED, DEPTHS, HEADS, 7), head=HeadConfig(8, aux_channels=0)
    )
    model = load_backbone(config, tmp_path / "a.pth")
    wanted = official_backbone()["layers.1.downsample.reduction.weight"]
    assert torch.equal(model.backbone.stages[1].downsample.reduction.weight, wanted)
