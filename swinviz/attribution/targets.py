"""The quantity to be explained: the logit of a class, averaged over a pixel or a region of the input."""

from __future__ import annotations

import torch
from torch import Tensor

from swinviz.attention import Target, token_weights
from swinviz.model.geometry import WindowGeometry
from swinviz.model.upsampling import upsample

__all__ = ["chosen_class", "pixel_weights", "target_logit", "weights_on_map"]


def pixel_weights(place: Target, size: tuple[int, ...]) -> Tensor:
    """Return how much each input pixel counts in the mean over a place.

    Args:
        place: pixel (y, x) of the model's input, or mask (h, w) over it.
        size: (height, width) of the model's input.

    Returns:
        (height, width) float64, sum 1, on the CPU.

    Raises:
        ValueError: the pixel is outside, or the mask is empty or of another size.

    >>> pixel_weights((0, 1), (1, 2)).tolist()
    [[0.0, 1.0]]
    """
    # A map whose tokens are single pixels.
    height, width = size
    return token_weights(place, WindowGeometry(height, width, window_size=1, shift_size=0, stride=1))


def target_logit(logits: Tensor, class_index: int, weights: Tensor, batch: int = 0) -> Tensor:
    """Average a class's logit over a place, from logits at any resolution, without upsampling all classes.

    Args:
        logits: (B, K, h, w), as `model.decode` gives them.
        class_index: the class.
        weights: (H, W) at the input's size, from `pixel_weights`.
        batch: which image of the batch.

    Returns:
        A scalar that stays in the autograd graph of the logits.

    Raises:
        ValueError: there is no such class.

    >>> target_logit(torch.tensor([[[[1.0]], [[5.0]]]]), 1, torch.tensor([[0.25, 0.75]])).item()
    5.0
    """
    if not 0 <= class_index < logits.shape[1]:
        raise ValueError(f"class {class_index} does not exist: there are {logits.shape[1]}, counted from 0.")
    one_class = upsample(logits[batch : batch + 1, class_index : class_index + 1], weights.shape)
    return (one_class[0, 0] * weights.to(one_class)).sum()


def chosen_class(logits: Tensor, weights: Tensor, batch: int = 0) -> int:
    """Return the class with the highest mean logit over a place.

    Args:
        logits: (B, K, h, w).
        weights: (H, W), what each input pixel counts, as `pixel_weights` gives them.
        batch: which image of the batch.

    >>> chosen_class(torch.tensor([[[[1.0]], [[5.0]]]]), torch.tensor([[1.0]]))
    1
    """
    weights = weights_on_map(weights, logits.shape[-2:])
    means = torch.einsum("khw,hw->k", logits[batch].detach().cpu().double(), weights)
    return int(means.argmax())


def weights_on_map(weights: Tensor, size: tuple[int, ...]) -> Tensor:
    """Pull weights of pixels back through the upsampling, to what each place of a coarser map counts.

    Args:
        weights: (H, W) at the input's size.
        size: (h, w) of the coarser map.

    Returns:
        (h, w) float64: for any map, its mean under these weights is the upsampled map's under `weights`.

    >>> weights_on_map(torch.tensor([[0.0, 1.0, 0.0, 0.0]]), (1, 2)).tolist()
    [[0.75, 0.25]]
    """
    with torch.enable_grad():
        coarse = torch.zeros(1, 1, *size, dtype=torch.float64, device=weights.device, requires_grad=True)
        total = (upsample(coarse, weights.shape)[0, 0] * weights.double()).sum()
        (pulled,) = torch.autograd.grad(total, coarse)
    return pulled[0, 0]
