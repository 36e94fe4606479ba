"""Bilinear upsampling of maps, and the matrix that it is along one axis."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["bilinear_matrix", "bilinear_rows", "upsample"]


def upsample(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize (B, C, h, w) bilinearly to (B, C, *size), pixel centers aligned (align_corners=False)."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def bilinear_matrix(
    length: int,
    *sizes: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Make the matrix that resizes one axis as `upsample` does: bilinear resizing is linear by axis.

    Args:
        length: entries of the axis before.
        sizes: entries after, one or several resizings in a row.
        dtype: floating-point type of the matrix.
        device: where it is made.

    Returns:
        (S, length), S the last size; each row holds the weights of one resized entry, which sum to 1.

    >>> bilinear_matrix(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    entries = torch.arange(length, device=device)
    matrix = (entries[:, None] == entries).to(dtype)[None]  # 1 length length: unit vectors give the columns
    for size in sizes:
        matrix = F.interpolate(matrix, size=size, mode="linear", align_corners=False)
    return matrix[0].t()


def bilinear_rows(rows: slice, length: int, *sizes: int) -> tuple[slice, Tensor]:
    """Make some rows of `bilinear_matrix`, where the whole would be too large.

    Args:
        rows: first and last but one, of the last size.
        length: entries of the axis before.
        sizes: entries after, one or several resizings in a row.

    Returns:
        The columns that these rows use, and the rows without all others: (R, columns), float32.

    >>> columns, matrix = bilinear_rows(slice(1, 3), 100, 200)
    >>> columns, matrix.tolist()
    (slice(0, 2, None), [[0.75, 0.25], [0.25, 0.75]])
    """
    index = torch.arange(rows.start, rows.stop)[:, None]  # R taps
    weight = torch.ones(index.shape)
    lengths = (length, *sizes)
    for before, after in reversed([*zip(lengths, sizes, strict=False)]):
        # PyTorch rounds the ratio to float32, and the position once more.
        ratio = float(torch.tensor(before / after, dtype=torch.float32))
        position = ((index.double() + 0.5) * ratio - 0.5).clamp(min=0).float()
        low = position.floor().long().clamp(max=before - 1)
        share = (position - low).clamp(max=1)
        index = torch.cat([low, (low + 1).clamp(max=before - 1)], dim=1)
        weight = torch.cat([weight * (1 - share), weight * share], dim=1)
    first, last = int(index.min()), int(index.max())
    matrix = torch.zeros(len(index), last - first + 1).scatter_add_(1, index - first, weight)
    return slice(first, last + 1), matrix
