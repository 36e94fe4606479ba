"""Attention of one pixel or region, laid out in the image where it truly lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from swinviz.attention.tokens import check_windows, to_padded_map
from swinviz.model.geometry import Box, WindowGeometry

__all__ = ["AttentionMap", "Pixel", "Target", "attention_to_image", "token_weights"]

Pixel = tuple[int, int]
"""(y, x) in the model's input, from its upper left corner."""

Target = Pixel | Tensor | np.ndarray
"""A pixel (y, x) of the model's input, or a mask (h, w) over the input whose pixels count alike."""


@dataclass(frozen=True)
class AttentionMap:
    """Attention that a pixel (or region) pays or receives, in image coordinates.

    Attributes:
        padded: (nH, Hp, Wp) float32, over the padded map in image order (the shift undone): attention
            probabilities, 0 outside the windows concerned. Rows from H and columns from W are padding.
        geometry: window geometry of the block.
        windows: the windows that the pixel or region lies in.
        direction: "query": shares that the place gives to every token, which sum to 1 over `padded`;
            "key": shares of its attention that every token gives to the place.
        place: (H, W) weights of the tokens asked about, which sum to 1.
        pixel: (y, x) in input pixels, or None for a region.
        resolution: coordinates of `maps`, "token" or "pixel".
        heads: "each", or the "mean", "max" or "sum" that leaves nH = 1.
        block: (stage, block) that the pattern comes from, where it was told.
        measure: "probability", or "norm" where keys are weighed by their values
            (`value_weighted_attention`); norms do not sum to 1.
    """

    padded: Tensor
    geometry: WindowGeometry
    windows: tuple[int, ...]
    direction: Literal["query", "key"]
    place: Tensor
    pixel: Pixel | None
    resolution: Literal["token", "pixel"]
    heads: Literal["each", "mean", "max", "sum"]
    block: tuple[int, int] | None
    measure: Literal["probability", "norm"] = "probability"

    @property
    def maps(self) -> Tensor:
        """(nH, H, W) at token resolution, or `pixels()` at pixel resolution; padding is left out."""
        return self.tokens if self.resolution == "token" else self.pixels()

    @property
    def tokens(self) -> Tensor:
        """(nH, H, W): one probability a token."""
        return self.padded[:, : self.geometry.height, : self.geometry.width]

    def pixels(self, size: tuple[int, int] | None = None) -> Tensor:
        """Give every input pixel the probability of the token that covers it.

        Args:
            size: (height, width) of the model's input, to cut the map to; by default the whole map, which
                reaches to the next multiple of the stride.

        Returns:
            (nH, height, width). Values are probabilities per token, so they sum to stride**2, not to 1.
        """
        stride = self.geometry.stride
        upsampled = self.tokens.repeat_interleave(stride, 1).repeat_interleave(stride, 2)
        return upsampled if size is None else upsampled[:, : size[0], : size[1]]

    @property
    def padding_share(self) -> Tensor:
        """(nH,): attention on padding, 0..1 for a query; what padding tokens give to the place for a key."""
        below = self.padded[:, self.geometry.height :]
        beside = self.padded[:, : self.geometry.height, self.geometry.width :]
        return below.sum(dim=(1, 2)) + beside.sum(dim=(1, 2))

    @property
    def rectangles(self) -> tuple[Box, ...]:
        """True rectangles of the windows, in input pixels; parts on padding reach past the map's borders."""
        return tuple(box for window in self.windows for box in self.geometry.rectangles(window))


def attention_to_image(
    pattern: Tensor,
    geometry: WindowGeometry,
    query: Target | None = None,
    *,
    key: Target | None = None,
    resolution: Literal["token", "pixel"] = "token",
    heads: Literal["each", "mean", "max"] = "each",
    batch: int = 0,
    block: tuple[int, int] | None = None,
) -> AttentionMap:
    """Lay out in the image what a query looks at, or who looks at a key; exact, per head.

    For a region the map is the mean of the maps that its pixels have one by one.

    Args:
        pattern: (B, nW, nH, N, N) attention probabilities of one block, as `capture` gives them.
        geometry: window geometry of the block, as the capture's `geometries` has it.
        query: pixel (y, x) of the model's input, or mask (h, w) over it, whose attention is asked for.
        key: the same, for the reverse: the attention that it receives. Give either a query or a key.
        resolution: of the result's `maps`: one value a token, or a pixel.
        heads: each head apart, or their mean or maximum.
        batch: which image of the batch.
        block: (stage, block), for captions only.

    Returns:
        The map, with the windows it lies in and the share that falls on padding.

    Raises:
        ValueError: both or neither of query and key; a place outside the image or an empty mask; a pattern
            that another geometry cut.

    >>> geometry = WindowGeometry(height=3, width=4, window_size=2, shift_size=0, stride=4)
    >>> uniform = torch.full((1, 4, 1, 4, 4), 0.25)  # two rows of windows, the lower half padding
    >>> looked = attention_to_image(uniform, geometry, query=(9, 15))
    >>> looked.maps[0].tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.25, 0.25]]
    >>> looked.padding_share.item(), looked.rectangles
    (0.5, (Box(top=8, left=8, bottom=16, right=16),))
    """
    if (query is None) == (key is None):
        raise ValueError("give either a query (what does it look at?) or a key (who looks at it?).")
    place = query if query is not None else key
    assert place is not None
    check_windows(pattern, geometry)
    weights = token_weights(place, geometry).to(pattern.device, torch.float32)
    windowed = geometry.to_windows(weights[None, :, :, None])[0, :, :, 0]  # nW N
    windows = windowed.sum(dim=1).nonzero()[:, 0]
    axes = "wq,whqk->wkh" if query is not None else "wk,whqk->wqh"
    shares = torch.einsum(axes, windowed[windows], pattern[batch, windows].float())  # windows N nH
    if heads == "mean":
        shares = shares.mean(dim=2, keepdim=True)
    elif heads == "max":
        shares = shares.amax(dim=2, keepdim=True)
    everywhere = shares.new_zeros(geometry.num_windows, *shares.shape[1:])
    everywhere[windows] = shares
    return AttentionMap(
        padded=to_padded_map(everywhere[None], geometry)[0].permute(2, 0, 1),  # nH Hp Wp
        geometry=geometry,
        windows=tuple(windows.tolist()),
        direction="query" if query is not None else "key",
        place=weights,
        pixel=(int(place[0]), int(place[1])) if isinstance(place, tuple) else None,
        resolution=resolution,
        heads=heads,
        block=block,
    )


def token_weights(place: Target, geometry: WindowGeometry) -> Tensor:
    """Return how much each token counts in the mean over a place's pixels.

    Args:
        place: pixel (y, x) of the model's input, or mask (h, w) over it; True (or not 0) is inside.
        geometry: geometry of the map.

    Returns:
        (H, W) float64, sum 1, on the CPU.

    Raises:
        ValueError: the pixel is outside the map, or the mask is empty or of another size than the input.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=7, shift_size=0, stride=4)
    >>> token_weights(np.arange(8)[None].repeat(4, axis=0) >= 3, geometry).tolist()
    [[0.2, 0.8]]
    """
    height, width, stride = geometry.height, geometry.width, geometry.stride
    if isinstance(place, tuple):
        y, x = place
        geometry.locate(y, x)  # raises outside the map
        weights = torch.zeros(height, width, dtype=torch.float64)
        weights[y // stride, x // stride] = 1.0
        return weights
    mask = torch.as_tensor(place).cpu() != 0
    if mask.ndim != 2 or tuple(-(-side // stride) for side in mask.shape) != (height, width):
        raise ValueError(
            f"the mask is {tuple(mask.shape)}, but this map of {height}x{width} tokens covers up to "
            f"{height * stride}x{width * stride} pixels: give the mask at the size of the model's input."
        )
    if not mask.any():
        raise ValueError("the mask is empty: mark at least one pixel.")
    rows, columns = mask.nonzero(as_tuple=True)
    counts = torch.bincount(rows // stride * width + columns // stride, minlength=height * width)
    return counts.double().view(height, width) / counts.sum()
