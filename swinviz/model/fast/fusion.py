"""The fusion convolution at the levels' own resolution: the same sum with a third of the arithmetic.

Upsampling and convolving are both linear, so they can change places. For a 3x3 kernel W and a map x,

    conv(upsample(x), W)  =  sum over ky, kx of  shift[ky, kx]( upsample( W[:, :, ky, kx] x ) )

where the nine products W[:, :, ky, kx] x happen on the small map, and upsampling and shifting (with zeros at
the border, as the convolution pads) are two matrices per axis. Nothing is approximated.
"""

from __future__ import annotations

from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from swinviz.model.fast.winograd import WINOGRAD_GAIN, convolve_3x3, use_winograd
from swinviz.model.upernet import Fusion
from swinviz.model.upsampling import bilinear_matrix, upsample

__all__ = ["LowResFusion", "WinogradFusion", "conv_upsampled", "use_conv_upsampled"]


class LowResFusion(Fusion):
    """`Fusion` that convolves each level where that is cheaper: upsampled, or at its own resolution."""

    def fuse(self, levels: list[Tensor]) -> Tensor:
        """Convolve maps (B, C, h_i, w_i), finest first, into (B, C, h_0, w_0)."""
        if any(point.active for point in self.points):
            return super().fuse(levels)
        size = levels[0].shape[-2:]
        weights = self.conv.weight.chunk(len(levels), dim=1)
        winograd = self.takes_winograd(levels[0], weights[0])
        gain = WINOGRAD_GAIN if winograd else 1.0
        small: list[tuple[Tensor, Tensor]] = []
        large: list[tuple[Tensor, Tensor]] = []
        for level, weight in zip(levels, weights, strict=True):
            (small if use_conv_upsampled(level, weight, size, gain) else large).append((level, weight))
        together = _joined([upsample(level, size) for level, _ in large])
        weight = _joined([weight for _, weight in large])
        convolve = convolve_3x3 if winograd else partial(F.conv2d, padding=1)
        fused = convolve(together, weight)
        for level, weight in small:
            fused = conv_upsampled(level, weight, size, add_to=fused)
        return fused

    def takes_winograd(self, level: Tensor, weight: Tensor) -> bool:
        """True where level (B, C, H, W) and weight (O, C, 3, 3) take fewer products, more rounding: never."""
        return False


class WinogradFusion(LowResFusion):
    """`LowResFusion` whose upsampled levels are convolved with fewer products where that pays."""

    def takes_winograd(self, level: Tensor, weight: Tensor) -> bool:
        """True where Winograd's filtering of level (B, C, H, W) with weight (O, C, 3, 3) is faster."""
        return use_winograd(level, weight)


def _joined(parts: list[Tensor]) -> Tensor:
    """Concatenate along the channels; one part is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


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
    vertical = shifted_upsampling(height, size[0], x.device, x.dtype)  # 3 H h
    horizontal = shifted_upsampling(width, size[1], x.device, x.dtype)  # 3 W w
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
    """True where `conv_upsampled` needs clearly less arithmetic than upsampling and convolving.

    It does for wide models and moderate maps; for a narrow model at a large size the upsampling matrices,
    which grow with the cube of the side, outweigh what they save.

    Args:
        x: (B, C, h, w).
        weight: (O, C, 3, 3).
        size: (H, W).
        gain: speed-up of the direct convolution over plain multiplication.
    """
    height, width = x.shape[-2:]
    channels, tall, wide = weight.shape[1], size[0], size[1]
    direct = 9 * channels * tall * wide
    factored = 9 * channels * height * width + 9 * height * width * wide + 3 * height * tall * wide
    return 1.5 * factored < direct / gain


def shifted_upsampling(length: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Matrices that resize one axis from `length` to `size` and then shift it by -1, 0, 1 with zeros.

    Returns:
        (3, size, length); row i of matrix k gives what position i + k - 1 of the resized axis holds, which is
        what tap k of a padded kernel reads.
    """
    make = _shifted_upsampling if torch.compiler.is_compiling() else _remembered
    return make(length, size, device, dtype)


def _shifted_upsampling(length: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    padded = F.pad(bilinear_matrix(length, size, dtype=torch.float64), (0, 0, 1, 1))
    return torch.stack([padded[k : k + size] for k in range(3)]).to(device, dtype)  # 3 size length


@lru_cache(maxsize=64)
def _remembered(length: int, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # a table made in inference mode could not be used in training later
        return _shifted_upsampling(length, size, device, dtype)
