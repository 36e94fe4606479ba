"""The effective receptive field: how strongly each input pixel moves one output, on average over images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from swinviz.attention import Pixel
from swinviz.attribution.targets import chosen_class, pixel_weights, target_logit
from swinviz.segmenter import SwinUPerNet

__all__ = ["effective_receptive_field"]


def effective_receptive_field(
    model: SwinUPerNet,
    inputs: Iterable[Tensor],
    pixel: Pixel | None = None,
    class_index: int | None = None,
) -> Tensor:
    """Measure the mean absolute gradient of one pixel's logit with respect to every input pixel.

    Args:
        model: the model, in eval mode.
        inputs: normalized images (B, 3, H, W), all of one size.
        pixel: (y, x) of the output pixel; by default the middle.
        class_index: the class; by default, in each image, the one predicted at the pixel.

    Returns:
        (H, W): mean over images of |d logit / d input|, summed over the colors, in logits per standard
        deviation of a channel.

    Raises:
        ValueError: there is no image, sizes differ, the pixel is outside, or there is no such class.

    Source:
        Luo et al. 2016, section 2.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> effective_receptive_field(model, [torch.randn(2, 3, 32, 48)]).shape
    torch.Size([32, 48])
    """
    total: Tensor | None = None
    count = 0
    for images in inputs:
        height, width = images.shape[-2:]
        if total is not None and total.shape != (height, width):
            raise ValueError(
                f"images are {tuple(total.shape)} and {(height, width)}: an average needs one size."
            )
        weights = pixel_weights(pixel or (height // 2, width // 2), (height, width))
        with torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            logits = model.decode(model.features(leaf))
            # In eval mode images of a batch do not meet, so the gradient of the sum is each one's own.
            chosen = [
                chosen_class(logits, weights, batch) if class_index is None else class_index
                for batch in range(len(images))
            ]
            score = torch.stack([target_logit(logits, c, weights, b) for b, c in enumerate(chosen)]).sum()
            (gradient,) = torch.autograd.grad(score, leaf)
        added = gradient.abs().sum(dim=(0, 1))  # H W
        total = added if total is None else total + added
        count += len(images)
    if total is None:
        raise ValueError("there is no image to measure: give at least one.")
    return total / count
