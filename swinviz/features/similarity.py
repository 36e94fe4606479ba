"""Cosine similarity of one token with all others: "looks like", beside the attention's "looks at"."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from swinviz.attention import Pixel, Target
from swinviz.features.tokens import TokenMap

__all__ = ["SimilarityMap", "token_similarity", "unit_vectors"]


@dataclass(frozen=True)
class SimilarityMap:
    """Cosine similarity of a place with every token of a picture.

    Attributes:
        map: (H, W) float32, -1 to 1, one value a token.
        stride: input pixels per token.
        name: name of the hook point.
        head: the attention head, or None for all channels.
        pixel: (y, x) in input pixels that was asked about, or None for a region.
        centered: whether the mean vector was taken off before the angle was measured.
        elsewhere: whether the map is of another picture than the place.
    """

    map: Tensor
    stride: int
    name: str
    head: int | None
    pixel: Pixel | None
    centered: bool
    elsewhere: bool

    def pixels(self, size: tuple[int, int]) -> Tensor:
        """Give every input pixel the value of its token: (height, width), -1 to 1.

        Args:
            size: (height, width) of the model's input.
        """
        spread = self.map.repeat_interleave(self.stride, 0).repeat_interleave(self.stride, 1)
        return spread[: size[0], : size[1]]

    @property
    def best(self) -> Pixel:
        """(y, x) of the middle of the most similar token, in input pixels."""
        row, column = divmod(int(self.map.argmax()), self.map.shape[1])
        return row * self.stride + self.stride // 2, column * self.stride + self.stride // 2


def token_similarity(
    tokens: TokenMap,
    place: Target,
    other: TokenMap | None = None,
    *,
    batch: int = 0,
    other_batch: int = 0,
    center: bool = False,
) -> SimilarityMap:
    """Measure the cosine similarity of a place's feature vector with that of every token.

    For a region, its mean vector is compared. A vector of zeros is similar to nothing: 0.

    Args:
        tokens: vectors at a hook point, from `token_map` or `read_tokens`.
        place: pixel (y, x) of the model's input, or mask (h, w) over it.
        other: vectors of another picture at the same hook point, of any size; by default the same picture's.
        batch: which image of `tokens`.
        other_batch: which image of `other`.
        center: take the mean vector of `tokens`' picture off all vectors first. Tokens of one picture share
            large components, so that raw cosines crowd near 1.

    Returns:
        The map, 1 at the place itself.

    Raises:
        ValueError: the place is outside the picture, or the vectors come from different hook points.

    Source:
        Dense feature similarity as in DINO (Caron et al. 2021) and DINOv3's notebooks.

    >>> tokens = TokenMap(torch.tensor([[[[3.0, 4.0], [4.0, 3.0], [-3.0, -4.0]]]]), 4, "stages.0.out")
    >>> [round(value, 2) for value in token_similarity(tokens, (0, 0)).map[0].tolist()]
    [1.0, 0.96, -1.0]
    """
    target = tokens if other is None else other
    if (target.name, target.head) != (tokens.name, tokens.head):
        raise ValueError(f"vectors of {tokens.place} and {target.place} cannot be compared: name one point.")
    mean = tokens.vectors[batch].float().mean(dim=(0, 1)) if center else 0.0
    asked = unit_vectors(tokens.at(place, batch).float() - mean)
    everywhere = unit_vectors(target.vectors[batch if other is None else other_batch].float() - mean)
    return SimilarityMap(
        map=(everywhere @ asked.to(everywhere.device)).clamp(-1.0, 1.0),
        stride=tokens.stride,
        name=tokens.name,
        head=tokens.head,
        pixel=(int(place[0]), int(place[1])) if isinstance(place, tuple) else None,
        centered=center,
        elsewhere=other is not None,
    )


def unit_vectors(vectors: Tensor) -> Tensor:
    """Scale vectors (..., C) to length 1; zeros stay zeros.

    >>> unit_vectors(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = vectors.norm(dim=-1, keepdim=True)
    return vectors / length.where(length > 0, torch.ones_like(length))
