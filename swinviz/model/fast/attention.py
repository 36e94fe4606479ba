"""Window attention in one kernel, and with its bias and mask kept from call to call."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from swinviz.model.geometry import WindowGeometry
from swinviz.model.swin import WindowAttention

__all__ = ["CachedBiasAttention", "FusedAttention"]


class FusedAttention(WindowAttention):
    """`WindowAttention` in PyTorch's fused kernel, unless scores or pattern, which it skips, are read."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, geometry: WindowGeometry) -> Tensor:
        """Attend as `WindowAttention.attend` does, with the same shapes."""
        if self.scores.active or self.pattern.active:
            return super().attend(q, k, v, bias, geometry)
        batch = q.shape[:2]
        if bias.ndim == 3:
            bias = bias[None]  # 1 nH N N: PyTorch's kernel for CPUs takes no mask of three axes
        elif batch[0] > 1:
            bias = bias.expand(*batch, *bias.shape[1:]).flatten(0, 1)  # B*nW nH N N
        q, k, v = q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)  # B*nW nH N d: windows as a longer batch
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=self.scale)
        return out.view(*batch, *out.shape[1:])  # B nW nH N d


class CachedBiasAttention(FusedAttention):
    """`FusedAttention` that keeps bias plus mask for the sizes seen last, right while the weights stay."""

    bias_cache: dict[tuple[object, ...], Tensor]

    @classmethod
    def adopt(cls, attention: WindowAttention) -> None:
        """Turn plain or fused attention into this, in place, with nothing kept yet."""
        attention.__class__ = cls
        cast(CachedBiasAttention, attention).bias_cache = {}

    def position_bias(self, geometry: WindowGeometry) -> Tensor:
        """Return `WindowAttention.position_bias`, (nH, N, N) or (nW, nH, N, N), cached unless read."""
        table = self.relative_position_bias_table
        if self.bias.active or self.mask.active or torch.compiler.is_compiling():
            return super().position_bias(geometry)
        key = (geometry, table.device, table.dtype)
        bias = self.bias_cache.get(key)  # once: another thread may clear the cache at any moment
        if bias is None:
            if len(self.bias_cache) >= 2:  # a live picture changes its size now and then
                self.bias_cache.clear()
            bias = self.bias_cache[key] = super().position_bias(geometry).detach()
        return bias
