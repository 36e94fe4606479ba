"""The reader of exported models: the same segmentation, in a process that has numpy and onnxruntime only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support.models import tiny_model

import swinviz
from swinviz.errors import ImageError, SwinvizError
from swinviz.exported import ExportedModel
from swinviz.exporting import ExportOptions, export, to_onnx

# Refuses every import but the standard library's, numpy's, onnxruntime's (with what that needs) and our own.
ALONE = """
import sys
class Refuse:
    allowed = {"swinviz", "numpy", "onnxruntime", "flatbuffers", "google", "packaging"}
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in self.allowed and first not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not installed here", name=name)
sys.meta_path.insert(0, Refuse())
import json, numpy as np
from swinviz.exported import ExportedModel
"""


def run_alone(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", ALONE + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("size", ["64x96", "77x110"])
def test_published_layout_runs_without_torch_as_mmsegmentation_does(
    size: str, data_dir: Path, tmp_path: Path
) -> None:
    file = export(swinviz.load(data_dir / "mmseg_tiny_w7.pth"), tmp_path / "model.onnx")
    code = """
model, data = ExportedModel(sys.argv[1]), np.load(sys.argv[2])
logits = model.run(data["input"])["logits"]
assert "torch" not in sys.modules and "PIL" not in sys.modules
print(json.dumps([float(np.abs(logits - data["logits"]).max()), list(logits.shape), model.classes]))
"""
    text = run_alone(code, str(file), str(data_dir / f"mmseg_tiny_w7_{size}.npz"))
    difference, shape, classes = json.loads(text)
    assert difference < 1e-4
    assert shape[1] == len(classes) == 5


def test_segmentation_without_torch_is_the_same(tmp_path: Path) -> None:
    model = tiny_model()
    file = export(model, tmp_path / "model.onnx")
    image = np.random.default_rng(3).integers(0, 256, (37, 90, 3), dtype=np.uint8)
    np.save(tmp_path / "image.npy", image)
    code = """
image = np.load(sys.argv[2])
result = ExportedModel(sys.argv[1]).segment(image)
np.savez(sys.argv[3], labels=result.labels, scores=result.scores, overlay=result.overlay())
print(json.dumps([type(result).__module__, result.shares(), result.classes, result.palette]))
"""
    text = run_alone(code, str(file), str(tmp_path / "image.npy"), str(tmp_path / "result.npz"))
    kind, shares, classes, palette = json.loads(text)
    expected, found = model.segment(image), np.load(tmp_path / "result.npz")
    assert kind == "swinviz.inference.segmentation"
    differing = found["labels"] != expected.labels
    assert differing.mean() < 1e-3  # pixels where two classes are level up to rounding
    np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-4)
    np.testing.assert_array_equal(found["overlay"][~differing], expected.overlay()[~differing])
    assert shares == pytest.approx(expected.shares(), abs=1e-3)
    assert tuple(classes) == expected.classes
    assert tuple(map(tuple, palette)) == expected.palette


def test_prepared_image_is_what_the_model_sees(tmp_path: Path) -> None:
    model = tiny_model()
    image = np.random.default_rng(3).integers(0, 256, (37, 90, 3), dtype=np.uint8)
    exported = ExportedModel(export(model, tmp_path / "model.onnx"))
    size = swinviz.images.keep_ratio_size((37, 90), model.config.scale)
    expected = swinviz.images.normalize(swinviz.images.resize(image, size))[None]
    np.testing.assert_allclose(exported.prepare(image), expected.numpy(), atol=1e-6)


def test_graphs_of_one_size_resize_to_it(tmp_path: Path) -> None:
    model = tiny_model()
    exported = ExportedModel(export(model, tmp_path / "model.onnx", ExportOptions(size=(40, 64))))
    image = np.random.default_rng(3).integers(0, 256, (37, 90, 3), dtype=np.uint8)
    assert exported.prepare(image).shape == (1, 3, 40, 64)
    assert exported.segment(image).labels.shape == (37, 90)


def test_file_says_what_a_consumer_must_know() -> None:
    model = tiny_model()
    said = {entry.key: json.loads(entry.value) for entry in to_onnx(model).metadata_props}
    assert said["classes"] == list(model.config.classes)
    assert said["palette"] == [list(color) for color in model.config.palette]
    assert said["mean"] == [123.675, 116.28, 103.53]
    assert said["std"] == [58.395, 57.12, 57.375]
    assert said["scale"] == list(model.config.scale)
    assert said["unsure_below"] == model.config.unsure_below
    assert said["backbone"]["window_size"] == 4
    assert said["backbone"]["num_heads"] == [1, 2, 2, 4]
    assert said["strides"] == [4, 8, 16, 32]


def test_what_is_no_exported_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        ExportedModel(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(SwinvizError, match="cannot be read as an ONNX graph"):
        ExportedModel(tmp_path / "text.onnx")
    foreign = to_onnx(tiny_model())
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(SwinvizError, match="not written by swinviz"):
        ExportedModel(tmp_path / "foreign.onnx")
    model = ExportedModel(export(tiny_model(), tmp_path / "model.onnx"))
    with pytest.raises(ImageError, match="RGB bytes"):
        model.segment(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="no output 'labels'"):
        model.run(torch.zeros(1, 3, 4, 4).numpy(), ["labels"])
    with pytest.raises(ValueError, match="no control 'shift'"):
        model.run(torch.zeros(1, 3, 4, 4).numpy(), shift=np.zeros(8, np.int64))
