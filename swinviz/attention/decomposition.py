"""Content, position, mask: which part of the scores made a pattern what it is."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from swinviz.attention.tokens import check_windows, padding_places
from swinviz.model.geometry import WindowGeometry

__all__ = ["AttentionDecomposition", "bias_table_image", "decompose_attention"]


@dataclass(frozen=True)
class AttentionDecomposition:
    """A pattern, the patterns that its parts alone would make, and how far each is from the whole.

    Attributes:
        full: (B, nW, nH, N, N) softmax of content + position + mask: the block's pattern.
        content: the same shape, softmax of the products of query and key alone.
        position: (nH, N, N) softmax of the relative position bias alone.
        unmasked: (B, nW, nH, N, N) softmax of content + position, with the mask taken off.
        kl_content: (nH,) KL(full || content) in nats, mean over all queries that are not padding: what
            position and mask add to the content.
        kl_position: (nH,) KL(full || position): what content and mask add to the position.
        kl_mask: (nH,) KL(full || unmasked): what the mask alone takes away; 0 in blocks without shift.
        geometry: window geometry of the block.
    """

    full: Tensor
    content: Tensor
    position: Tensor
    unmasked: Tensor
    kl_content: Tensor
    kl_position: Tensor
    kl_mask: Tensor
    geometry: WindowGeometry


def decompose_attention(
    q: Tensor, k: Tensor, bias: Tensor, geometry: WindowGeometry
) -> AttentionDecomposition:
    """Split a block's pattern into content, position and mask.

    Args:
        q: (B, nW, nH, N, d) queries, not yet scaled, as captured at `attn.q`.
        k: (B, nW, nH, N, d) keys, as captured at `attn.k`.
        bias: (nH, N, N), as captured at `attn.bias`.
        geometry: window geometry of the block.

    Returns:
        The patterns and their distances.

    Raises:
        ValueError: `q` was cut by another geometry.

    >>> geometry = WindowGeometry(2, 2, 2, 0, stride=4)
    >>> import torch
    >>> q = k = torch.zeros(1, 1, 1, 4, 8)
    >>> split = decompose_attention(q, k, torch.zeros(1, 4, 4), geometry)
    >>> split.full[0, 0, 0, 0].tolist(), split.kl_content.tolist()
    ([0.25, 0.25, 0.25, 0.25], [0.0])
    """
    check_windows(q, geometry)
    q, k, bias = q.float(), k.float(), bias.float()
    products = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)  # B nW nH N N
    logs = {
        "content": products.log_softmax(dim=-1),
        "position": bias.log_softmax(dim=-1),
        "unmasked": (products + bias).log_softmax(dim=-1),
        "full": (products + bias + geometry.mask(q.device)[:, None]).log_softmax(dim=-1),
    }
    real = ~padding_places(geometry, q.device)  # nW N
    full = logs["full"].exp()

    def divergence(part: str) -> Tensor:
        per_query = (full * (logs["full"] - logs[part])).sum(dim=-1)  # B nW nH N
        return per_query.transpose(2, 3)[:, real].mean(dim=(0, 1))  # nH

    return AttentionDecomposition(
        full=full,
        content=logs["content"].exp(),
        position=logs["position"].exp(),
        unmasked=logs["unmasked"].exp(),
        kl_content=divergence("content"),
        kl_position=divergence("position"),
        kl_mask=divergence("unmasked"),
        geometry=geometry,
    )


def bias_table_image(table: Tensor) -> Tensor:
    """Turn a relative position bias table into one picture a head, as it lies around a query in the image.

    Args:
        table: ((2M-1)**2, nH), a block's `relative_position_bias_table`.

    Returns:
        (nH, 2M-1, 2M-1): at [h, M-1+dy, M-1+dx] the bias of a key dy rows below and dx columns right of its
        query. (The table itself counts query - key, so it is this picture turned by 180 degrees.)

    Raises:
        ValueError: the table's length is no odd number squared.

    >>> import torch
    >>> table = torch.arange(9.0)[:, None]  # M = 2
    >>> bias_table_image(table)[0].tolist()
    [[8.0, 7.0, 6.0], [5.0, 4.0, 3.0], [2.0, 1.0, 0.0]]
    """
    side = round(len(table) ** 0.5)
    if side * side != len(table) or side % 2 == 0:
        raise ValueError(f"a relative position bias table has (2M-1)**2 rows, but this one has {len(table)}.")
    return table.detach().view(side, side, -1).flip(0, 1).permute(2, 0, 1)  # nH 2M-1 2M-1
