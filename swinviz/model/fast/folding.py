"""Convolutions of the heads with their batch normalization folded into the weights, for inference."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from swinviz.model.fast.winograd import convolve_3x3
from swinviz.model.upernet import ConvBlock

__all__ = ["FoldedConvBlock", "WinogradConvBlock", "fold_batch_norm"]


class FoldedConvBlock(ConvBlock):
    """`ConvBlock` in evaluation mode, where batch normalization is a factor and a summand a channel."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels, h, w), never negative."""
        return self.output(F.relu(self.convolve(x), inplace=True))

    def convolve(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels, h, w), normalized."""
        return self.conv(x)


class WinogradConvBlock(FoldedConvBlock):
    """`FoldedConvBlock` for CPUs: 3x3 convolutions with fewer products where that is faster."""

    def convolve(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels, h, w), normalized."""
        if self.conv.kernel_size == (3, 3):
            return convolve_3x3(x, self.conv.weight, self.conv.bias)
        # The backbone's maps have their channels innermost; what follows is quicker on planes.
        return self.conv(x.contiguous())


def fold_batch_norm(block: ConvBlock, kind: type[FoldedConvBlock]) -> None:
    """Turn a block into a folded one, in place: the same up to rounding, in fewer passes over memory.

    Args:
        block: in evaluation mode; it cannot be trained afterwards.
        kind: what it becomes.
    """
    block.conv = fuse_conv_bn_eval(block.conv, block.bn)
    block.register_module("bn", nn.Identity())
    block.__class__ = kind
