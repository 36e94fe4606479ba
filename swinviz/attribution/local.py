"""The decode head near one place only: the same logits, at a small part of the arithmetic.

Of the head's convolutions, only those at the finest resolutions are expensive, and a place's logits read
only their surroundings: one place further for the fusion, one more for the pyramid. What sees the whole map,
pyramid pooling and the way down the pyramid, is cheap and computed whole. Nothing is approximated.
"""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from swinviz.attribution.targets import weights_on_map
from swinviz.model.config import ModelConfig
from swinviz.model.geometry import Box
from swinviz.model.upernet import ConvBlock, UPerHead
from swinviz.model.upsampling import bilinear_matrix, upsample

__all__ = [
    "bounding_box",
    "copies_at_once",
    "decode_box",
    "fusion_shares",
    "place_logits",
    "place_score",
    "pyramid_levels",
]


def bounding_box(weights: Tensor) -> Box:
    """Return the smallest box, in places of the map, that holds all of (h, w) with a weight.

    >>> bounding_box(torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5]]))
    Box(top=1, left=1, bottom=2, right=3)
    """
    rows, columns = (weights.abs().sum(dim=axis).nonzero()[:, 0] for axis in (1, 0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def copies_at_once(
    config: ModelConfig, stream: tuple[int, ...], finest: tuple[int, ...], memory: float = 256e6
) -> int:
    """Reckon how many copies of an image may run together from a block on, decoded at one place: at least 1.

    Args:
        config: the model's.
        stream: shape (..., H, W, C) of the block's input, of one image.
        finest: (h, w) of the backbone's finest map.
        memory: bytes that the copies may take, roughly.

    >>> config = ModelConfig.tiny(("sky", "sea"), depths=(1, 1))
    >>> copies_at_once(config, (64, 64, 8), (64, 64), 8e6), copies_at_once(config, (512, 512, 8), (512, 512))
    (3, 1)
    """
    # A block's widest values are its qkv, hidden layer and scores; the decoder's are the finest laterals.
    bytes_each = 4 * (16 * math.prod(stream) + 3 * config.head.channels * math.prod(finest))
    return max(1, int(memory // bytes_each))


def decode_box(
    head: UPerHead, features: list[Tensor], box: Box, *, levels: list[Tensor] | None = None
) -> Tensor:
    """Decode the backbone's maps inside a box: what `head(features)` gives there, up to rounding.

    Edits of the head's finer hook points see the box's surroundings only, not whole maps.

    Args:
        head: the decode head, in eval mode.
        features: the backbone's maps (B, C, h, w), finest first.
        box: part of the finest map, in its places.
        levels: what `pyramid_levels` gives, (B, width, h, w) each, where several boxes are decoded.

    Returns:
        (B, K, bottom - top, right - left).

    >>> from swinviz.model.config import HeadConfig
    >>> head = UPerHead((8, 16), num_classes=2, config=HeadConfig(channels=4)).eval()
    >>> features = [torch.randn(1, 8, 12, 9), torch.randn(1, 16, 6, 5)]
    >>> local = decode_box(head, features, Box(0, 3, 2, 9))
    >>> torch.allclose(local, head(features)[:, :, 0:2, 3:9], atol=1e-5)
    True
    """
    fused = torch.stack(fusion_shares(head, features, box, levels=levels)).sum(dim=0)
    fused = head.fusion.output(F.relu(head.fusion.bn(fused)))
    return head.logits(head.classifier(fused))


def place_logits(head: UPerHead, features: list[Tensor], weights: Tensor) -> Tensor:
    """Average the logits over a place, decoded there only.

    Args:
        head: the decode head, in eval mode.
        features: the backbone's maps (B, C, h, w), finest first.
        weights: (H, W) at the input's size, what each of its pixels counts, as `pixel_weights` gives them.

    Returns:
        (B, K), in the autograd graph of the features; a graph that holds the place's surroundings only.

    >>> from swinviz.model.config import HeadConfig
    >>> head = UPerHead((8, 16), num_classes=2, config=HeadConfig(channels=4)).eval()
    >>> features = [torch.randn(1, 8, 12, 9), torch.randn(1, 16, 6, 5)]
    >>> weights = torch.zeros(48, 36)
    >>> weights[47, 0] = 1.0
    >>> whole = upsample(head(features), (48, 36))[:, :, 47, 0]
    >>> torch.allclose(place_logits(head, features, weights), whole, atol=1e-5)
    True
    """
    on_map = weights_on_map(weights, features[0].shape[-2:])
    box = bounding_box(on_map)
    logits = decode_box(head, features, box)
    inside = on_map[box.top : box.bottom, box.left : box.right]
    return torch.einsum("bkhw,hw->bk", logits, inside.to(logits))


def place_score(
    head: UPerHead, features: list[Tensor], weights: Tensor, class_index: int | None = None
) -> tuple[Tensor, int]:
    """Choose a class's mean logit over a place, as the quantity to be explained.

    Args:
        head: the decode head, in eval mode.
        features: the backbone's maps (1, C, h, w), finest first.
        weights: (H, W) at the input's size, as for `place_logits`.
        class_index: the class; by default the one with the highest mean logit.

    Returns:
        The logit, a scalar in the autograd graph of the features, and the class.

    Raises:
        ValueError: there is no such class.

    >>> from swinviz.model.config import HeadConfig
    >>> head = UPerHead((8, 16), num_classes=2, config=HeadConfig(channels=4)).eval()
    >>> features = [torch.randn(1, 8, 12, 9), torch.randn(1, 16, 6, 5)]
    >>> logit, _ = place_score(head, features, torch.ones(48, 36) / (48 * 36), class_index=1)
    >>> torch.allclose(logit, upsample(head(features), (48, 36))[0, 1].mean(), atol=1e-5)
    True
    """
    logits = place_logits(head, features, weights)[0]
    chosen = int(logits.detach().argmax()) if class_index is None else class_index
    if not 0 <= chosen < len(logits):
        raise ValueError(f"class {chosen} does not exist: there are {len(logits)}, counted from 0.")
    return logits[chosen], chosen


def pyramid_levels(head: UPerHead, features: list[Tensor]) -> list[Tensor]:
    """Bring the backbone's maps to one width and down the feature pyramid.

    Args:
        head: the decode head, in eval mode.
        features: the backbone's maps (B, C, h, w), finest first.

    Returns:
        The pyramid's levels (B, width, h, w), finest first, before their 3x3 convolutions.

    >>> from swinviz.model.config import HeadConfig
    >>> head = UPerHead((8, 16), num_classes=2, config=HeadConfig(channels=4)).eval()
    >>> levels = pyramid_levels(head, [torch.randn(1, 8, 12, 9), torch.randn(1, 16, 6, 5)])
    >>> [tuple(level.shape) for level in levels]
    [(1, 4, 12, 9), (1, 4, 6, 5)]
    """
    laterals = [block(x) for block, x in zip(head.lateral, features, strict=False)]
    laterals.append(head.pool_pyramid(features[-1]))
    for finer in reversed(range(len(laterals) - 1)):  # from coarse to fine
        laterals[finer] = laterals[finer] + upsample(laterals[finer + 1], laterals[finer].shape[-2:])
    return laterals


def fusion_shares(
    head: UPerHead, features: list[Tensor], box: Box, *, levels: list[Tensor] | None = None
) -> list[Tensor]:
    """Compute what each level adds to the fusion inside a box (arguments as for `decode_box`).

    Returns:
        One (B, C, bottom - top, right - left) a level, finest first, before batch normalization.

    >>> from swinviz.model.config import HeadConfig
    >>> head = UPerHead((8, 16), num_classes=2, config=HeadConfig(channels=4)).eval()
    >>> features = [torch.randn(1, 8, 12, 9), torch.randn(1, 16, 6, 5)]
    >>> [tuple(share.shape) for share in fusion_shares(head, features, Box(0, 3, 2, 9))]
    [(1, 4, 2, 6), (1, 4, 2, 6)]
    """
    laterals = pyramid_levels(head, features) if levels is None else levels
    height, width = laterals[0].shape[-2:]
    read = Box(  # what the fusion's 3x3 convolution reads, inside the map
        max(box.top - 1, 0),
        max(box.left - 1, 0),
        min(box.bottom + 1, height),
        min(box.right + 1, width),
    )
    missing = (  # zeros that it reads beyond the map's border
        read.left - box.left + 1,
        box.right + 1 - read.right,
        read.top - box.top + 1,
        box.bottom + 1 - read.bottom,
    )
    resized = partial(bilinear_matrix, dtype=features[0].dtype, device=features[0].device)
    shares = []
    kernels = head.fusion.conv.weight.chunk(len(laterals), dim=1)
    for level, (lateral, kernel) in enumerate(zip(laterals, kernels, strict=True)):
        vertical = resized(lateral.shape[-2], height)[read.top : read.bottom]
        horizontal = resized(lateral.shape[-1], width)[read.left : read.right]
        (top, bottom), (left, right) = _support(vertical), _support(horizontal)
        source = Box(top, left, bottom, right)
        if level < len(head.fpn):
            block = head.fpn[level]
            assert isinstance(block, ConvBlock)
            crop = F.conv2d(_with_margin(lateral, source), block.conv.weight, block.conv.bias)
            crop = block.output(F.relu(block.bn(crop)))
        else:
            crop = lateral[:, :, source.top : source.bottom, source.left : source.right]
        vertical = vertical[:, source.top : source.bottom]
        horizontal = horizontal[:, source.left : source.right]
        upsampled = vertical @ crop @ horizontal.t()  # B C rows columns, of what is read
        share = F.conv2d(F.pad(upsampled, missing), kernel)
        shares.append(head.fusion.points[level](share))
    return shares


def _support(matrix: Tensor) -> tuple[int, int]:
    """First and last column (half-open) that a matrix reads."""
    used = matrix.any(dim=0).nonzero()[:, 0]
    return int(used[0]), int(used[-1]) + 1


def _with_margin(x: Tensor, box: Box) -> Tensor:
    """Cut a box out of x (B, C, h, w) with one more place on every side, zeros beyond the border."""
    height, width = x.shape[-2:]
    inner = x[:, :, max(box.top - 1, 0) : box.bottom + 1, max(box.left - 1, 0) : box.right + 1]
    missing = (box.left == 0, box.right == width, box.top == 0, box.bottom == height)
    return F.pad(inner, [int(side) for side in missing])
