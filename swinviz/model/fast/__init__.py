"""The same numbers sooner: subclasses of the plain model's parts, each held equal to it by tests.

A part is swapped by giving it another class, as its weights, names and hook points stay as they are.
"""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from swinviz.model.fast.attention import CachedBiasAttention, FusedAttention
from swinviz.model.fast.block import MapLinearBlock
from swinviz.model.fast.folding import FoldedConvBlock, WinogradConvBlock, fold_batch_norm
from swinviz.model.fast.fusion import LowResFusion, WinogradFusion
from swinviz.model.swin import SwinBlock, WindowAttention
from swinviz.model.upernet import ConvBlock, Fusion

__all__ = ["accelerate", "accelerate_inference"]


Model = TypeVar("Model", bound=nn.Module)


def accelerate(model: Model) -> Model:
    """Swap in what computes the same sooner and can still be trained, in place.

    Attention runs in PyTorch's fused kernel, and the fusion convolves small levels at their own resolution.

    Returns:
        The model itself.
    """
    for module in model.modules():
        if isinstance(module, WindowAttention):
            module.__class__ = FusedAttention
        elif type(module) is SwinBlock:
            module.__class__ = MapLinearBlock
        elif isinstance(module, Fusion):
            module.__class__ = LowResFusion
    return model


def accelerate_inference(model: Model, *, winograd: bool) -> Model:
    """Swap in what computes the same sooner while the weights stay as they are, in place.

    Batch normalization is folded into the heads' convolutions, except the fusion's, whose shares are hook
    points, and every block keeps its bias and mask for the sizes it has seen.

    Args:
        model: in evaluation mode; it cannot be trained afterwards.
        winograd: convolve with fewer products and slightly more rounding, which CPUs do sooner.

    Returns:
        The model itself.
    """
    for module in model.modules():
        if isinstance(module, WindowAttention):
            CachedBiasAttention.adopt(module)
        elif isinstance(module, ConvBlock) and not isinstance(module, FoldedConvBlock):
            fold_batch_norm(module, WinogradConvBlock if winograd else FoldedConvBlock)
        elif isinstance(module, Fusion):
            module.__class__ = WinogradFusion if winograd else LowResFusion
    return model
