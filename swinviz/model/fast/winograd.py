"""3x3 convolutions by Winograd's minimal filtering, where the processor's library has it.

A tile of 6x6 results needs 64 products a pair of channels instead of 324 (Lavin and Gray 2016, F(6x6, 3x3)).
What is saved in multiplications is paid with two transforms of each tile and with rounding: a relative error
near 1e-5 instead of 1e-7. PyTorch ships the kernel (NNPACK), but by itself it takes another.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["WINOGRAD_GAIN", "convolve_3x3", "use_winograd"]

WINOGRAD_GAIN = 3.0
"""Measured speed-up for large convolutions, see docs/performance.md."""

_SMALLEST = 28 * 28
"""Positions from which on it is faster; below, transforming the kernels costs more than is saved."""
_LEAST_PRODUCTS = 1e9
"""Products of the plain way from which on it is faster; below, waking its threads costs what is saved."""


def convolve_3x3(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve with zero padding of 1, by the fastest means that this processor has.

    Args:
        x: (B, C, H, W), float32 or bfloat16.
        weight: (O, C, 3, 3), of the same type.
        bias: (O,).

    Returns:
        (B, O, H, W), of the same type; equal to `conv2d` up to a relative error near 1e-5.
    """
    if not use_winograd(x, weight):
        return F.conv2d(x, weight, bias, padding=1)
    kernel, offset = weight.float(), None if bias is None else bias.float()
    # One by one: for batches NNPACK has another way, which is slower than plain multiplication.
    images = [
        torch._nnpack_spatial_convolution(image, kernel, offset, padding=1)
        for image in torch.split(x.float(), 1)
    ]
    return (images[0] if len(images) == 1 else torch.cat(images)).to(x.dtype)


def use_winograd(x: Tensor, weight: Tensor) -> bool:
    """True where `convolve_3x3` takes fewer products for x (B, C, H, W) and weight (O, C, 3, 3)."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    positions = x.shape[-2] * x.shape[-1]
    if positions < _SMALLEST or positions * weight.numel() < _LEAST_PRODUCTS:
        return False
    if x.dtype is torch.bfloat16:  # tiles of AMX multiply bfloat16 so fast that fewer products gain nothing
        return _is_there() and not torch.cpu._is_amx_tile_supported()
    return x.dtype is torch.float32 and _is_there()


@lru_cache(maxsize=1)
def _is_there() -> bool:
    # Asking also sets the library up; without that its convolution fails.
    return hasattr(torch, "_nnpack_spatial_convolution") and torch._nnpack_available()
