"""Statistics of heads: mean distance and entropy of attention, shares on padding and on the own class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from swinviz.attention.leakage import cross_region_pairs
from swinviz.attention.tokens import check_windows, padding_places, token_positions
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, Hook, edit
from swinviz.segmenter import SwinUPerNet

__all__ = ["HeadStatistics", "head_statistics", "model_statistics"]


@dataclass(frozen=True)
class HeadStatistics:
    """Means over all queries of a block that are not padding, one number a head, float64.

    Attributes:
        distance: (nH,) mean distance from query to key in input pixels, weighted by attention; padding
            counts where it lies, past the map's border.
        entropy: (nH,) of a query's pattern, in nats; at most log(N).
        padding_share: (nH,) attention on padding, 0..1.
        cross_region_share: (nH,) attention across regions, 0..1; about 0 unless the mask is edited away.
        own_class_share: (nH,) attention on tokens of the query's own class, 0..1; None without labels.
        queries: over how many queries the means are taken.
    """

    distance: Tensor
    entropy: Tensor
    padding_share: Tensor
    cross_region_share: Tensor
    own_class_share: Tensor | None
    queries: int

    @staticmethod
    def combine(parts: Sequence[HeadStatistics]) -> HeadStatistics:
        """Join the statistics of several images into those of all of them.

        >>> one = HeadStatistics(*[torch.tensor([value]) for value in (8.0, 1.0, 0.0, 0.0)], None, queries=1)
        >>> two = HeadStatistics(*[torch.tensor([value]) for value in (2.0, 1.0, 0.0, 0.0)], None, queries=2)
        >>> HeadStatistics.combine([one, two]).distance.item()
        4.0
        """
        queries = sum(part.queries for part in parts)

        def mean(name: str) -> Tensor:
            return torch.stack([getattr(part, name) * (part.queries / queries) for part in parts]).sum(dim=0)

        labeled = all(part.own_class_share is not None for part in parts)
        return HeadStatistics(
            distance=mean("distance"),
            entropy=mean("entropy"),
            padding_share=mean("padding_share"),
            cross_region_share=mean("cross_region_share"),
            own_class_share=mean("own_class_share") if labeled else None,
            queries=queries,
        )


def head_statistics(
    pattern: Tensor, geometry: WindowGeometry, labels: Tensor | None = None
) -> HeadStatistics:
    """Measure the heads of one block.

    Args:
        pattern: (B, nW, nH, N, N).
        geometry: window geometry of the block.
        labels: (B, h, w) class of each input pixel, predicted or true; a token has the class at its center.

    Returns:
        One number a head for each measure.

    Raises:
        ValueError: another geometry cut the pattern, or the labels are not of the input's size.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)
    >>> to_the_left = torch.tensor([1.0, 0, 0, 0]).expand(1, 1, 1, 4, 4)  # both tokens see only the first
    >>> measured = head_statistics(to_the_left, geometry)
    >>> measured.distance.item(), measured.entropy.item(), measured.queries
    (2.0, 0.0, 2)
    """
    check_windows(pattern, geometry)
    pattern, device = pattern.float(), pattern.device
    padding = padding_places(geometry, device)  # nW N
    real = (~padding).float()
    places = token_positions(geometry, device).float()  # nW N 2
    queries = pattern.shape[0] * geometry.height * geometry.width

    def mean(weights: Tensor, axes: str) -> Tensor:
        total = torch.einsum(f"bwhqk,wq,{axes}->h", pattern, real, weights)
        return total.cpu().double() / queries

    own_class = None
    if labels is not None:
        named = _window_labels(labels.to(device), geometry)  # B nW N
        same = (named[..., :, None] == named[..., None, :]).float()  # padding is -1: nobody's own class
        own_class = mean(same, "bwqk")
    entropy = torch.einsum("bwhq,wq->h", torch.special.entr(pattern).sum(dim=-1), real)
    return HeadStatistics(
        distance=mean(torch.cdist(places, places) * geometry.stride, "wqk"),
        entropy=entropy.cpu().double() / queries,
        padding_share=mean(padding.float(), "wk"),
        cross_region_share=mean(cross_region_pairs(geometry, device).float(), "wqk"),
        own_class_share=own_class,
        queries=queries,
    )


@torch.no_grad()
def model_statistics(
    model: SwinUPerNet, inputs: Iterable[Tensor], *, classes: bool = False
) -> dict[BlockId, HeadStatistics]:
    """Measure all heads of all blocks over images, keeping no pattern longer than its block runs.

    Args:
        model: the model, in eval mode.
        inputs: normalized images (B, 3, H, W); batches may differ in size.
        classes: measure `own_class_share` too, by the model's own prediction (costs a second run).

    Returns:
        (stage, block) -> statistics over all images, in the order of the forward pass.

    Raises:
        ValueError: there is no image.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> table = model_statistics(model, [torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 20, 48)])
    >>> {tuple(block): len(measured.entropy) for block, measured in table.items()}
    {(0, 0): 1, (1, 0): 2, (1, 1): 2}
    """
    parts: dict[BlockId, list[HeadStatistics]] = {}

    def measure(pattern: Tensor, hook: Hook, labels: Tensor | None) -> None:
        assert hook.geometry is not None
        parts.setdefault(hook.block, []).append(head_statistics(pattern, hook.geometry, labels))

    for images in inputs:
        labels = model(images).argmax(dim=1) if classes else None
        with edit(model, {"stages.*.attn.pattern": partial(measure, labels=labels)}):
            model.features(images)
    if not parts:
        raise ValueError("there is no image to measure: give at least one.")
    return {block: HeadStatistics.combine(measured) for block, measured in parts.items()}


def _window_labels(labels: Tensor, geometry: WindowGeometry) -> Tensor:
    """(B, h, w) pixel labels -> (B, nW, N) labels of tokens at their centers, -1 on padding."""
    stride, tokens = geometry.stride, (geometry.height, geometry.width)
    if tuple(-(-side // stride) for side in labels.shape[1:]) != tokens:
        raise ValueError(
            f"labels are {tuple(labels.shape)}, but the map covers up to {tokens[0] * stride}x"
            f"{tokens[1] * stride} pixels: give them as (B, h, w) at the size of the model's input."
        )
    rows, columns = (
        (torch.arange(count, device=labels.device) * stride + stride // 2).clamp(max=side - 1)
        for count, side in zip(tokens, labels.shape[1:], strict=True)
    )
    centers = labels[:, rows[:, None], columns[None, :]].long() + 1  # B H W, so that padding's 0 becomes -1
    return geometry.to_windows(centers[..., None])[..., 0] - 1
