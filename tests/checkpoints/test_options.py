"""Files of mmsegmentation with other options than the published ones: equal numbers, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.mmseg_files import CASES, DEPTHS, EMBED, FIGURES, HEADS, Options, draw, image, shapes
from torch import Tensor

from swinviz.checkpoints import load, load_backbone
from swinviz.errors import CheckpointError
from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig

SETTINGS = (
    "model = dict(decode_head=dict(type='UPerHead', pool_scales={pool_scales}, align_corners={aligned}))"
)


def write(
    path: Path,
    options: Options,
    *,
    aligned: bool = False,
    tensors: dict[str, Tensor] | None = None,
    meta: dict[str, Any] | None = None,
) -> Path:
    """Save a file as mmsegmentation 1.x does, with its configuration as text."""
    text = SETTINGS.format(pool_scales=options.pool_scales, aligned=aligned)
    names = [f"class {index}" for index in range(options.classes)]
    found = {"dataset_meta": {"classes": names, "palette": [[1, 2, 3]] * options.classes}, "cfg": text}
    weights = draw(shapes(options)) if tensors is None else tensors
    torch.save({"meta": found | (meta or {}), "state_dict": weights}, path)
    return path


@pytest.mark.parametrize("name", CASES)
def test_logits_are_mmsegmentations(tmp_path: Path, name: str) -> None:
    options = CASES[name]
    model = load(write(tmp_path / "a.pth", options))
    assert (model.aux is not None) == options.auxiliary
    assert model.config.num_classes == options.classes
    assert model.config.head.pool_scales == options.pool_scales
    with torch.no_grad():
        logits = model.low_res_logits(image(options)).numpy()
    expected = np.load(FIGURES)[name]
    assert 0.1 < expected.std() < 100
    assert np.abs(logits - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("backbone", "told"),
    [
        ({"patch_norm": False}, "patch_norm=False"),
        ({"qkv_bias": False}, "qkv_bias=False"),
        ({"use_abs_pos_embed": True, "pretrain_img_size": 32}, "use_abs_pos_embed=True"),
    ],
)
def test_options_that_the_tensors_show_are_refused_by_name(
    tmp_path: Path, backbone: dict[str, Any], told: str
) -> None:
    path = write(tmp_path / "a.pth", Options(backbone=backbone))
    with pytest.raises(CheckpointError, match=f"made with {told}, which swinviz does not compute"):
        load(path)
    with pytest.raises(CheckpointError, match=told):
        load_backbone(ModelConfig.tiny(), path)


@pytest.mark.parametrize("field", ["cfg", "config"])
def test_aligned_corners_are_refused_by_name_though_no_tensor_shows_them(tmp_path: Path, field: str) -> None:
    options = Options()
    path = write(tmp_path / "a.pth", options, meta={"cfg": ""})
    load(path)
    text = SETTINGS.format(pool_scales=options.pool_scales, aligned=True)
    meta = {"cfg": text} if field == "cfg" else {"CLASSES": list("abcde"), "config": text}  # 1.x, 0.x
    torch.save({"meta": meta, "state_dict": draw(shapes(options))}, path)
    with pytest.raises(CheckpointError, match="align_corners=True"):
        load(path)
    backbone = SwinConfig(EMBED, DEPTHS, HEADS, 7)
    config = ModelConfig(("a",), backbone=backbone, head=HeadConfig(8, aux_channels=0))
    load_backbone(config, path)  # which has no corners to align


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("backbone=dict(type='SwinTransformer', qk_scale=0.25)", r"qk_scale=0\.25"),
        ("backbone=dict(act_cfg=dict(type='SiLU'))", "act_cfg of type SiLU"),
        ('backbone={"act_cfg": {"type": "Mish"}}', "act_cfg of type Mish"),
    ],
)
def test_options_that_only_the_configuration_tells_are_refused_by_name(
    tmp_path: Path, text: str, told: str
) -> None:
    path = write(tmp_path / "a.pth", Options(), meta={"cfg": text})
    with pytest.raises(CheckpointError, match=told):
        load(path)
    with pytest.raises(CheckpointError, match=told):  # the backbone itself computes otherwise
        load_backbone(ModelConfig.tiny(), path)


@pytest.mark.parametrize("text", ["qk_scale=None", "act_cfg=dict(type='GELU')", "act_cfg=dict(type='ReLU')"])
def test_the_usual_options_are_no_reason_to_refuse(tmp_path: Path, text: str) -> None:
    load(write(tmp_path / "a.pth", Options(), meta={"cfg": f"backbone=dict({text})"}))


def test_a_file_trained_from_official_weights_is_as_any_other(tmp_path: Path) -> None:
    # pretrain_style of mmsegmentation 0.x says how ImageNet's weights were named when training began; they
    # are in its own order once they are in its model, and so is every file that it saves.
    options = CASES["two_classes"]
    text = "model = dict(backbone=dict(type='SwinTransformer', pretrain_style='official'))"
    path = write(tmp_path / "a.pth", options, meta={"config": text})
    with torch.no_grad():
        logits = load(path).low_res_logits(image(options)).numpy()
    assert np.abs(logits - np.load(FIGURES)["two_classes"]).max() < 1e-4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"decode_head.fpn_convs.0.gn.weight": torch.ones(8)}, "norm_cfg of type GN"),
        ({"decode_head.fpn_convs.0.conv.bias": torch.ones(8)}, "norm_cfg=None"),
        ({"auxiliary_head.convs.1.conv.weight": torch.ones(8, 8, 3, 3)}, "more than one convolution"),
        ({"backbone.patch_embed.projection.weight": torch.ones(EMBED, 4, 4, 4)}, "in_channels=4"),
        ({"backbone.patch_embed.projection.weight": torch.ones(EMBED, 3, 2, 2)}, "patch_size=2"),
        ({"backbone.norm0.weight": None, "backbone.norm0.bias": None}, r"out_indices=\(1, 2, 3\)"),
    ],
)
def test_other_heads_and_stems_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Tensor | None], told: str
) -> None:
    tensors = draw(shapes(Options())) | {
        name: tensor for name, tensor in changes.items() if tensor is not None
    }
    tensors = {name: tensor for name, tensor in tensors.items() if changes.get(name, tensor) is not None}
    with pytest.raises(CheckpointError, match=told):
        load(write(tmp_path / "a.pth", Options(), tensors=tensors))


def test_another_decode_head_is_called_so(tmp_path: Path) -> None:
    tensors = {
        name: tensor for name, tensor in draw(shapes(Options())).items() if not name.startswith("decode_head")
    }
    tensors["decode_head.conv_seg.weight"] = torch.ones(5, 8, 1, 1)
    tensors["decode_head.convs.0.conv.weight"] = torch.ones(8, 96, 3, 3)
    with pytest.raises(CheckpointError, match="its decode head is no UPerHead"):
        load(write(tmp_path / "a.pth", Options(), tensors=tensors))


def test_one_logit_for_two_classes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pth", Options(classes=1), meta={"dataset_meta": {"classes": ["no", "yes"]}})
    with pytest.raises(CheckpointError, match="out_channels=1"):
        load(path)


@pytest.mark.parametrize(("option", "value"), [("hidden_act", "relu"), ("layer_norm_eps", 1e-12)])
def test_options_of_the_hubs_config_are_refused_by_name(tmp_path: Path, option: str, value: object) -> None:
    torch.save(draw(shapes(Options())), tmp_path / "pytorch_model.bin")
    config = {"model_type": "upernet", "backbone_config": {option: value}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=option):
        load(tmp_path)


PALETTE = np.array([[9, 8, 7], [1, 2, 3], [255, 0, 1], [4, 4, 4], [0, 0, 0]])


@pytest.mark.parametrize(
    "palette",
    [
        PALETTE.astype(np.uint8),
        PALETTE,
        np.asfortranarray(PALETTE.astype(np.int16)),
        PALETTE.astype(">i4"),
        list(PALETTE.astype(np.uint8)),
        [[np.uint8(value) for value in color] for color in PALETTE],
        torch.tensor(PALETTE),
    ],
)
@pytest.mark.parametrize("old", [True, False])
def test_a_palette_of_numpy_is_read_without_running_numpys_code(
    tmp_path: Path, palette: object, old: bool
) -> None:
    names = list("abcde")
    meta = {"CLASSES": names, "PALETTE": palette}
    state = {"meta": meta, "state_dict": draw(shapes(Options()))}
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=not old)
    assert load(tmp_path / "a.pth").config.palette == tuple(map(tuple, PALETTE.tolist()))


def test_classes_of_numpy_are_read(tmp_path: Path) -> None:
    state = {
        "meta": {"CLASSES": np.array(["sky", "sea", "ö", "d", "e"])},
        "state_dict": draw(shapes(Options())),
    }
    torch.save(state, tmp_path / "a.pth")
    assert load(tmp_path / "a.pth").config.classes == ("sky", "sea", "ö", "d", "e")


@pytest.mark.parametrize("palette", [np.zeros((4, 3), np.uint8), np.array([None] * 5), "red", np.zeros(3)])
def test_a_palette_that_is_none_is_not_replaced_in_silence(
    tmp_path: Path, palette: object, caplog: pytest.LogCaptureFixture
) -> None:
    state = {"meta": {"CLASSES": list("abcde"), "PALETTE": palette}, "state_dict": draw(shapes(Options()))}
    torch.save(state, tmp_path / "a.pth")
    assert len(load(tmp_path / "a.pth").config.palette) == 5
    assert "colors cannot be used" in caplog.text
