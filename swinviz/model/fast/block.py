"""A block whose linear layers run on the map, so that padding is multiplied by nothing, and tokens move once.

A linear layer takes each token by itself, so `qkv` may come before the windows are cut and `proj` after they
are joined. Padding, zeros before `qkv`, is then its bias, and is copied instead of computed: for a map of
16x16 tokens in windows of 7 that is 42 % of the tokens. Padding, rolling and cutting, three copies of the
map, become one, in which each row of a window is looked up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import HookPoint, hooks_active
from swinviz.model.swin import SwinBlock

__all__ = ["MapLinearBlock"]


class MapLinearBlock(SwinBlock):
    """`SwinBlock` that cuts windows after `qkv` and joins them before `proj`, unless it is looked into."""

    def forward(self, x: Tensor, geometry: WindowGeometry) -> Tensor:
        """Transform a map (B, H, W, C) whose windows `geometry` cuts."""
        if torch.compiler.is_compiling() or x.device.type == "meta" or self.looked_into():
            return super().forward(x, geometry)
        attended = self.drop_path(self.attend(self.norm1(x), geometry))  # B H W C
        x = _add(attended, x)
        return _add(self.drop_path(self.mlp(self.norm2(x))), x)

    def attend(self, x: Tensor, geometry: WindowGeometry) -> Tensor:
        """Window attention of a normalized map (B, H, W, C), of the same shape."""
        attn, batch = self.attn, len(x)
        rows = window_rows(geometry, batch, x.device)
        qkv = attn.qkv(x).flatten(0, 2)  # B*H*W 3C
        windows = _ToWindows.apply(qkv, attn.qkv.bias, rows)  # type: ignore[no-untyped-call]  # B*nW*N 3C
        shape = (batch, geometry.num_windows, geometry.window_area)
        q, k, v = windows.view(*shape, 3, attn.num_heads, -1).permute(3, 0, 1, 4, 2, 5)  # 3 of B nW nH N d
        out = attn.attend(q, k, v, attn.position_bias(geometry).to(q.dtype), geometry)  # B nW nH N d
        tokens = _ToMap.apply(out.transpose(2, 3).flatten(3).flatten(0, 2), rows)  # type: ignore[no-untyped-call]
        return attn.proj(tokens).view(x.shape)

    def looked_into(self) -> bool:
        """True while any hook point of the block is read or edited."""
        return hooks_active() and any(
            isinstance(module, HookPoint) and module.active for module in self.modules()
        )


def _add(branch: Tensor, x: Tensor) -> Tensor:
    """Add x to a branch, in its memory where no gradient needs it and the types agree."""
    if torch.is_grad_enabled() or branch.dtype != x.dtype:
        return x + branch
    return branch.add_(x)


class WindowRows(NamedTuple):
    """Rows of the tokens of B maps inside their windows, and the other way round.

    Attributes:
        to_windows: (B*nW*N,) row b*H*W + token of each place; any row for padding.
        to_map: (B*H*W,) place of each token.
        padding: places that hold padding.
    """

    to_windows: Tensor
    to_map: Tensor
    padding: Tensor


@lru_cache(maxsize=64)
def window_rows(geometry: WindowGeometry, batch: int, device: torch.device) -> WindowRows:
    """Look up where the tokens of a batch of maps lie in their windows.

    Args:
        geometry: of the block.
        batch: number of maps, B.
        device: where the tables should be.
    """
    with torch.inference_mode(False):  # a table made in inference mode could not be used in training later
        token = geometry.token_index.flatten()  # nW*N
        tokens, places = geometry.height * geometry.width, len(token)
        to_map = torch.empty(tokens, dtype=torch.long)
        to_map[token[token >= 0]] = torch.arange(places)[token >= 0]
        number = torch.arange(batch)[:, None]
        tables = (
            (token.clamp(min=0) + tokens * number).flatten(),
            (to_map + places * number).flatten(),
            ((token < 0).nonzero()[:, 0] + places * number).flatten(),
        )
        return WindowRows(*(table.to(device) for table in tables))


class _ToWindows(torch.autograd.Function):
    """Rows of the map in the order of the windows, with `bias` where there is padding."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, bias: Tensor, rows: WindowRows) -> Tensor:
        ctx.rows, ctx.dtype = rows, bias.dtype
        windows = tokens.index_select(0, rows.to_windows)
        if len(rows.padding):
            windows[rows.padding] = bias.to(windows.dtype)
        return windows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (gradient,) = gradients
        padding = gradient.index_select(0, ctx.rows.padding).sum(
            dim=0, dtype=torch.promote_types(gradient.dtype, torch.float32)
        )
        return gradient.index_select(0, ctx.rows.to_map), padding.to(ctx.dtype), None


class _ToMap(torch.autograd.Function):
    """Rows of the windows in the order of the map, without the padding."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, rows: WindowRows) -> Tensor:
        ctx.rows = rows
        return windows.index_select(0, rows.to_map)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        windows = gradient.index_select(0, ctx.rows.to_windows)
        windows[ctx.rows.padding] = 0
        return windows, None
