"""The heads: UPerNet (Xiao et al. 2018), which decodes, and the auxiliary FCN, which helps to train.

UPerHead reads the backbone's four maps. The coarsest goes through pyramid pooling; lateral convolutions bring
the others to one width; a feature pyramid adds each coarser map to the next finer one; and one fusion
convolution over all levels, at the finest resolution, decides.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinviz.model.config import HeadConfig
from swinviz.model.fast.winograd import WINOGRAD_GAIN, convolve_3x3, use_winograd
from swinviz.model.hooks import HookPoint
from swinviz.model.upsampling import add_upsampled, conv_upsampled, upsample, use_conv_upsampled

__all__ = ["ConvBlock", "FCNHead", "Fusion", "UPerHead"]


class ConvBlock(nn.Module):
    """Convolution without bias that keeps the size, batch normalization, ReLU."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.output = HookPoint()
        self.fast = False  # see swinviz.model.fast.folding

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels, h, w), never negative."""
        return self.output(F.relu(self.bn(self.convolve(x)), inplace=True))

    def convolve(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels, h, w)."""
        if not self.fast:
            return self.conv(x)
        if self.conv.kernel_size == (3, 3):
            return convolve_3x3(x, self.conv.weight, self.conv.bias)
        # The backbone's maps have their channels innermost; what follows is quicker on planes.
        return self.conv(x.contiguous())


class Fusion(nn.Module):
    """The 3x3 convolution over all levels, upsampled to the finest and concatenated.

    A convolution over concatenated maps is a sum over the maps, so each level has its share of the result;
    hook point i is level i's share, (B, C, H/4, W/4), before batch normalization.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(levels * channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.points = [HookPoint() for _ in range(levels)]
        for level, point in enumerate(self.points):
            self.add_module(str(level), point)
        self.output = HookPoint()
        self.fast = False  # see swinviz.model.fast.folding

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Fuse maps (B, C, h_i, w_i), finest first, into (B, C, h_0, w_0)."""
        if any(point.active for point in self.points):
            fused = torch.stack(self.shares(levels)).sum(dim=0)
            if self.conv.bias is not None:  # a folded model's
                fused = fused + self.conv.bias[:, None, None]
        else:
            fused = self.convolve(levels)
        return self.output(F.relu(self.bn(fused), inplace=True))

    def convolve(self, levels: list[Tensor]) -> Tensor:
        """Convolve the upsampled levels into (B, C, h_0, w_0), each in the cheaper of the two exact ways.

        Args:
            levels: (B, C, h_i, w_i), finest first.
        """
        size = levels[0].shape[-2:]
        weights = self.conv.weight.chunk(len(levels), dim=1)
        fast = self.fast and use_winograd(levels[0], weights[0])
        gain = WINOGRAD_GAIN if fast else 1.0
        small: list[tuple[Tensor, Tensor]] = []
        large: list[tuple[Tensor, Tensor]] = []
        for level, weight in zip(levels, weights, strict=True):
            (small if use_conv_upsampled(level, weight, size, gain) else large).append((level, weight))
        together = _joined([upsample(level, size) for level, _ in large])
        weight = _joined([weight for _, weight in large])
        convolve = convolve_3x3 if fast else partial(F.conv2d, padding=1)
        fused = convolve(together, weight, self.conv.bias)
        for level, weight in small:
            fused = conv_upsampled(level, weight, size, add_to=fused)
        return fused

    def shares(self, levels: list[Tensor]) -> list[Tensor]:
        """Split the convolution's result into what each level adds: a list of (B, C, h_0, w_0)."""
        size = levels[0].shape[-2:]
        weights = self.conv.weight.chunk(len(levels), dim=1)
        return [
            point(F.conv2d(upsample(level, size), weight, padding=1))
            for point, level, weight in zip(self.points, levels, weights, strict=True)
        ]


def _joined(parts: list[Tensor]) -> Tensor:
    """Concatenate along the channels; one part is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class UPerHead(nn.Module):
    """The decode head.

    Hook points: ppm.{k} (B, C, s_k, s_k), bottleneck (the coarsest level), lateral.{i} and fpn.{i} (the finer
    levels), fusion.{i} (each level's share), fusion, and logits.
    """

    def __init__(self, in_channels: tuple[int, ...], num_classes: int, config: HeadConfig) -> None:
        super().__init__()
        width, scales = config.channels, config.pool_scales
        self.pool_scales = scales
        self.ppm = nn.ModuleList(ConvBlock(in_channels[-1], width, 1) for _ in scales)
        self.bottleneck = ConvBlock(in_channels[-1] + len(scales) * width, width, 3)
        self.lateral = nn.ModuleList(ConvBlock(channels, width, 1) for channels in in_channels[:-1])
        self.fpn = nn.ModuleList(ConvBlock(width, width, 3) for _ in in_channels[:-1])
        self.fusion = Fusion(width, len(in_channels))
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(width, num_classes, 1)
        self.logits = HookPoint()

    def forward(self, features: list[Tensor]) -> Tensor:
        """Decode the backbone's maps, finest first, into logits (B, K, H/4, W/4)."""
        laterals = [block(x) for block, x in zip(self.lateral, features, strict=False)]
        laterals.append(self.pool_pyramid(features[-1]))
        for finer in reversed(range(len(laterals) - 1)):  # from coarse to fine
            laterals[finer] = add_upsampled(laterals[finer], laterals[finer + 1])
        levels = [block(x) for block, x in zip(self.fpn, laterals, strict=False)]
        fused = self.fusion([*levels, laterals[-1]])
        return self.logits(self.classifier(self.dropout(fused)))

    def pool_pyramid(self, x: Tensor) -> Tensor:
        """See the coarsest map (B, C, h, w) at several scales at once: (B, width, h, w).

        Raises:
            ValueError: training with one image, where a 1x1 pooling has nothing to normalize over.
        """
        if self.training and x.shape[0] == 1 and 1 in self.pool_scales:
            raise ValueError(
                "pyramid pooling cannot be trained with a batch of 1, because batch normalization needs two "
                "values a channel and 1x1 pooling leaves one: use a batch of at least 2, or model.eval()."
            )
        size = x.shape[-2:]
        pooled = [
            block(F.adaptive_avg_pool2d(x, k)) for block, k in zip(self.ppm, self.pool_scales, strict=True)
        ]
        return self.bottleneck(torch.cat([x, *(upsample(level, size) for level in pooled)], dim=1))


class FCNHead(nn.Module):
    """The auxiliary head: a 3x3 convolution and a classifier on one of the backbone's maps.

    Hook points: conv, logits.
    """

    def __init__(self, in_channels: int, num_classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.conv = ConvBlock(in_channels, config.aux_channels, 3)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(config.aux_channels, num_classes, 1)
        self.logits = HookPoint()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> logits (B, K, h, w)."""
        return self.logits(self.classifier(self.dropout(self.conv(x))))
