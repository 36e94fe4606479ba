"""Every way of explaining one logit, as maps over the input's pixels, so that they can be compared."""

from __future__ import annotations

from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from swinviz.attention import Target, attention_to_image, rollout, token_weights, value_weighted_attention
from swinviz.attribution.gradients import CamMethod, class_activation
from swinviz.attribution.local import place_score
from swinviz.attribution.relevance import attention_relevance
from swinviz.attribution.targets import pixel_weights
from swinviz.features import token_map, token_similarity
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, Captured, capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["explanations"]


def explanations(
    model: SwinUPerNet,
    images: Tensor,
    place: Target,
    class_index: int | None = None,
    *,
    block: tuple[int, int] | None = None,
    layer: str = "stages.3.out",
    batch: int = 0,
) -> dict[str, Tensor]:
    """Explain a class's logit over a place in every way there is.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it.
        class_index: the class; by default the one with the highest logit at the place. Attention, rollout,
            similarity and "eigen-cam" do not know of classes.
        block: (stage, block) of attention, values and similarity; by default the last block of the last stage
            but one.
        layer: hook point of the class activation maps, with stages.{s}.out or alike.
        batch: which image of the batch.

    Returns:
        name -> (H, W) float32, higher where the explanation says it mattered more; scales differ.
        "distance" is no explanation but a guess to beat: the nearer to the place, the more.

    Raises:
        ValueError: no such block, layer or class, or the place is outside the image.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> maps = explanations(model, torch.randn(1, 3, 33, 48), (9, 9), layer="stages.1.out")
    >>> len(maps), maps["rollout"].shape
    (12, torch.Size([33, 48]))
    """
    image = images[batch : batch + 1]
    size = (image.shape[-2], image.shape[-1])
    depths = model.config.backbone.depths
    stage = max(len(depths) - 2, 0)
    at = BlockId(stage, depths[stage] - 1) if block is None else BlockId(*block)
    if not (0 <= at.stage < len(depths) and 0 <= at.block < depths[at.stage]):
        raise ValueError(f"block {tuple(at)} does not exist: the stages have {depths} blocks.")
    maps, class_index = _from_one_run(model, image, place, at, class_index)
    # The run's patterns are gone by now: each way below makes what it needs, one after another.
    maps["attention relevance"] = attention_relevance(model, image, place, class_index).pixels(size)
    for method in get_args(CamMethod):
        cam = class_activation(model, image, place, class_index, layer=layer, method=method)
        maps[method] = _over_pixels(cam.map, size)
    maps["distance"] = -_distance(place, size)
    return {name: values.detach().float().cpu() for name, values in maps.items()}


@torch.no_grad()
def _from_one_run(
    model: SwinUPerNet, image: Tensor, place: Target, at: BlockId, class_index: int | None
) -> tuple[dict[str, Tensor], int]:
    """Maps (H, W) that need no gradient, and the class."""
    size = (image.shape[-2], image.shape[-1])
    names = ["stages.*.attn.pattern", at.hook("resid_post"), at.hook("attn.v")]
    with capture(model, names) as seen:
        features = model.features(image)
    _, class_index = place_score(model.head, features, pixel_weights(place, size), class_index)
    pattern, geometry = seen[at.hook("attn.pattern")], seen.geometries[at.hook("attn.pattern")]
    alike = token_similarity(token_map(seen, at.hook("resid_post")), place, center=True)
    maps = {
        "attention": attention_to_image(pattern, geometry, query=place, heads="mean").pixels(size)[0],
        "value-weighted attention": _value_weighted(model, seen, at, place, geometry, size),
        "rollout": rollout(seen, place).pixels(size),
        "similarity": alike.pixels(size),
    }
    return maps, class_index


def _value_weighted(
    model: SwinUPerNet,
    seen: Captured,
    block: BlockId,
    place: Target,
    geometry: WindowGeometry,
    size: tuple[int, int],
) -> Tensor:
    """Mean of the maps of a place's tokens, norms of the sum over heads: (H, W)."""
    proj = model.backbone.get_submodule(f"stages.{block.stage}.blocks.{block.block}.attn.proj")
    weight = proj.weight
    assert isinstance(weight, Tensor)
    weights = token_weights(place, geometry)
    total = torch.zeros(size, device=weight.device)
    for row, column in weights.nonzero().tolist():
        pixel = (row * geometry.stride, column * geometry.stride)
        each = value_weighted_attention(
            seen[block.hook("attn.pattern")],
            geometry,
            seen[block.hook("attn.v")],
            weight.detach(),
            pixel,
            heads="sum",
        )
        total += float(weights[row, column]) * each.pixels(size)[0]
    return total


def _over_pixels(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsample a layer's map (h, w) to the pixels that its places cover."""
    stride = 1
    while tuple(-(-side // stride) for side in size) != tuple(values.shape):
        stride *= 2
        if stride > max(size):  # no map of ours, but a hook point's own grid
            return F.interpolate(values[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
    covered = [side * stride for side in values.shape]
    upsampled = F.interpolate(values[None, None], size=covered, mode="bilinear", align_corners=False)
    return upsampled[0, 0, : size[0], : size[1]]


def _distance(place: Target, size: tuple[int, int]) -> Tensor:
    """Distance of each pixel from the place's center of mass, in pixels: (H, W)."""
    weights = pixel_weights(place, size)
    rows, columns = torch.arange(size[0]).double(), torch.arange(size[1]).double()
    y, x = (weights.sum(dim=1) * rows).sum(), (weights.sum(dim=0) * columns).sum()
    return torch.hypot(rows[:, None] - y, columns[None, :] - x)
