"""The heads: UPerNet (Xiao et al. 2018), which decodes, and the auxiliary FCN, which helps to train.

UPerHead reads the backbone's four maps. The coarsest goes through pyramid pooling; lateral convolutions bring
the others to one width; a feature pyramid adds each coarser map to the next finer one; and one fusion
convolution over all levels, at the finest resolution, decides.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinviz.model.config import HeadConfig
from swinviz.model.hooks import HookPoint
from swinviz.model.upsampling import upsample

__all__ = ["ConvBlock", "FCNHead", "Fusion", "UPerHead"]


class ConvBlock(nn.Module):
    """Convolution without bias that keeps the size, batch normalization, ReLU."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.output = HookPoint("B C H W")

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels, h, w), never negative."""
        return self.output(F.relu(self.bn(self.conv(x)), inplace=True))


class Fusion(nn.Module):
    """The 3x3 convolution over all levels, upsampled to the finest and concatenated.

    A convolution over concatenated maps is a sum over the maps, so each level has its share of the result;
    hook point i is level i's share, (B, C, H/4, W/4), before batch normalization.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(levels * channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.points = [HookPoint("B C H W") for _ in range(levels)]
        for level, point in enumerate(self.points):
            self.add_module(str(level), point)
        self.output = HookPoint("B C H W")

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Fuse maps (B, C, h_i, w_i), finest first, into (B, C, h_0, w_0)."""
        return self.output(F.relu(self.bn(self.fuse(levels)), inplace=True))

    def fuse(self, levels: list[Tensor]) -> Tensor:
        """Convolve maps (B, C, h_i, w_i), finest first, into (B, C, h_0, w_0): the sum of their shares."""
        upsampled = [upsample(level, levels[0].shape[-2:]) for level in levels]
        if not any(point.active for point in self.points):
            return self.conv(torch.cat(upsampled, dim=1))
        kernels = self.conv.weight.chunk(len(levels), dim=1)  # one a level
        shares = [
            point(F.conv2d(level, kernel, padding=1))
            for point, level, kernel in zip(self.points, upsampled, kernels, strict=True)
        ]
        return torch.stack(shares).sum(dim=0)


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
        self.logits = HookPoint("B C H W")
        _initialize(self)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Decode the backbone's maps, finest first, into logits (B, K, H/4, W/4)."""
        laterals = [block(x) for block, x in zip(self.lateral, features, strict=False)]
        laterals.append(self.pool_pyramid(features[-1]))
        for finer in reversed(range(len(laterals) - 1)):  # from coarse to fine
            coarser = upsample(laterals[finer + 1], laterals[finer].shape[-2:])
            laterals[finer] = laterals[finer] + coarser
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
        self.logits = HookPoint("B C H W")
        _initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> logits (B, K, h, w)."""
        return self.logits(self.classifier(self.dropout(self.conv(x))))


def _initialize(head: UPerHead | FCNHead) -> None:
    """Start as mmsegmentation's heads do: He's normal by fan-out, classifiers 0.01, biases 0.

    Source:
        mmcv, mmcv/cnn/bricks/conv_module.py (`init_weights`); mmsegmentation, decode_heads/decode_head.py.
    """
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    nn.init.normal_(head.classifier.weight, std=0.01)
    assert head.classifier.bias is not None
    nn.init.zeros_(head.classifier.bias)
