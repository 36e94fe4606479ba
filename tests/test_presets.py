"""The table of named models is the published one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from swinviz.presets import PRESETS, build

# From configs/swin/README.md of mmsegmentation: memory in GB, images a second, mIoU, mIoU ms+flip.
PUBLISHED = {
    "swin-t": (5.02, 21.06, 44.41, 45.79),
    "swin-s": (6.17, 14.72, 47.72, 49.24),
    "swin-b": (7.61, 12.65, 47.99, 49.57),
    "swin-b-22k": (None, None, 50.31, 51.9),
    "swin-b-384": (8.52, 12.10, 48.35, 49.65),
    "swin-b-384-22k": (None, None, 50.76, 52.4),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_figures_are_the_published_ones(name: str) -> None:
    row = PRESETS[name]
    assert (row.memory_gb, row.fps, row.miou, row.miou_ms_flip) == PUBLISHED[name]


def test_urls_are_the_published_ones() -> None:
    # Spelled out for one row, from mmsegmentation's configs/swin/metafile.yaml.
    assert PRESETS["swin-b-384-22k"].url == (
        "https://download.openmmlab.com/mmsegmentation/v0.5/swin/"
        "upernet_swin_base_patch4_window12_512x512_160k_ade20k_pretrain_384x384_22K/"
        "upernet_swin_base_patch4_window12_512x512_160k_ade20k_pretrain_384x384_22K_20210531_125459-429057bf.pth"
    )
    published = [PRESETS[name] for name in PUBLISHED]
    assert len({row.url for row in published}) == len(PUBLISHED)
    assert all(len(row.sha256_start) == 8 and int(row.sha256_start, 16) for row in published)


@pytest.mark.parametrize("name", PRESETS)
def test_parameter_count_is_that_of_the_model(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    assert sum(weight.numel() for weight in model.parameters()) == PRESETS[name].parameters


def test_architectures_are_the_ones_that_mmsegmentation_builds(data_dir: Path) -> None:
    listed = json.loads((data_dir / "mmseg_state_dicts.json").read_text())
    same = {"swin-b-22k": "swin-b", "swin-b-384": "swin-b-w12", "swin-b-384-22k": "swin-b-w12"}
    for name in PUBLISHED:
        assert PRESETS[name].parameters == listed[same.get(name, name)]["parameters"]
        window = 12 if "w12" in same.get(name, name) else 7
        assert PRESETS[name].backbone.window_size == window
        assert f"window{window}_" in PRESETS[name].file


def test_every_preset_can_be_had_from_somewhere() -> None:
    for row in PRESETS.values():
        assert row.shipped or row.file or row.hub_id
        assert row.license


def test_presets_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["nano"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["nano"].name = "mine"  # type: ignore[misc]


def test_a_model_for_training_has_the_classes_it_is_given() -> None:
    with torch.device("meta"):
        model = build("swin-t", ("sky", "sea"), ((0, 0, 255), (0, 0, 128)))
    assert model.config.classes == ("sky", "sea")
    assert model.config.palette[1] == (0, 0, 128)
    assert model.head.classifier.weight.shape[0] == 2
