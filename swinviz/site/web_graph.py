"""The graph that runs in a page, with all that the explorer asks about as outputs."""

from __future__ import annotations

import json

from swinviz.exporting import ExportOptions, to_onnx
from swinviz.lazy import require_package
from swinviz.segmenter import SwinUPerNet

__all__ = ["web_graph"]

_WEIGHTS = (
    "head.bottleneck.conv.weight",
    "head.bottleneck.conv.bias",
    "head.fusion.conv.weight",
    "head.fusion.bn.weight",
    "head.fusion.bn.bias",
    "head.fusion.bn.running_mean",
    "head.fusion.bn.running_var",
    "head.classifier.weight",
    "head.classifier.bias",
)
"""Weights that the shares of a decision are computed from."""


def web_graph(model: SwinUPerNet) -> tuple[bytes, dict[str, object]]:
    """Write a model as the browser's engine wants it.

    Returns:
        The graph, and its metadata. Its outputs are the logits, what attention is decomposed from, and the
        head's maps and weights that a decision is made of; the controls are inputs that must be given,
        because browsers' runtimes know no defaults.

    Raises:
        MissingPackageError: the package `onnx` is not installed.
    """
    helper = require_package(
        "onnx.helper", "swinviz[export]", needed="the playground's graph needs onnx, which"
    )
    head, last = model.head, len(model.config.backbone.depths) - 1
    maps = ["head.fusion", "head.bottleneck", *(f"head.fpn.{level}" for level in range(last))]
    maps += [f"stages.{last}.out", *(f"head.ppm.{index}" for index in range(len(head.pool_scales)))]
    patterns = [f"stages.*.blocks.*.attn.{point}" for point in ("pattern", "q", "k", "bias")]
    written = to_onnx(model, ExportOptions(("logits", *patterns, *maps), controls=True))
    graph = written.graph
    given = {value.name for value in graph.input}
    weights = {weight.name: weight for weight in graph.initializer if weight.name not in given}
    del graph.initializer[:]
    graph.initializer.extend(weights.values())
    for name in _WEIGHTS:
        weight = weights[name]
        graph.node.append(helper.make_node("Identity", [name], [f"weight:{name}"]))
        graph.output.append(helper.make_tensor_value_info(f"weight:{name}", weight.data_type, weight.dims))
    described: dict[str, object] = {entry.key: json.loads(entry.value) for entry in written.metadata_props}
    described["fusion_eps"] = head.fusion.bn.eps
    return written.SerializeToString(), described
