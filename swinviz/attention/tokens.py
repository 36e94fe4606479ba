"""Token positions: from windows to the padded map and back."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from swinviz.model.geometry import WindowGeometry

__all__ = ["check_windows", "padding_places", "to_padded_map", "token_positions"]


def check_windows(tensor: Tensor, geometry: WindowGeometry) -> None:
    """Refuse a tensor that another geometry cut.

    Args:
        tensor: (B, nW, ...), as `capture` gives it.
        geometry: geometry of its block.

    Raises:
        ValueError: the geometry has another number of windows than the tensor.

    >>> check_windows(torch.zeros(1, 1, 1, 4, 4), WindowGeometry(2, 2, 2, 0, stride=4))
    """
    if tensor.ndim < 3 or tensor.shape[1] != geometry.num_windows:
        raise ValueError(
            f"the tensor is {tuple(tensor.shape)}, but its geometry has {geometry.num_windows} windows on "
            "axis 1: pass the tensor as captured, batch axis included."
        )


def to_padded_map(windows: Tensor, geometry: WindowGeometry) -> Tensor:
    """Lay values of all places out on the padded map, in image order: like `to_map`, but padding is kept.

    Args:
        windows: (B, nW, N, C).
        geometry: geometry of the block.

    Returns:
        (B, Hp, Wp, C).

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)
    >>> to_padded_map(torch.arange(4.0).view(1, 1, 4, 1), geometry)[0, :, :, 0].tolist()  # row 2: padding
    [[0.0, 1.0], [2.0, 3.0]]
    """
    return _padded(geometry).to_map(windows)


def token_positions(geometry: WindowGeometry, device: torch.device | None = None) -> Tensor:
    """Return row and column, in tokens of the padded map, of each place of each window: (nW, N, 2).

    >>> token_positions(WindowGeometry(2, 2, 2, 1, stride=4))[0].tolist()  # rolled by one
    [[1, 1], [1, 0], [0, 1], [0, 0]]
    """
    index = _padded(geometry).token_index.to(device)  # nW N, no -1: the padding is part of this map
    return torch.stack((index // geometry.padded_width, index % geometry.padded_width), dim=-1)


def padding_places(geometry: WindowGeometry, device: torch.device | None = None) -> Tensor:
    """Return which places of which windows are padding: (nW, N) bool.

    >>> padding_places(WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)).tolist()
    [[False, False, True, True]]
    """
    return geometry.token_index.to(device) < 0


def _padded(geometry: WindowGeometry) -> WindowGeometry:
    return replace(geometry, height=geometry.padded_height, width=geometry.padded_width)
