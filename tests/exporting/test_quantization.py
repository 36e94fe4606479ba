"""Graphs of eight bits: small, standard, readable without PyTorch, and nearly of float32's opinion."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from exporting.test_exported import run_alone
from support.models import tiny_model

import swinviz
from swinviz.data.examples import EXAMPLE_NAMES, example_image
from swinviz.data.scenes import Scenes
from swinviz.exported import ExportedModel
from swinviz.exporting import ExportOptions, export, to_onnx, to_program

INT8 = ExportOptions(int8=True)


def small_model() -> swinviz.SwinUPerNet:
    """A tiny model that sees small images, so that measuring is quick."""
    model = tiny_model()
    model.config = replace(model.config, scale=(96, 64))
    return model


@pytest.fixture(scope="module")
def quantized() -> onnx.ModelProto:
    return to_onnx(small_model(), INT8, pictures=noise(2))


def noise(count: int, size: tuple[int, int] = (64, 80)) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def test_int8_of_the_shipped_model_runs_without_torch_and_agrees(tmp_path: Path) -> None:
    model = swinviz.load("outdoor")
    file = export(
        model, tmp_path / "int8.onnx", INT8, pictures=[example_image("cat"), example_image("rocket")]
    )
    image = example_image("temple")  # none that ranges were measured on
    np.save(tmp_path / "image.npy", image)
    code = """
result = ExportedModel(sys.argv[1]).segment(np.load(sys.argv[2]))
assert "torch" not in sys.modules
np.save(sys.argv[3], result.labels)
"""
    run_alone(code, str(file), str(tmp_path / "image.npy"), str(tmp_path / "labels.npy"))
    assert (np.load(tmp_path / "labels.npy") == model.segment(image).labels).mean() > 0.985
    assert file.stat().st_size < 0.3 * to_onnx(model).ByteSize()


@pytest.mark.parametrize("name", ["outdoor", "nano"])
@pytest.mark.slow
def test_int8_agrees_on_pictures_that_ranges_were_not_measured_on(name: str, tmp_path: Path) -> None:
    model = swinviz.load(name)
    if name == "outdoor":
        pictures = [example_image(photo) for photo in EXAMPLE_NAMES]
        measured, held_out = pictures[1::2], pictures[::2]
    else:
        measured = [image for image, _ in Scenes("train", 8, (224, 320))]
        held_out = [image for image, _ in Scenes("val", 8, (224, 320))]
    whole = ExportedModel(export(model, tmp_path / "whole.onnx"))
    small = ExportedModel(export(model, tmp_path / "small.onnx", INT8, pictures=measured))
    equal = [(small.segment(image).labels == whole.segment(image).labels).mean() for image in held_out]
    print(f"{name}: labels equal in {np.mean(equal):.2%} of pixels, in the worst picture {min(equal):.2%}")
    assert np.mean(equal) > 0.985


def test_layers_are_bytes_and_the_rest_is_not(quantized: onnx.ModelProto) -> None:
    graph = quantized.graph
    weights = {weight.name: weight for weight in graph.initializer}
    source = {node.output[0]: node for node in graph.node}
    kinds = {"DequantizeLinear": onnx.TensorProto.INT8}
    for node in graph.node:
        if node.op_type in ("MatMul", "Conv"):
            second = node.input[1]
            from_bytes = second in source and source[second].op_type in kinds
            if from_bytes and source[second].input[0] in weights:
                stored, scale = (weights[name] for name in source[second].input[:2])
                assert stored.data_type == onnx.TensorProto.INT8
                axis = 0 if node.op_type == "Conv" else 1
                assert list(scale.dims) == [stored.dims[axis]]  # one a channel of the result
            else:
                assert second not in weights or second in (
                    "backbone.patch_embed.proj.weight",
                    "head.classifier.weight",
                )
    assert sum(
        weight.data_type == onnx.TensorProto.INT8 and len(weight.dims) > 1 for weight in weights.values()
    )
    for node in graph.node:
        if node.op_type in ("Softmax", "LayerNormalization", "Erf"):
            assert source[node.input[0]].op_type != "DequantizeLinear"


def test_file_is_standard_and_says_what_it_is(quantized: onnx.ModelProto) -> None:
    assert [(entry.domain, entry.version) for entry in quantized.opset_import] == [("", 18)]
    said = {entry.key: json.loads(entry.value) for entry in quantized.metadata_props}
    whole = {entry.key: json.loads(entry.value) for entry in to_onnx(small_model()).metadata_props}
    assert whole["precision"] == "float32"
    assert said == {**whole, "precision": "int8"}


def test_every_size_outputs_and_controls_stay(tmp_path: Path) -> None:
    options = ExportOptions(("logits", "stages.3.blocks.1.attn.pattern"), int8=True, controls=True)
    graph = ExportedModel(export(small_model(), tmp_path / "model.onnx", options, pictures=noise(2)))
    for size in ((1, 1), (3, 33), (64, 80)):
        found = graph.run(np.zeros((2, 3, *size), np.float32), shift=np.zeros(8, np.int64))
        assert found["logits"].shape == (2, 3, *size)
        np.testing.assert_allclose(found["stages.3.blocks.1.attn.pattern"].sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("opset", [21, 23])
def test_opsets(opset: int, tmp_path: Path) -> None:
    options = ExportOptions(int8=True, opset=opset)
    file = export(small_model(), tmp_path / "model.onnx", options, pictures=noise(1))
    assert onnx.load(file).opset_import[0].version == opset
    assert ExportedModel(file).segment(noise(1)[0]).labels.shape == (64, 80)


def test_ranges_come_from_the_pictures(quantized: onnx.ModelProto, tmp_path: Path) -> None:
    image = noise(1)[0]
    onnx.save(quantized, tmp_path / "own.onnx")
    black = [np.zeros_like(image)]
    export(small_model(), tmp_path / "black.onnx", INT8, pictures=black)
    bright, dark = (ExportedModel(tmp_path / f"{name}.onnx") for name in ("own", "black"))
    whole = ExportedModel(export(small_model(), tmp_path / "whole.onnx"))
    images = whole.prepare(image)
    expected = whole.run(images)["logits"]
    near, far = (np.abs(graph.run(images)["logits"] - expected).mean() for graph in (bright, dark))
    assert near < 0.5 * far


def test_what_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="at least one picture"):
        export(small_model(), tmp_path / "model.onnx", INT8)
    with pytest.raises(ValueError, match="choose one"):
        ExportOptions(half=True, int8=True)
    with pytest.raises(ValueError, match="no eight bits"):
        to_program(small_model(), INT8)
    assert list(tmp_path.iterdir()) == []
