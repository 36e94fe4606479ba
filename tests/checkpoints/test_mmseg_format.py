"""Models under mmsegmentation's names: the file that it wrote comes out again, tensor by tensor."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.models import tiny_config, tiny_model

from swinviz import SwinUPerNet
from swinviz.checkpoints import load, save, to_mmsegmentation
from swinviz.checkpoints.mmseg_format import _tensors
from swinviz.cli import main
from swinviz.errors import CheckpointError
from swinviz.presets import build


def state_dict(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


def test_a_file_of_mmsegmentation_comes_out_with_the_same_bits(tmp_path: Path, data_dir: Path) -> None:
    ours = state_dict(to_mmsegmentation(load(data_dir / "mmseg_tiny_w7.pth"), tmp_path / "again.pth"))
    theirs = state_dict(data_dir / "mmseg_tiny_w7.pth")
    recomputed = ("relative_position_index", "num_batches_tracked")
    assert {name for name in ours if not name.endswith(recomputed)} == {
        name for name in theirs if not name.endswith(recomputed)
    }
    for name in ours.keys() & theirs.keys():
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize(
    ("row", "preset"),
    [("swin-t", "swin-t"), ("swin-s", "swin-s"), ("swin-b", "swin-b"), ("swin-b-w12", "swin-b-384")],
)
def test_names_and_shapes_are_the_published_ones(data_dir: Path, row: str, preset: str) -> None:
    listed = json.loads((data_dir / "mmseg_state_dicts.json").read_text())[row]["tensors"]
    with torch.device("meta"):
        model = build(preset, [f"class {k}" for k in range(150)])
    assert {name: list(tensor.shape) for name, tensor in _tensors(model).items()} == listed


def test_the_round_trip_keeps_every_bit_and_the_whole_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(
        tiny_config(window_size=5), classes=("sky", "海", "é"), scale=(640, 320), unsure_below=0.3
    )
    config = replace(config, head=replace(config.head, pool_scales=(1, 2, 4), dropout=0.2, aux_stage=1))
    torch.manual_seed(3)
    model = SwinUPerNet(config)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.normal_().abs_()
    source = save(model, tmp_path / "ours.safetensors")
    assert main(["convert", str(source), str(tmp_path / "theirs.pth"), "--mmseg"]) == 0
    assert "3 classes" in capsys.readouterr().out
    assert main(["convert", str(tmp_path / "theirs.pth"), str(tmp_path / "back.safetensors")]) == 0
    assert load(tmp_path / "back.safetensors").config == config
    back = load(tmp_path / "back.safetensors").state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(back[name], tensor), name


def test_classes_and_colors_stand_where_both_versions_look_for_them(tmp_path: Path) -> None:
    model = tiny_model()
    meta = torch.load(to_mmsegmentation(model, tmp_path / "a.pth"), weights_only=True)["meta"]
    colors = [list(color) for color in model.config.palette]
    assert meta["dataset_meta"] == {"classes": list(model.config.classes), "palette": colors}
    assert (meta["CLASSES"], meta["PALETTE"]) == (list(model.config.classes), colors)


def test_what_mmsegmentation_cannot_be_told_is_refused(tmp_path: Path) -> None:
    config = tiny_config()
    unshifted = SwinUPerNet(replace(config, backbone=replace(config.backbone, shifted=False)))
    with pytest.raises(CheckpointError, match="never shifts"):
        to_mmsegmentation(unshifted, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"\.pth"):
        to_mmsegmentation(tiny_model(), tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_damaged_configuration_of_ours_inside_is_refused_in_one_sentence(tmp_path: Path) -> None:
    content = torch.load(to_mmsegmentation(tiny_model(), tmp_path / "a.pth"), weights_only=True)
    content["meta"]["swinviz"] = '{"classes": 3}'
    torch.save(content, tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match="description of the model is damaged"):
        load(tmp_path / "b.pth")
