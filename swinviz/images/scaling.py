"""From RGB bytes to what the model reads and back: the normalization of the published figures.

Source: mmsegmentation, configs/_base_/models/upernet_swin.py.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swinviz.errors import ImageError

__all__ = ["MEAN", "STD", "denormalize", "normalize"]

MEAN = (123.675, 116.28, 103.53)
"""Mean of ImageNet's red, green and blue, in gray levels 0 to 255."""
STD = (58.395, 57.12, 57.375)
"""Standard deviation of ImageNet's red, green and blue, in gray levels."""


def normalize(rgb: NDArray[np.uint8] | Tensor) -> Tensor:
    """Shift and scale RGB to mean 0 and standard deviation 1 over ImageNet, as float32.

    Args:
        rgb: an array (..., H, W, 3), or a tensor (..., 3, H, W) on any device; gray levels 0 to 255.

    Returns:
        (..., 3, H, W), on the device of a tensor that was given.

    Raises:
        ImageError: if the axis of the colors does not have length 3.

    >>> normalize(np.full((4, 6, 3), 255, np.uint8)).shape
    torch.Size([3, 4, 6])
    """
    axis, expected = (-3, "(..., 3, H, W)") if isinstance(rgb, Tensor) else (-1, "(..., H, W, 3)")
    if rgb.ndim < 3 or rgb.shape[axis] != 3:
        raise ImageError(f"the image has shape {tuple(rgb.shape)}; give RGB as {expected}")
    # torch.tensor copies; from_numpy would warn of the read-only arrays that PIL images and video give.
    pixels = rgb if isinstance(rgb, Tensor) else torch.tensor(rgb).movedim(-1, -3)  # ... 3 H W
    mean, std = _statistics(pixels.device)
    return (pixels.float() - mean) / std


def denormalize(images: Tensor) -> NDArray[np.uint8]:
    """Undo `normalize`: (..., 3, H, W) to RGB bytes (..., H, W, 3), clipped to 0 to 255.

    >>> image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    >>> bool((denormalize(normalize(image)) == image).all())
    True
    """
    mean, std = _statistics(images.device)
    pixels = (images.detach().float() * std + mean).round().clamp(0, 255)
    return pixels.byte().movedim(-3, -1).cpu().numpy()


def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std = torch.tensor([MEAN, STD], device=device)[..., None, None]  # 3 1 1 each
    return mean, std
