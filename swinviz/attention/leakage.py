"""Attention that goes where it should not: to padding, and, were the mask off, across regions."""

from __future__ import annotations

import torch
from torch import Tensor

from swinviz.attention.tokens import check_windows, padding_places
from swinviz.model.geometry import WindowGeometry

__all__ = ["cross_region_attention", "cross_region_pairs", "padding_leakage"]


def padding_leakage(pattern: Tensor, geometry: WindowGeometry) -> Tensor:
    """Measure for each token which share of its attention padding takes.

    Padding is zeros before the qkv bias, so its keys are all alike and it carries no picture; but it is not
    masked, and softmax must spend what it gives to padding.

    Args:
        pattern: (B, nW, nH, N, N).
        geometry: window geometry of the block.

    Returns:
        (B, nH, H, W) shares from 0 to 1.

    >>> geometry = WindowGeometry(height=2, width=3, window_size=2, shift_size=0, stride=4)
    >>> padding_leakage(torch.full((1, 2, 1, 4, 4), 0.25), geometry)[0, 0].tolist()
    [[0.0, 0.0, 0.5], [0.0, 0.0, 0.5]]
    """
    check_windows(pattern, geometry)
    padding = padding_places(geometry, pattern.device).float()  # nW N
    return _to_maps(torch.einsum("bwhqk,wk->bwqh", pattern.float(), padding), geometry)


def cross_region_attention(scores: Tensor, geometry: WindowGeometry) -> Tensor:
    """Measure for each token which share of its attention would cross a region border if the mask were off.

    The mask is taken off this block only: the scores are those of a run with it on.

    Args:
        scores: (B, nW, nH, N, N) before softmax, mask included, as captured at `attn.scores`.
        geometry: window geometry of the block.

    Returns:
        (B, nH, H, W) shares from 0 to 1; all 0 in blocks without shift.

    >>> geometry = WindowGeometry(height=2, width=2, window_size=2, shift_size=1, stride=4)
    >>> cross_region_attention(geometry.mask()[None, :, None], geometry)[0, 0].tolist()
    [[0.75, 0.75], [0.75, 0.75]]
    """
    check_windows(scores, geometry)
    unmasked = (scores.float() - geometry.mask(scores.device)[:, None]).softmax(dim=-1)
    crossing = cross_region_pairs(geometry, scores.device).float()
    return _to_maps(torch.einsum("bwhqk,wqk->bwqh", unmasked, crossing), geometry)


def cross_region_pairs(geometry: WindowGeometry, device: torch.device | None = None) -> Tensor:
    """Return which pairs of a window lie in different regions, and so may not attend: (nW, N, N) bool.

    >>> cross_region_pairs(WindowGeometry(2, 2, 2, 1, stride=4))[0, 0].tolist()
    [False, True, True, True]
    """
    regions = geometry.region_index.to(device)
    return regions[:, :, None] != regions[:, None, :]


def _to_maps(shares: Tensor, geometry: WindowGeometry) -> Tensor:
    return geometry.to_map(shares).permute(0, 3, 1, 2)  # B nH H W
