"""Programs of torch.export give what the model gives, at every batch, height and width."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.models import tiny_model

import swinviz
from swinviz.exporting import ExportOptions, export, to_program

PATTERNS = "stages.*.blocks.*.attn.pattern"


def compare(
    model: swinviz.SwinUPerNet, file: Path, sizes: list[tuple[int, int]], batches: tuple[int, ...] = (1, 3)
) -> tuple[float, float]:
    program = torch.export.load(file).module()
    logits = patterns = 0.0
    for size in sizes:
        for batch in batches:
            images = torch.randn(batch, 3, *size)
            with torch.no_grad(), swinviz.capture(model, PATTERNS) as seen:
                expected = model(images)
                found = program(images)
            assert found[0].shape == expected.shape
            logits = max(logits, float((found[0] - expected).abs().max()))
            for value, (name, pattern) in zip(found[1:], seen.items(), strict=True):
                assert value.shape == pattern.shape, name
                patterns = max(patterns, float((value - pattern).abs().max()))
    return logits, patterns


@pytest.mark.slow  # torch.export reasons about symbols for half a minute
def test_one_program_serves_every_size_and_batch(tmp_path: Path) -> None:
    model = tiny_model()
    file = export(model, tmp_path / "model.pt2", ExportOptions(("logits", PATTERNS)))
    rng = np.random.default_rng(5)
    sizes = [(1, 1), (1, 5), (33, 3), *((int(a), int(b)) for a, b in rng.integers(1, 200, (17, 2)))]
    logits, patterns = compare(model, file, sizes)
    assert logits < 2e-5
    assert patterns < 1e-5
    described = {"swinviz.json": ""}
    torch.export.load(file, extra_files=described)
    assert json.loads(json.loads(described["swinviz.json"])["classes"]) == list(model.config.classes)


# Window 7 and window 12; following sizes as symbols takes minutes.
@pytest.mark.parametrize("name", ["nano", "swin-t", "swin-b-384"])
@pytest.mark.slow
def test_named_models_as_programs(name: str, tmp_path: Path) -> None:
    model = swinviz.load(name) if name == "nano" else swinviz.build(name).eval()
    file = export(model, tmp_path / "model.pt2", ExportOptions(("logits", PATTERNS)))
    rng = np.random.default_rng(5)
    sizes = [(1, 1), *((int(a), int(b)) for a, b in rng.integers(1, 200, (19, 2)))]
    logits, patterns = compare(model, file, sizes, batches=(1,))
    print(f"{name}: logits {logits:.1e}, patterns {patterns:.1e}")
    assert logits < 1e-4
    assert patterns < 1e-5


def test_what_a_program_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no controls"):
        to_program(tiny_model(), ExportOptions(controls=True))
    with pytest.raises(ValueError, match=r"export model.half\(\)"):
        to_program(tiny_model(), ExportOptions(half=True))
