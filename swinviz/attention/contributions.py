"""Attention weighed by what it moves: a key may be attended and add nothing."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from swinviz.attention.maps import AttentionMap, Pixel, token_weights
from swinviz.attention.tokens import check_windows, to_padded_map
from swinviz.model.geometry import WindowGeometry

__all__ = ["key_contributions", "value_weighted_attention"]


def key_contributions(
    pattern: Tensor,
    geometry: WindowGeometry,
    v: Tensor,
    weight: Tensor,
    query: Pixel,
    *,
    batch: int = 0,
) -> Tensor:
    """Split a query's attention output into the vector that each key adds to it through each head.

    Args:
        pattern: (B, nW, nH, N, N), as captured at `attn.pattern`.
        geometry: window geometry of the block.
        v: (B, nW, nH, N, d), as captured at `attn.v`.
        weight: (C, C) weight of the block's `attn.proj`.
        query: pixel (y, x) of the model's input.
        batch: which image of the batch.

    Returns:
        (nH, N, C); summed over heads and keys it is the attention's output minus the bias of `attn.proj`.

    Raises:
        ValueError: the pixel is outside the image.

    >>> geometry = WindowGeometry(2, 2, 2, 0, stride=4)
    >>> pattern, v = torch.full((1, 1, 1, 4, 4), 0.25), torch.ones(1, 1, 1, 4, 2)
    >>> key_contributions(pattern, geometry, v, torch.eye(2), query=(0, 0))[0, 0].tolist()
    [0.25, 0.25]
    """
    check_windows(pattern, geometry)
    window, own = geometry.locate(*query)
    shares, values = pattern[batch, window, :, own].float(), v[batch, window].float()  # nH N; nH N d
    per_head = weight.float().view(len(weight), len(values), -1)  # C nH d
    return torch.einsum("hk,hkd,chd->hkc", shares, values, per_head)


def value_weighted_attention(
    pattern: Tensor,
    geometry: WindowGeometry,
    v: Tensor,
    weight: Tensor,
    query: Pixel,
    *,
    heads: Literal["each", "sum"] = "each",
    batch: int = 0,
    block: tuple[int, int] | None = None,
) -> AttentionMap:
    """Lay out in the image how much each key adds to a query: the norm of its contribution vector.

    Args:
        pattern: (B, nW, nH, N, N), as captured at `attn.pattern`.
        geometry: window geometry of the block.
        v: (B, nW, nH, N, d), as captured at `attn.v`.
        weight: (C, C) weight of the block's `attn.proj`.
        query: pixel (y, x) of the model's input.
        heads: the norm in each head, or of the sum over heads, where heads may cancel.
        batch: which image of the batch.
        block: (stage, block), for captions only.

    Returns:
        Norms in the units of the residual stream, as a map with `measure` "norm".

    Raises:
        ValueError: the pixel is outside the image.

    Source:
        Kobayashi et al. 2020, section 2.

    >>> geometry = WindowGeometry(2, 2, 2, 0, stride=4)
    >>> pattern, v = torch.full((1, 1, 1, 4, 4), 0.25), torch.tensor([3.0, 4.0]).expand(1, 1, 1, 4, 2)
    >>> value_weighted_attention(pattern, geometry, v, torch.eye(2), query=(0, 0)).maps[0].tolist()
    [[1.25, 1.25], [1.25, 1.25]]
    """
    check_windows(pattern, geometry)
    vectors = key_contributions(pattern, geometry, v, weight, query, batch=batch)
    if heads == "sum":
        vectors = vectors.sum(dim=0, keepdim=True)
    norms = vectors.norm(dim=-1)  # nH N
    window, _ = geometry.locate(*query)
    everywhere = norms.new_zeros(geometry.num_windows, geometry.window_area, len(norms))
    everywhere[window] = norms.T
    return AttentionMap(
        padded=to_padded_map(everywhere[None], geometry)[0].permute(2, 0, 1),
        geometry=geometry,
        windows=(window,),
        direction="query",
        place=token_weights(query, geometry).to(pattern.device, torch.float32),
        pixel=query,
        resolution="token",
        heads=heads,
        block=block,
        measure="norm",
    )
