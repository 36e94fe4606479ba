"""A model laid out for inference: batch normalization folded away, tables kept, faster convolutions."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from swinviz.model.swin import WindowAttention
from swinviz.model.upernet import ConvBlock, Fusion

__all__ = ["cache_bias", "fold_batch_norms", "use_fast_convolutions"]


def fold_batch_norms(model: nn.Module) -> None:
    """Move the batch normalization of every convolution of the heads into its weights, in place.

    In evaluation mode it is a factor and a summand a channel, both known: the folded model computes the same
    up to rounding, in fewer passes over memory. It cannot be trained any more.
    """
    for module in model.modules():
        if isinstance(module, ConvBlock | Fusion) and isinstance(module.bn, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.register_module("bn", nn.Identity())


def cache_bias(model: nn.Module) -> None:
    """Let every block keep its bias and mask for the sizes it has seen, in place.

    Right only while the weights stay as they are.
    """
    for module in model.modules():
        if isinstance(module, WindowAttention):
            module.bias_cache = {}


def use_fast_convolutions(model: nn.Module) -> None:
    """Let the heads' 3x3 convolutions take `swinviz.model.fast.winograd`'s way, in place."""
    for module in model.modules():
        if isinstance(module, ConvBlock | Fusion):
            module.fast = True
