"""Bilinear upsampling of maps, and the matrix that it is along one axis."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["bilinear_matrix", "upsample"]


def upsample(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize (B, C, h, w) bilinearly to (B, C, *size), pixel centers aligned (align_corners=False)."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def bilinear_matrix(
    length: int,
    *sizes: int,
    columns: slice = slice(None),
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Make the matrix that resizes one axis as `upsample` does: bilinear resizing is linear by axis.

    Args:
        length: entries of the axis before.
        sizes: entries after, one or several resizings in a row.
        columns: which entries before are wanted, where the whole matrix would be too large.
        dtype: floating-point type of the matrix.
        device: where it is made.

    Returns:
        (S, length), S the last size, or only the columns asked for; each row holds the weights of one resized
        entry, which sum to 1 over all columns.

    >>> bilinear_matrix(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    start, stop, _ = columns.indices(length)
    wanted, entries = torch.arange(start, stop, device=device), torch.arange(length, device=device)
    matrix = (wanted[:, None] == entries).to(dtype)[None]  # 1 columns length: unit vectors give the columns
    for size in sizes:
        matrix = F.interpolate(matrix, size=size, mode="linear", align_corners=False)
    return matrix[0].t()
