"""Upsampling maps bilinearly, and the exact convolution of an upsampled map at the cost of the small one.

Upsampling and convolving are both linear, so they can change places. For a 3x3 kernel W and a map x,

    conv(upsample(x), W)  =  sum over ky, kx of  shift[ky, kx]( upsample( W[:, :, ky, kx] x ) )

where the nine products W[:, :, ky, kx] x happen on the small map, and upsampling and shifting (with zeros at
the border, as the convolution pads) are two matrices per axis. Nothing is approximated.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["add_upsampled", "conv_upsampled", "upsample", "use_conv_upsampled"]


def upsample(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize (B, C, h, w) bilinearly to (B, C, *size), pixel centers aligned (align_corners=False)."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def add_upsampled(x: Tensor, small: Tensor) -> Tensor:
    """Compute `x + upsample(small)`: (B, C, H, W) and (B, C, h, w) -> (B, C, H, W); neither is changed."""
    upsampled = upsample(small, x.shape[-2:])
    return x + small if upsampled is small else upsampled.add_(x)


def conv_upsampled(x: Tensor, weight: Tensor, size: tuple[int, ...], add_to: Tensor) -> Tensor:
    """Compute `add_to + conv2d(upsample(x, size), weight, padding=1)` without making the upsampled map.

    Args:
        x: (B, C, h, w).
        weight: (O, C, 3, 3).
        size: (H, W).
        add_to: (B, O, H, W); it may be overwritten with the result.

    Returns:
        (B, O, H, W), equal to the direct form up to rounding. Gradients flow to all three.
    """
    batch, channels, height, width = x.shape
    out_channels = weight.shape[0]
    vertical = shifted_upsampling(height, size[0], x)  # 3 H h
    horizontal = shifted_upsampling(width, size[1], x)  # 3 W w
    # Ordered kx O ky, so that each step below finds its axes side by side and nothing is copied.
    taps = weight.permute(3, 0, 2, 1).reshape(9 * out_channels, channels, 1, 1)
    # As a convolution, because oneDNN's runs faster than BLAS's product on the processors it was measured on.
    small = F.conv2d(x, taps).reshape(batch, 3, -1, width)  # B kx O*ky*h w
    wide = small[:, 0] @ horizontal[0].t()  # B O*ky*h W
    for kx in (1, 2):
        wide.baddbmm_(small[:, kx], horizontal[kx].t().expand(batch, -1, -1))
    columns = vertical.transpose(0, 1).reshape(1, size[0], 3 * height)  # 1 H ky*h
    wide = wide.view(batch * out_channels, 3 * height, size[1])
    add_to = add_to.contiguous()  # a convolution may give its channels innermost
    add_to.view(batch * out_channels, *size).baddbmm_(columns.expand(len(wide), -1, -1), wide)
    return add_to


def use_conv_upsampled(x: Tensor, weight: Tensor, size: tuple[int, ...], gain: float = 1.0) -> bool:
    """Whether `conv_upsampled` needs clearly less arithmetic than upsampling and convolving.

    It does for wide models and moderate maps; for a narrow model at a large size the upsampling matrices,
    which grow with the cube of the side, outweigh what they save.

    Args:
        x: (B, C, h, w).
        weight: (O, C, 3, 3).
        size: (H, W).
        gain: how many times sooner than by plain multiplication the direct convolution is done.
    """
    height, width = x.shape[-2:]
    channels, tall, wide = weight.shape[1], size[0], size[1]
    direct = 9 * channels * tall * wide
    factored = 9 * channels * height * width + 9 * height * width * wide + 3 * height * tall * wide
    return 1.5 * factored < direct / gain


def shifted_upsampling(length: int, size: int, like: Tensor) -> Tensor:
    """Matrices that upsample one axis from `length` to `size` and then shift it by -1, 0, 1 with zeros.

    Returns:
        (3, size, length), in the type and on the device of `like`; row i of matrix k gives what position
        i + k - 1 of the upsampled axis holds, which is what tap k of a padded kernel reads.
    """
    make = _shifted_upsampling if torch.compiler.is_compiling() else _remembered
    return make(length, size, like.device, like.dtype)


def _shifted_upsampling(length: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    identity = torch.eye(length, dtype=torch.float64)[None]  # 1 length length
    matrix = F.interpolate(identity, size=size, mode="linear", align_corners=False)[0].t()  # size length
    padded = F.pad(matrix, (0, 0, 1, 1))
    return torch.stack([padded[k : k + size] for k in range(3)]).to(device, dtype)  # 3 size length


@lru_cache(maxsize=64)
def _remembered(length: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # a table made in inference mode could not be used in training later
        return _shifted_upsampling(length, size, device, dtype)
