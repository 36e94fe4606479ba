"""Eight-bit ONNX graphs: static, a scale for each channel of the weights, QDQ, by onnxruntime's quantizer.

Only products with weights are quantized: every linear layer, and every convolution but the first and the
last. Those two cost most of the labels that change and take almost none of the time; attention (scores,
softmax, patterns), LayerNorm and GELU stay float32 because turning their values into bytes and back takes as
long as eight bits save. A linear layer's result stays float32 too, so that no rounding enters the residual
stream but that of its inputs.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

from swinviz.exported import ExportedModel
from swinviz.lazy import require_package

__all__ = ["quantize"]

_FLOAT_LAYERS = ("backbone.patch_embed.proj.weight", "head.classifier.weight")
"""The first layer and the last."""


def quantize(
    graph: onnx.ModelProto, pictures: Iterable[NDArray[np.uint8]], *, progress: bool = False
) -> onnx.ModelProto:
    """Turn a float32 graph into one whose products with weights are of eight bits.

    Args:
        graph: as `write_onnx` makes it.
        pictures: RGB images (H, W, 3) of bytes, like those the model will see; the least and the largest
            value of each layer's input over all of them become its range.
        progress: show a bar, one step a picture.

    Returns:
        The graph, with the same inputs, outputs and metadata, but `precision`, which is "int8".

    Raises:
        ValueError: there is no picture.
        MissingPackageError: onnxruntime is not installed.
    """
    quantization = require_package("onnxruntime.quantization", "swinviz[export]", needed="onnxruntime")
    with tempfile.TemporaryDirectory(prefix="swinviz-") as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        onnx.save(graph, whole)
        shown = tqdm(pictures, desc="calibrating", unit="picture", disable=not progress)
        with _silent():
            quantization.quantize_static(
                whole,
                small,
                _Reader(ExportedModel(whole), shown),
                op_types_to_quantize=["MatMul", "Conv"],
                nodes_to_quantize=_layers(graph),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,  # the pair that VNNI multiplies
                weight_type=quantization.QuantType.QInt8,
                extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
            )
        written = onnx.load(small)
    _describe(written, graph)
    onnx.checker.check_model(written)
    return written


def _layers(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes that multiply by a weight of the model, without the first and the last layer."""
    return [
        node.name
        for node in graph.graph.node
        if node.op_type in ("MatMul", "Conv")
        and node.input[1].endswith(".weight")
        and node.input[1] not in _FLOAT_LAYERS
    ]


class _Reader:
    """The quantizer's `CalibrationDataReader`: one input after the other, then None."""

    def __init__(self, model: ExportedModel, pictures: Iterable[NDArray[np.uint8]]) -> None:
        self.model, self.pictures, self.count = model, iter(pictures), 0

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        picture = next(self.pictures, None)
        if picture is None and not self.count:
            raise ValueError("eight bits need at least one picture to measure ranges on: give some.")
        self.count += 1
        return None if picture is None else {"image": self.model.prepare(picture)}


@contextmanager
def _silent() -> Iterator[None]:
    """Keep back the quantizer's advice to simplify the graph first, which needs no simplifying."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _describe(written: onnx.ModelProto, graph: onnx.ModelProto) -> None:
    """Give a quantized graph the metadata and the container of the float32 one."""
    del written.metadata_props[:]
    for entry in graph.metadata_props:
        value = json.dumps("int8") if entry.key == "precision" else entry.value
        written.metadata_props.add(key=entry.key, value=value)
    written.ir_version = max(graph.ir_version, written.ir_version)
    used = {node.domain for node in written.graph.node}
    kept = [entry for entry in written.opset_import if entry.domain in used]
    del written.opset_import[:]
    written.opset_import.extend(kept)
