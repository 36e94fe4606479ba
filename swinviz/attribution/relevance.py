"""Attention times gradient, walked back through windows, shifts and stages to the image."""

from __future__ import annotations

import torch
from torch import Tensor

from swinviz.attention import Rollout, Target, propagate
from swinviz.attribution.local import place_score
from swinviz.attribution.targets import pixel_weights
from swinviz.model.hooks import BlockId, capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["attention_relevance"]


def attention_relevance(
    model: SwinUPerNet, images: Tensor, place: Target, class_index: int | None = None, *, batch: int = 0
) -> Rollout:
    """Trace which patches raised a class's logit over a pixel or region, through attention that mattered.

    Each block's matrix is the positive part of pattern times gradient, averaged over heads, so that attention
    which did not raise the logit moves nothing. The walk starts at all stages at once, with the positive
    part of gradient times activation of each stage's output (its channels summed), because the decode head
    reads all four; these starts sum to 1. It ignores values, MLPs and norms, as rollout does.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it.
        class_index: the class; by default the one with the highest logit at the place.
        batch: which image of the batch.

    Returns:
        The walk; its numbers rank patches and have no unit.

    Raises:
        ValueError: the place is outside the image, or there is no such class.

    Source:
        Chefer, Gur and Wolf 2021, section 3 (equations 5 and 6), whose N x N products are here one row
        inside windows.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> attention_relevance(model, torch.randn(1, 3, 32, 48), (9, 9)).pixels((32, 48)).shape
    torch.Size([32, 48])
    """
    weights = pixel_weights(place, images.shape[-2:])
    names = ["stages.*.attn.pattern", "stages.*.out"]
    with torch.enable_grad(), capture(model, names, detach=False) as seen:
        # A leaf, so that there is a graph even where no weight wants a gradient.
        leaf = images[batch : batch + 1].detach().clone().requires_grad_()
        score, _ = place_score(model.head, model.features(leaf), weights, class_index)
        gradients = dict(zip(seen, torch.autograd.grad(score, list(seen.values())), strict=True))
    useful = {name: (value.detach() * gradients[name]).cpu().double() for name, value in seen.items()}
    matrices = {
        BlockId.of(name): (value.relu()[0].mean(dim=1), seen.geometries[name])
        for name, value in useful.items()
        if name.endswith("pattern")
    }
    outputs = {name: value[0].sum(dim=0).relu() for name, value in useful.items() if name.endswith("out")}
    total = torch.stack([value.sum() for value in outputs.values()]).sum()
    starts = {
        max(block for block in matrices if block[0] == int(name.split(".")[1])): value
        / total.clamp(min=1e-30)
        for name, value in outputs.items()
    }
    return propagate(matrices, starts, residual=1.0, attention=1.0)
