"""Principal components of feature vectors as colors, one projection for any number of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from swinviz.features.tokens import TokenMap

__all__ = ["Components", "principal_components"]

Side = Literal["above", "below"]


@dataclass(frozen=True)
class Components:
    """A projection of feature vectors on their principal axes, fixed so that other pictures may use it.

    Attributes:
        mean: (C,) float64.
        axes: (3, C) float64 unit vectors, by falling variance; the largest entry of each is positive.
        variances: (3,) float64, along the axes.
        explained: (3,) float64, share of the whole variance along each axis, 0 to 1.
        low: (3,) float64, the projection that is drawn darkest.
        high: (3,) float64, the projection that is drawn brightest.
        name: hook point of the vectors.
        head: attention head of the vectors, or None.
        background: the projection that tells foreground from background, where one was asked for.
        threshold: share of the way from lowest to highest on `background`'s first axis, 0 to 1.
        side: side of the threshold that is foreground.
    """

    mean: Tensor
    axes: Tensor
    variances: Tensor
    explained: Tensor
    low: Tensor
    high: Tensor
    name: str
    head: int | None
    background: Components | None = None
    threshold: float = 0.0
    side: Side = "above"

    def project(self, tokens: TokenMap) -> Tensor:
        """Coordinates of every token on the axes: (B, H, W, 3) float64, on the CPU.

        Args:
            tokens: vectors at the projection's hook point and head.

        Raises:
            ValueError: they come from another.
        """
        if (tokens.name, tokens.head) != (self.name, self.head):
            raise ValueError(f"the projection is of {self.name}, not of {tokens.place}: read that point.")
        return (tokens.vectors.cpu().double() - self.mean) @ self.axes.T

    def foreground(self, tokens: TokenMap) -> Tensor:
        """Tokens on the foreground's side of the threshold: (B, H, W) bool; all without a threshold.

        Args:
            tokens: vectors at the projection's hook point and head.
        """
        if self.background is None:
            return torch.ones(tokens.vectors.shape[:3], dtype=torch.bool)
        first = self.background.project(tokens)[..., 0]
        low, high = self.background.low[0], self.background.high[0]
        above = first > low + self.threshold * (high - low)
        return above if self.side == "above" else ~above

    def colors(self, tokens: TokenMap) -> Tensor:
        """Colors of every token: (B, H, W, 3) float32, 0 to 1; background is black.

        Args:
            tokens: vectors at the projection's hook point and head.
        """
        spread = (self.high - self.low).clamp(min=1e-12)
        scaled = ((self.project(tokens) - self.low) / spread).clamp(0.0, 1.0)
        return (scaled * self.foreground(tokens)[..., None]).float()


def principal_components(
    maps: Iterable[TokenMap],
    *,
    threshold: float | None = None,
    side: Side = "above",
    clip: float = 0.01,
) -> Components:
    """Find the first three principal axes of feature vectors of one or many pictures.

    Args:
        maps: vectors at one hook point and head, of pictures of any size; for a video, of all or some frames.
        threshold: share of the way from the lowest to the highest first component, 0 to 1, that divides
            foreground from background; the axes are then found anew on the foreground, as in DINO's and
            DINOv2's notebooks. By default everything is foreground.
        side: which side of the threshold is foreground; the sign of a component says nothing by itself.
        clip: share of tokens, 0 to below 0.5, that may be darker than the darkest and brighter than the
            brightest color.

    Returns:
        The projection. Axes are ordered by variance, and the largest entry of each is positive, so that the
        colors of a picture are the same on every run.

    Raises:
        ValueError: no vectors, or vectors of several hook points; fewer than 3 channels; no foreground.

    Source:
        Oquab et al. 2023 (DINOv2), section 7.5 (PCA of patch features).

    >>> torch.manual_seed(0)
    <torch._C.Generator object at ...>
    >>> tokens = TokenMap(torch.randn(1, 8, 8, 5) * torch.tensor([9.0, 1, 4, 1, 1]), 4, "stages.0.out")
    >>> components = principal_components([tokens])
    >>> components.axes.abs().argmax(dim=1)[:2].tolist(), components.colors(tokens).shape
    ([0, 2], torch.Size([1, 8, 8, 3]))
    """
    listed = list(maps)
    if not listed:
        raise ValueError("there are no vectors to find components of: give the map of at least one picture.")
    if len({(each.name, each.head) for each in listed}) > 1:
        raise ValueError("the maps come from several hook points or heads: read one from all pictures.")
    if listed[0].vectors.shape[-1] < 3:
        raise ValueError(f"{listed[0].place} has fewer than 3 channels: three colors need three.")
    everything = torch.cat([each.vectors.flatten(0, 2).cpu() for each in listed])
    found = _fit(everything, listed[0], clip)
    if threshold is None:
        return found
    chosen = Components(**{**found.__dict__, "background": found, "threshold": threshold, "side": side})
    inside = torch.cat([chosen.foreground(each).flatten() for each in listed])
    if int(inside.sum()) < 4:
        raise ValueError(
            f"a threshold of {threshold} leaves {int(inside.sum())} tokens of foreground: choose another "
            "one, or the other side."
        )
    again = _fit(everything[inside], listed[0], clip)
    return Components(**{**again.__dict__, "background": found, "threshold": threshold, "side": side})


def _fit(vectors: Tensor, like: TokenMap, clip: float) -> Components:
    """Axes of vectors (n, C), from their covariance, which is small however many there are."""
    values = vectors.double()
    mean = values.mean(dim=0)
    centered = values - mean
    variances, axes = torch.linalg.eigh(centered.T @ centered / len(values))
    total = variances.clamp(min=0).sum().clamp(min=1e-30)
    variances, axes = variances.flip(0)[:3].clamp(min=0), axes.T.flip(0)[:3]
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    axes = axes * largest.sign()
    projected = centered @ axes.T
    low, high = (_quantile(projected, share) for share in (clip, 1 - clip))
    return Components(mean, axes, variances, variances / total, low, high, like.name, like.head)


def _quantile(values: Tensor, share: float) -> Tensor:
    """Quantile of each column of (n, 3): (3,)."""
    ordered = values.sort(dim=0).values
    return ordered[round(share * (len(values) - 1))]
