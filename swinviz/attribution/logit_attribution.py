"""Logit attribution: the exact share of each level and pooling scale in the logit of a pixel.

With its ReLU gates and batch normalization held at what they are for this image, the fusion is linear in its
levels, and a class's logit is a sum: one share a level and a constant. The coarsest level's share is, by the
same token, a sum over the backbone's map, the pooling scales, and a constant of the bottleneck.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinviz.attention import Target
from swinviz.attribution.local import bounding_box, decode_box, pyramid_levels
from swinviz.attribution.targets import pixel_weights, weights_on_map
from swinviz.model.geometry import Box
from swinviz.model.hooks import capture
from swinviz.model.upernet import ConvBlock, Fusion, UPerHead
from swinviz.model.upsampling import bilinear_matrix, upsample
from swinviz.segmenter import SwinUPerNet

__all__ = ["DecoderAttribution", "LogitAttribution", "decoder_logit_attribution", "level_shares"]


@dataclass(frozen=True)
class LogitAttribution:
    """Shares of a logit, in logits.

    Attributes:
        class_index: the class.
        logit: its logit, averaged over the place.
        levels: share of each level, finest first; with `constant` they sum to `logit`.
        constant: logits that classifier bias and batch normalization add whatever the image.
        backbone: the part of the last level's share that comes straight from the backbone's last map.
        pooling: (scale, part) of each pooling grid; with `backbone` and `bottleneck_constant` they sum to
            the last level's share.
        bottleneck_constant: what the bottleneck's batch normalization adds to the last level's share.
    """

    class_index: int
    logit: float
    levels: tuple[float, ...]
    constant: float
    backbone: float
    pooling: tuple[tuple[int, float], ...]
    bottleneck_constant: float


@torch.no_grad()
def decoder_logit_attribution(
    model: SwinUPerNet, images: Tensor, place: Target, class_index: int | None = None, *, batch: int = 0
) -> LogitAttribution:
    """Split a pixel's or region's logit exactly into the shares of the decoder's levels and poolings.

    The gates are part of what the image decides: the shares say what was added up, not what would have
    happened without a level (for that, `drop_level`). A level's share holds what coarser levels passed down
    to it through the feature pyramid.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it.
        class_index: the class; by default the one with the highest logit at the place.
        batch: which image of the batch.

    Returns:
        The logit attribution; its sums hold to about 1e-6 of the largest share.

    Raises:
        ValueError: the place is outside the image, or there is no such class.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> decomposition = decoder_logit_attribution(model, torch.randn(1, 3, 32, 32), place=(3, 5))
    >>> abs(sum(decomposition.levels) + decomposition.constant - decomposition.logit) < 1e-5
    True
    >>> [scale for scale, share in decomposition.pooling]
    [1, 2, 3, 6]
    """
    height, width = images.shape[-2:]
    decoder = DecoderAttribution(model.head, model.features(images[batch : batch + 1]), (height, width))
    return decoder.at(place, class_index)


class DecoderAttribution:
    """One image in the decode head, ready to split the logits of any of its places.

    What no place changes is computed once: the pyramid, and each pooling's part of the bottleneck.

    Args:
        head: the decode head, in eval mode.
        features: the backbone's maps (1, C, h, w) of the image, finest first.
        size: (height, width) of the image, as the model saw it.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> image = torch.randn(1, 3, 32, 32)
    >>> decoder = DecoderAttribution(model.head, model.features(image), (32, 32))
    >>> decoder.at((3, 5)) == decoder_logit_attribution(model, image, place=(3, 5))
    True
    """

    @torch.no_grad()
    def __init__(self, head: UPerHead, features: list[Tensor], size: tuple[int, int]) -> None:
        self._head, self._features, self._size = head, features, size
        with capture(head, ["bottleneck", "ppm.*"], device="cpu", dtype=torch.float64) as seen:
            self._levels = pyramid_levels(head, features)
        self._coarse = seen["bottleneck"]
        pooled = [seen[f"ppm.{index}"] for index in range(len(head.ppm))]
        sources = [features[-1].cpu().double(), *(upsample(grid, self._coarse.shape[-2:]) for grid in pooled)]
        kernels = torch.split(
            head.bottleneck.conv.weight.cpu().double(), [source.shape[1] for source in sources], dim=1
        )
        self._parts = [
            F.conv2d(source, kernel, padding=1) for source, kernel in zip(sources, kernels, strict=True)
        ]

    @torch.no_grad()
    def at(self, place: Target, class_index: int | None = None) -> LogitAttribution:
        """Split the logit of a place.

        Args:
            place: pixel (y, x) of the image, or mask (height, width) over it.
            class_index: the class; by default the one with the highest logit at the place.

        Returns:
            The logit attribution.

        Raises:
            ValueError: the place is outside the image, or there is no such class.
        """
        head = self._head
        map_size = self._levels[0].shape[-2:]
        on_map = weights_on_map(pixel_weights(place, self._size), map_size)
        box = bounding_box(on_map)
        inside = on_map[box.top : box.bottom, box.left : box.right]
        with capture(head, "fusion*", device="cpu", dtype=torch.float64) as seen:
            decoded = decode_box(head, self._features, box, levels=self._levels)
        logits = decoded[0].cpu().double()  # K rows columns
        means = (logits * inside).sum(dim=(1, 2))
        if class_index is None:
            class_index = int(means.argmax())
        if not 0 <= class_index < len(means):
            raise ValueError(f"class {class_index} does not exist: there are {len(means)}, counted from 0.")
        bias = head.classifier.bias
        # How the logit hangs on each channel and place of the fused map, before its batch normalization.
        direction = head.classifier.weight[class_index, :, 0, 0].cpu().double()
        fused = _Gated(head.fusion, seen["fusion"], direction[:, None, None] * inside)
        levels = [seen[f"fusion.{level}"] for level in range(len(self._levels))]
        # And how it hangs on the bottleneck's, through the last level's share.
        kernel = head.fusion.conv.weight.chunk(len(levels), dim=1)[-1].cpu().double()
        coarse_size = self._coarse.shape[-2:]
        bottleneck = _Gated(
            head.bottleneck, self._coarse, _to_coarse(fused.pull, kernel, box, map_size, coarse_size)
        )
        parts = [bottleneck.share(part) for part in self._parts]
        return LogitAttribution(
            class_index=class_index,
            logit=float(means[class_index]),
            levels=tuple(fused.share(level) for level in levels),
            constant=fused.constant + (0.0 if bias is None else float(bias[class_index])),
            backbone=parts[0],
            pooling=tuple(zip(head.pool_scales, parts[1:], strict=True)),
            bottleneck_constant=bottleneck.constant,
        )


@torch.no_grad()
def level_shares(model: SwinUPerNet, images: Tensor, class_index: int | None = None) -> Tensor:
    """Split a class's logits over the whole image into the decoder's levels.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        class_index: the class; by default each pixel's own, the one with the highest logit.

    Returns:
        (B, levels + 1, H/4, W/4) in logits: finest level first, the constant last; their sum is the logit.

    Raises:
        ValueError: there is no such class.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> level_shares(model, torch.randn(2, 3, 32, 40)).shape
    torch.Size([2, 3, 8, 10])
    """
    features = model.features(images)
    with capture(model, "head.fusion*") as seen:
        logits = model.decode(features)
    classes = (
        logits.argmax(dim=1) if class_index is None else torch.full_like(logits[:, 0], class_index).long()
    )
    if class_index is not None and not 0 <= class_index < logits.shape[1]:
        raise ValueError(f"class {class_index} does not exist: there are {logits.shape[1]}, counted from 0.")
    scale, shift = (tensor.to(logits) for tensor in _normalization(model.head.fusion))
    directions = model.head.classifier.weight[:, :, 0, 0]  # K C
    # B C h w: the gates, times each pixel's own direction
    pull = (seen["head.fusion"] > 0) * directions[classes].permute(0, 3, 1, 2)
    shares = [
        (pull * scale[:, None, None] * seen[f"head.fusion.{level}"]).sum(dim=1)
        for level in range(len(features))
    ]
    constant = (pull * shift[:, None, None]).sum(dim=1)
    if model.head.classifier.bias is not None:
        constant = constant + model.head.classifier.bias[classes]
    return torch.stack([*shares, constant], dim=1)


class _Gated:
    """A convolution with batch normalization and ReLU, made linear by holding its gates open or shut."""

    def __init__(self, block: ConvBlock | Fusion, output: Tensor, gradient: Tensor) -> None:
        scale, shift = _normalization(block)
        gated = gradient * (output[0] > 0)  # C h w, float64
        self.pull = gated * scale[:, None, None]
        self.constant = float((gated * shift[:, None, None]).sum())

    def share(self, convolved: Tensor) -> float:
        """Share of the logit that a part (1, C, h, w) of the convolution's result adds."""
        return float((self.pull * convolved[0]).sum())


def _normalization(block: ConvBlock | Fusion) -> tuple[Tensor, Tensor]:
    """Scale and shift before the ReLU of a convolution's result, (C,) float64 on the CPU."""
    bn: nn.Module = block.bn
    if not isinstance(bn, nn.BatchNorm2d):  # folded into the convolution, which then has a bias
        assert block.conv.bias is not None
        shift = block.conv.bias.cpu().double()
        return torch.ones_like(shift), shift
    assert bn.running_mean is not None
    assert bn.running_var is not None
    weight, bias, mean, variance = (
        tensor.cpu().double() for tensor in (bn.weight, bn.bias, bn.running_mean, bn.running_var)
    )
    scale = weight / (variance + bn.eps).sqrt()
    return scale, bias - mean * scale


def _to_coarse(
    gradient: Tensor, kernel: Tensor, box: Box, size: tuple[int, ...], coarse: tuple[int, ...]
) -> Tensor:
    """Pull a gradient (C, rows, columns) in a box of a map of `size` back to the map of size `coarse` below.

    Between the two lie an upsampling and a 3x3 convolution.
    """
    wider = F.conv_transpose2d(gradient[None], kernel)[0]  # C rows + 2, columns + 2: one place more each side
    height, width = size
    top, left = max(box.top - 1, 0), max(box.left - 1, 0)
    bottom, right = min(box.bottom + 1, height), min(box.right + 1, width)
    rows, columns = top - box.top + 1, left - box.left + 1  # places beyond the map's border are cut off
    inner = wider[:, rows : rows + bottom - top, columns : columns + right - left]
    vertical = bilinear_matrix(coarse[0], height, dtype=torch.float64)[top:bottom]
    horizontal = bilinear_matrix(coarse[1], width, dtype=torch.float64)[left:right]
    return vertical.t() @ inner @ horizontal
