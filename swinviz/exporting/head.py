"""The UPerNet head as nodes of a graph; read beside `swinviz.model.upernet`, which it follows."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from swinviz.exporting.backbone import Controls, Hooks
from swinviz.exporting.graph import Graph, Size
from swinviz.model.fast.folding import FoldedConvBlock
from swinviz.model.upernet import ConvBlock, UPerHead

__all__ = ["HeadWriter", "upsample"]

Array = NDArray[np.float32]

Level = tuple[str, Size, Size]
"""A map (B, C, h, w) of the graph, h and w."""


def upsample(graph: Graph, value: str, height: Size, width: Size) -> str:
    """Resize (B, C, h, w) as `swinviz.model.upsampling.upsample` does.

    The mode is half_pixel, not pytorch_half_pixel: the latter has its own idea of a side of one pixel, which
    is not PyTorch's.
    """
    batch_and_channels = graph.op("Shape", value, start=0, end=2)
    sizes = graph.op("Concat", batch_and_channels, graph.shape(height, width), axis=0)
    modes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return graph.op("Resize", value, "", "", sizes, **modes)


class HeadWriter:
    """Writes a decode head into a graph.

    Args:
        graph: where nodes are added.
        head: the model's.
        hooks: which values are wanted.
        controls: the inputs that act as edits do; None leaves them out.
    """

    def __init__(self, graph: Graph, head: UPerHead, hooks: Hooks, controls: Controls | None) -> None:
        self.graph, self.head, self.hooks, self.controls = graph, head, hooks, controls

    def write(self, features: list[Level]) -> str:
        """Add the nodes that decode features, finest first, into logits (B, K, H/4, W/4)."""
        g, head = self.graph, self.head
        laterals: list[Level] = [
            (self._block(f"lateral.{i}", block, value), height, width)
            for i, (block, (value, height, width)) in enumerate(zip(head.lateral, features, strict=False))
        ]
        laterals.append(self._pool_pyramid(features[-1]))
        for finer in reversed(range(len(laterals) - 1)):
            value, height, width = laterals[finer]
            coarser = upsample(g, laterals[finer + 1][0], height, width)
            laterals[finer] = (g.op("Add", value, coarser), height, width)
        levels = [
            self._block(f"fpn.{i}", block, value)
            for i, (block, (value, _, _)) in enumerate(zip(head.fpn, laterals, strict=False))
        ]
        fused = self._fuse([*levels, laterals[-1][0]], laterals[0])
        weight = g.weight("head.classifier.weight", _array(head.classifier.weight))
        assert head.classifier.bias is not None
        bias = g.weight("head.classifier.bias", _array(head.classifier.bias))
        logits = g.op("Conv", fused, weight, bias, kernel_shape=[1, 1])
        self.hooks.see("head.logits", lambda: logits)
        return logits

    def _pool_pyramid(self, level: Level) -> Level:
        g, (x, height, width) = self.graph, level
        parts = [x]
        for index, (block, side) in enumerate(zip(self.head.ppm, self.head.pool_scales, strict=True)):
            across = g.op("MatMul", x, g.op("Transpose", self._pooling(width, side), perm=[1, 0]))
            pooled = g.op("MatMul", self._pooling(height, side), across)  # B C k k
            parts.append(upsample(g, self._block(f"ppm.{index}", block, pooled), height, width))
        joined = g.op("Concat", *parts, axis=1)
        return self._block("bottleneck", self.head.bottleneck, joined), height, width

    def _pooling(self, length: Size, side: int) -> str:
        """Matrix (side, length) that averages one axis as adaptive pooling does."""
        g, cells = self.graph, np.arange(side)[:, None]
        whole = g.scalar(length)
        start = g.op("Div", g.op("Mul", cells, whole), np.array(side))
        rounded_up = g.op("Add", g.op("Mul", cells + 1, whole), np.array(side - 1))
        stop = g.op("Div", rounded_up, np.array(side))
        at = g.arange(length)
        inside = g.op("And", g.op("GreaterOrEqual", at, start), g.op("Less", at, stop))
        kept, count = g.cast(inside), g.cast(g.op("Sub", stop, start))
        return g.op("Div", kept, count, name="pooling")

    def _fuse(self, levels: list[str], finest: Level) -> str:
        g, fusion = self.graph, self.head.fusion
        _, height, width = finest
        if self.controls:
            levels = [
                g.op("Mul", level, g.cast(g.op("Gather", self.controls.levels, np.array(i), axis=0)))
                for i, level in enumerate(levels)
            ]
        same = [levels[0], *(upsample(g, level, height, width) for level in levels[1:])]
        kernel = _array(fusion.conv.weight)
        if any(f"head.fusion.{i}" in self.hooks.wanted for i in range(len(levels))):
            parts = np.split(kernel, len(levels), axis=1)
            shares = [
                self._convolve(level, f"head.fusion.conv.{i}", part, None)
                for i, (level, part) in enumerate(zip(same, parts, strict=True))
            ]
            for i, share in enumerate(shares):
                self.hooks.see(f"head.fusion.{i}", partial(str, share))
            fused = g.op("Sum", *shares)
        else:
            fused = self._convolve(g.op("Concat", *same, axis=1), "head.fusion.conv", kernel, None)
        bn = fusion.bn
        assert isinstance(bn, nn.BatchNorm2d)
        known = {**dict(bn.named_parameters()), **dict(bn.named_buffers())}
        names = ("weight", "bias", "running_mean", "running_var")
        statistics = [g.weight(f"head.fusion.bn.{name}", _array(known[name])) for name in names]
        normalized = g.op("BatchNormalization", fused, *statistics, epsilon=bn.eps)
        out = g.op("Relu", normalized)
        self.hooks.see("head.fusion", lambda: out)
        return out

    def _block(self, name: str, block: nn.Module, x: str) -> str:
        """A `ConvBlock`, its batch normalization folded into the convolution."""
        assert isinstance(block, ConvBlock)
        if isinstance(block, FoldedConvBlock):
            weight, bias = block.conv.weight, block.conv.bias
        else:
            bn = block.bn
            assert bn.running_mean is not None
            assert bn.running_var is not None
            statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
            weight, bias = fuse_conv_bn_weights(block.conv.weight, block.conv.bias, *statistics)
        full = f"head.{name}"
        x = self._convolve(x, f"{full}.conv", _array(weight), None if bias is None else _array(bias))
        x = self.graph.op("Relu", x)
        self.hooks.see(full, lambda: x)
        return x

    def _convolve(self, x: str, name: str, weight: Array, bias: Array | None) -> str:
        g, side = self.graph, weight.shape[-1]
        inputs = [g.weight(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(g.weight(f"{name}.bias", bias))
        return g.op("Conv", x, *inputs, kernel_shape=[side, side], pads=[side // 2] * 4)


def _array(value: torch.Tensor) -> Array:
    return value.detach().float().cpu().numpy()
