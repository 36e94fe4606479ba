"""A whole model as an ONNX graph: image in; logits, labels and whatever hook points are asked for out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from swinviz.exporting.backbone import BackboneWriter, Controls, Hooks
from swinviz.exporting.graph import Graph, Size
from swinviz.exporting.head import HeadWriter, upsample
from swinviz.exporting.metadata import metadata
from swinviz.exporting.options import RESULTS, ExportOptions, select_outputs
from swinviz.model.geometry import MASK_VALUE
from swinviz.model.hooks import hook_points
from swinviz.segmenter import SwinUPerNet

__all__ = ["write_onnx"]


def write_onnx(model: SwinUPerNet, options: ExportOptions) -> onnx.ModelProto:
    """Write a model as an ONNX graph, with what `metadata` says inside.

    Args:
        model: any model, on any device; a copy from `for_inference()` too.
        options: what the graph gives, and for which sizes.

    Returns:
        A graph whose input `image` is a normalized (B, 3, H, W).

    Raises:
        ValueError: an output that is not there.
    """
    names = select_outputs(model, options.outputs)
    controls = Controls() if options.controls else None
    reserved = ("image", *RESULTS, *(controls.names if controls else ()))
    g = Graph(options.opset, np.float16 if options.half else np.float32, (*reserved, *names))
    hooks = Hooks(frozenset(names))
    sides: tuple[Size, Size] = options.size or (g.size("image", 2), g.size("image", 3))
    batch: Size = 1 if options.size else g.size("image", 0)
    image = g.cast("image") if options.half else "image"
    features = BackboneWriter(g, model.backbone, hooks, controls).write(image, batch, *sides)
    low_res = HeadWriter(g, model.head, hooks, controls).write(features)
    _results(g, upsample(g, low_res, *sides), model.config.num_classes, hooks)
    outputs = [_output(g, name, hooks.values[name], model, half=options.half) for name in names]
    shape = (1, 3, *options.size) if options.size else ("batch", 3, "height", "width")
    image_info = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    defaults = _defaults(model, controls) if controls else []
    inputs = [
        image_info,
        *(helper.make_tensor_value_info(value.name, value.data_type, value.dims) for value in defaults),
    ]
    written = g.model(inputs, outputs, defaults)
    for key, text in metadata(model.config, "float16" if options.half else "float32").items():
        written.metadata_props.add(key=key, value=text)
    onnx.checker.check_model(written)
    return written


def _results(g: Graph, logits: str, classes: int, hooks: Hooks) -> None:
    hooks.see("logits", lambda: logits)
    small = TensorProto.UINT8 if classes <= 256 else TensorProto.INT32
    hooks.see("labels", lambda: g.op("Cast", g.op("ArgMax", logits, axis=1, keepdims=0), to=small))
    probability = "confidence" in hooks.wanted and g.op("Softmax", logits, axis=1)
    if probability:
        hooks.see("confidence", lambda: g.op("ReduceMax", probability, np.array([1]), keepdims=0))


def _output(g: Graph, name: str, value: str, model: SwinUPerNet, *, half: bool) -> onnx.ValueInfoProto:
    """Give a value the name of its output, and float32 if it is a number."""
    kind = TensorProto.FLOAT
    if name == "labels":
        kind = TensorProto.UINT8 if model.config.num_classes <= 256 else TensorProto.INT32
    g.output(value, name, cast=half and kind == TensorProto.FLOAT)
    return helper.make_tensor_value_info(name, kind, _shape(name, model))


def _shape(name: str, model: SwinUPerNet) -> Sequence[int | str | None]:
    """Axes of an output, by name where they depend on the image."""
    if name == "logits":
        return ["batch", model.config.num_classes, "height", "width"]
    if name in RESULTS:
        return ["batch", "height", "width"]
    # The letters of the hook point's axes, prefixed, as two outputs of one graph have different H and W.
    axes = hook_points(model)[name].axes.split()
    return [f"{name}.{axis}" if axis != "B" else "batch" for axis in axes]


def _defaults(model: SwinUPerNet, controls: Controls) -> list[TensorProto]:
    stages = model.config.backbone
    shift = stages.window_size // 2 if stages.shifted else 0
    shifts = [shift if block % 2 else 0 for depth in stages.depths for block in range(depth)]
    heads = sum(depth * count for depth, count in zip(stages.depths, stages.num_heads, strict=True))
    values: dict[str, NDArray[Any]] = {
        controls.shift: np.array(shifts, np.int64),
        controls.mask: np.full(len(shifts), MASK_VALUE, np.float32),
        controls.padding: np.zeros(len(shifts), np.float32),
        controls.bias: np.ones(len(shifts), np.float32),
        controls.heads: np.ones(heads, np.float32),
        controls.levels: np.ones(len(stages.depths), np.float32),
    }
    return [numpy_helper.from_array(value, name) for name, value in values.items()]
