"""The Swin Transformer as nodes of a graph; read beside `swinviz.model.swin`, which it follows line by line.

Maps are kept as tokens, (B, H * W, C). A value that a hook point sees is called as the hook point is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import nn

from swinviz.exporting.graph import Graph, Size
from swinviz.exporting.windows import GraphGeometry, merging_table, take_tokens
from swinviz.model.geometry import MASK_VALUE
from swinviz.model.hooks import BlockId
from swinviz.model.swin import (
    MLP,
    PatchEmbed,
    PatchMerging,
    Stage,
    SwinBlock,
    SwinTransformer,
    WindowAttention,
)

__all__ = ["BackboneWriter", "Controls", "Hooks"]


@dataclass
class Hooks:
    """Values of the graph that hook points see, made when they are wanted.

    Attributes:
        wanted: names of the hook points that become outputs.
        values: name -> name of the value in the graph.
    """

    wanted: frozenset[str]
    values: dict[str, str] = field(default_factory=dict)

    def see(self, name: str, make: Callable[[], str]) -> None:
        """Make the value at a hook point, if it is wanted."""
        if name in self.wanted:
            self.values[name] = make()


@dataclass(frozen=True)
class Controls:
    """Names of the inputs that act as edits do: an entry a block, a head, or a level; see `ExportOptions`."""

    shift: str = "shift"
    mask: str = "mask"
    padding: str = "padding"
    bias: str = "bias"
    heads: str = "heads"
    levels: str = "levels"

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.shift, self.mask, self.padding, self.bias, self.heads, self.levels)


class BackboneWriter:
    """Writes a backbone into a graph.

    Args:
        graph: where nodes are added.
        backbone: the model's.
        hooks: which values are wanted.
        controls: the inputs that change attention; None leaves them out, and a leaner graph.
    """

    def __init__(
        self, graph: Graph, backbone: SwinTransformer, hooks: Hooks, controls: Controls | None
    ) -> None:
        self.graph, self.backbone, self.hooks, self.controls = graph, backbone, hooks, controls
        self._batch: Size = 1
        self._scope = "backbone"
        self._blocks = self._heads = 0

    def write(self, images: str, batch: Size, height: Size, width: Size) -> list[tuple[str, Size, Size]]:
        """Add the nodes that make features of images.

        Args:
            images: the value (B, 3, H, W).
            batch: B.
            height: H, in pixels.
            width: W, in pixels.

        Returns:
            One (value (B, C, h, w), h, w) a stage.
        """
        self._batch = batch
        features = []
        tokens, height, width = self._embed(images, height, width)
        for index, stage in enumerate(self.backbone.stages):
            assert isinstance(stage, Stage)
            tokens = self._stage(stage, index, tokens, height, width)
            with self._within(f"norms.{index}"):
                name = f"stages.{index}.out"
                planes = self._planes(self._norm("", self.backbone.norms[index], tokens), height, width)
            self.hooks.see(name, partial(str, planes))
            features.append((planes, height, width))
            if stage.downsample is not None:
                tokens, height, width = self._merge(stage.downsample, index, tokens, height, width)
        return features

    # --- between stages ----------------------------------------------------------------------------------

    def _embed(self, images: str, height: Size, width: Size) -> tuple[str, Size, Size]:
        g, module = self.graph, self.backbone.patch_embed
        assert isinstance(module, PatchEmbed)
        after = [g.divide_up(length, 4) for length in (height, width)]
        missing = [
            g.subtract(g.multiply(count, 4), length)
            for count, length in zip(after, (height, width), strict=True)
        ]
        padded = g.op("Pad", images, g.shape(0, 0, 0, 0, 0, 0, *missing))
        with self._within("patch_embed"):
            weight, bias = self._weight("proj.weight", module.proj), self._weight("proj.bias", module.proj)
            x = g.op("Conv", padded, weight, bias, kernel_shape=[4, 4], strides=[4, 4])
            x = g.op("Transpose", x, perm=[0, 2, 3, 1])  # B H W C
            x = self._norm("norm", module.norm, x)
        self.hooks.see("patch_embed", lambda: x)
        channels = self.backbone.config.embed_dim
        return g.op("Reshape", x, np.array([0, -1, channels])), after[0], after[1]

    def _merge(
        self, module: PatchMerging, index: int, tokens: str, height: Size, width: Size
    ) -> tuple[str, Size, Size]:
        g, name = self.graph, f"stages.{index}.downsample"
        joined = take_tokens(g, tokens, merging_table(g, height, width))  # B T 4 C
        joined = g.op("Reshape", joined, np.array([0, 0, module.reduction.in_features]))
        with self._within(name):
            x = self._linear("reduction", module.reduction, self._norm("norm", module.norm, joined))
        height, width = g.divide_up(height, 2), g.divide_up(width, 2)
        self.hooks.see(name, lambda: self._map(x, height, width))
        return x, height, width

    # --- a stage -----------------------------------------------------------------------------------------

    def _stage(self, stage: Stage, index: int, tokens: str, height: Size, width: Size) -> str:
        shared: dict[Size, _Cut] = {}
        for number, block in enumerate(stage.blocks):
            assert isinstance(block, SwinBlock)
            shift: Size = stage.shift_size if number % 2 else 0
            if self.controls:
                shift = self._control(self.controls.shift, self._blocks)
            if shift not in shared:
                geometry = GraphGeometry(self.graph, height, width, stage.window_size, shift)
                shared[shift] = _Cut(geometry, self._mask(geometry))
            with self._within(f"stages.{index}.blocks.{number}"):
                tokens = self._block(block, BlockId(index, number), tokens, shared[shift])
            self._blocks += 1
        return tokens

    def _block(self, block: SwinBlock, key: BlockId, x: str, cut: _Cut) -> str:
        g, geometry = self.graph, cut.geometry

        def see(point: str, tokens: str) -> None:
            self.hooks.see(key.hook(point), lambda: self._map(tokens, geometry.height, geometry.width))

        see("resid_pre", x)
        windows = take_tokens(g, self._norm("norm1", block.norm1, x), geometry.token_index)  # B nW N C
        with self._within("attn"):
            attended = self._attention(block.attn, key, windows, cut)
        attended = g.op("Reshape", attended, np.array([0, -1, block.norm1.normalized_shape[0]]))
        attended = g.op("Gather", attended, geometry.window_index, axis=1)  # B H*W C
        x = g.op("Add", x, attended, name=self._named("resid_mid"))
        see("resid_mid", x)
        x = g.op("Add", x, self._mlp(block.mlp, self._norm("norm2", block.norm2, x)))
        see("resid_post", x)
        return x

    def _attention(self, module: WindowAttention, key: BlockId, windows: str, cut: _Cut) -> str:
        g, heads = self.graph, module.num_heads
        names = {point: key.hook(f"attn.{point}") for point in ("q", "k", "v", "bias", "mask", "scores")}
        parts = g.split(self._linear("qkv", module.qkv, windows), 3, axis=-1)
        apart = np.array([0, 0, 0, heads, module.qkv.in_features // heads])
        q, k, v = (
            g.op("Transpose", g.op("Reshape", part, apart), perm=[0, 1, 3, 2, 4], name=names[point])
            for part, point in zip(parts, "qkv", strict=True)
        )  # B nW nH N d
        for point, value in zip("qkv", (q, k, v), strict=True):
            self.hooks.see(names[point], partial(str, value))
        turned = g.op("Transpose", k, perm=[0, 1, 2, 4, 3])
        scores = g.op("MatMul", g.op("Mul", q, np.array(module.scale)), turned)  # B nW nH N N
        scores = g.op("Add", scores, self._position_bias(module, names, cut), name=names["scores"])
        self.hooks.see(names["scores"], lambda: scores)
        pattern = g.op("Softmax", scores, axis=-1, name=key.hook("attn.pattern"))
        self.hooks.see(key.hook("attn.pattern"), lambda: pattern)
        out = g.op("MatMul", pattern, v)  # B nW nH N d
        if self.controls:
            kept = self._control(self.controls.heads, self._heads, heads)
            self._heads += heads
            out = g.op("Mul", out, g.op("Reshape", kept, np.array([-1, 1, 1])))
        self.hooks.see(key.hook("attn.head_out"), lambda: out)
        together = g.op("Transpose", out, perm=[0, 1, 3, 2, 4])
        together = g.op("Reshape", together, np.array([0, 0, 0, module.proj.in_features]))
        return self._linear("proj", module.proj, together)

    def _position_bias(self, module: WindowAttention, names: dict[str, str], cut: _Cut) -> str:
        g = self.graph
        table = self._weight("relative_position_bias_table", module, turned=True)  # nH (2M-1)**2
        index = module.relative_position_index.cpu().numpy().astype(np.int64)  # N N
        bias = g.op("Gather", table, index, axis=1)  # nH N N
        if self.controls:
            bias = g.op("Mul", bias, self._control(self.controls.bias, self._blocks))
        self.hooks.see(names["bias"], lambda: bias)
        if not cut.mask:
            self.hooks.see(names["mask"], lambda: self._no_mask(cut.geometry))
            return bias
        self.hooks.see(names["mask"], lambda: cut.mask)
        return g.op("Add", bias, g.op("Unsqueeze", cut.mask, np.array([1])))  # nW nH N N

    def _mask(self, geometry: GraphGeometry) -> str:
        """The additive mask (nW, N, N); "" where nothing is masked."""
        if not geometry.across:
            return ""
        g, none = self.graph, np.array(0.0)
        if not self.controls:
            return g.op("Where", geometry.across, np.array(MASK_VALUE), none, name="mask")
        across = g.op("Where", geometry.across, self._control(self.controls.mask, self._blocks), none)
        padding = g.op("Where", geometry.padding, self._control(self.controls.padding, self._blocks), none)
        return g.op("Add", across, g.op("Unsqueeze", padding, np.array([1])), name="masked")

    def _no_mask(self, geometry: GraphGeometry) -> str:
        g, area = self.graph, geometry.side**2
        shape = g.shape(g.multiply(geometry.rows, geometry.columns), area, area)
        return g.op("Expand", np.array(0.0), shape)

    def _mlp(self, module: MLP, x: str) -> str:
        g = self.graph
        with self._within("mlp"):
            x = self._linear("fc1", module.fc1, x)
            # In these steps, which runtimes know as one: 0.5 x (1 + erf(x / sqrt 2)).
            half = g.op("Erf", g.op("Div", x, np.array(math.sqrt(2.0))))
            x = g.op("Mul", g.op("Mul", x, g.op("Add", half, np.array(1.0))), np.array(0.5))
            return self._linear("fc2", module.fc2, x)

    # --- parts -------------------------------------------------------------------------------------------

    def _norm(self, name: str, module: nn.Module, x: str) -> str:
        assert isinstance(module, nn.LayerNorm)
        prefix = f"{name}." if name else ""
        weight, bias = (self._weight(f"{prefix}{part}", module) for part in ("weight", "bias"))
        return self.graph.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=module.eps)

    def _linear(self, name: str, module: nn.Linear, x: str) -> str:
        x = self.graph.op("MatMul", x, self._weight(f"{name}.weight", module, turned=True))
        has_bias = "bias" in dict(module.named_parameters())
        return self.graph.op("Add", x, self._weight(f"{name}.bias", module)) if has_bias else x

    def _weight(self, name: str, module: nn.Module, *, turned: bool = False) -> str:
        value: NDArray[np.float32] = (
            module.get_parameter(name.rpartition(".")[2]).detach().float().cpu().numpy()
        )
        return self.graph.weight(self._named(name), value.T if turned else value)

    def _planes(self, tokens: str, height: Size, width: Size) -> str:
        """(B, H*W, C) as (B, C, H, W)."""
        turned = self.graph.op("Transpose", tokens, perm=[0, 2, 1])
        return self.graph.op("Reshape", turned, self.graph.shape(self._batch, -1, height, width))

    def _map(self, tokens: str, height: Size, width: Size) -> str:
        """(B, H*W, C) as (B, H, W, C)."""
        return self.graph.op("Reshape", tokens, self.graph.shape(self._batch, height, width, -1))

    def _control(self, name: str, start: int, count: int = 1) -> str:
        """Entry () of a control, or several (count,), in the graph's type."""
        at = np.array(start) if count == 1 else np.arange(start, start + count)
        value = self.graph.op("Gather", name, at, axis=0)
        return value if self.controls and name == self.controls.shift else self.graph.cast(value)

    @contextmanager
    def _within(self, scope: str) -> Iterator[None]:
        before, self._scope = self._scope, f"{self._scope}.{scope}"
        try:
            yield
        finally:
            self._scope = before

    def _named(self, name: str) -> str:
        return f"{self._scope}.{name}"


@dataclass(frozen=True)
class _Cut:
    """Windows of a map, and the mask that follows from them."""

    geometry: GraphGeometry
    mask: str
