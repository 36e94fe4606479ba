"""Grad-CAM and its kin for segmentation: which places of a layer raise a class's logit over a region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from swinviz.attention import Target
from swinviz.attribution.local import place_score
from swinviz.attribution.targets import chosen_class, pixel_weights, target_logit
from swinviz.model.hooks import Hook, capture, edit, hook_points
from swinviz.segmenter import SwinUPerNet

__all__ = ["Cam", "CamMethod", "class_activation"]

CamMethod = Literal["grad-cam", "grad-cam++", "hires-cam", "layer-cam", "eigen-cam", "seg-eigen-cam"]
"""Ways of joining gradients and activations; `class_activation` tells them apart."""


@dataclass(frozen=True)
class Cam:
    """A class activation map.

    Attributes:
        map: (h, w) at the layer's resolution. For "hires-cam" signed, in logits: what each place adds to
            first order; for "eigen-cam" and "seg-eigen-cam" signed, in units of their own; for the others
            not negative, in units of their own.
        class_index: the class.
        logit: its logit, averaged over the place.
        layer: name of the hook point.
        method: how gradients and activations were joined.
    """

    map: Tensor
    class_index: int
    logit: float
    layer: str
    method: CamMethod

    @property
    def signed(self) -> bool:
        """True where the map may be negative."""
        return self.method in ("hires-cam", "eigen-cam", "seg-eigen-cam")


def class_activation(
    model: SwinUPerNet,
    images: Tensor,
    place: Target,
    class_index: int | None = None,
    *,
    layer: str = "stages.3.out",
    method: CamMethod = "grad-cam",
    batch: int = 0,
) -> Cam:
    """Map where a layer's activation raises a class's logit over a pixel or region.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it, whose mean logit is explained.
        class_index: the class; by default the one with the highest logit at the place.
        layer: hook point that carries a map: stages.{s}.out, stages.{s}.blocks.{b}.resid_post,
            head.{bottleneck, lateral.i, fpn.i, fusion}.
        method: "grad-cam" weighs channels by their mean gradient (Selvaraju et al. 2017; for segmentation,
            Vinogradova et al. 2020); "grad-cam++" by a mean that counts each place alike (Chattopadhay et al.
            2018); "hires-cam" multiplies place by place, which shows what the model used (Draelos and Carin
            2020); "layer-cam" weighs place by place by positive gradients (Jiang et al. 2021, equation 5);
            "eigen-cam" projects activations on their first principal axis, whatever the class (Muhammad and
            Yeasin 2020, centered here, as pytorch-grad-cam does); "seg-eigen-cam" does so with activations
            times absolute gradients (Chung and Ying 2025, equation 10).
        batch: which image of the batch.

    Returns:
        The map.

    Raises:
        ValueError: no such layer, method or class, or the place is outside the image.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> class_activation(model, torch.randn(1, 3, 32, 48), (9, 9), layer="stages.1.out").map.shape
    torch.Size([4, 6])
    """
    if method not in get_args(CamMethod):
        raise ValueError(f"method is {method!r}: choose one of {', '.join(get_args(CamMethod))}.")
    point = hook_points(model).get(layer)
    if point is not None and point.axes not in ("B H W C", "B C H W"):
        raise ValueError(f"{layer} carries no map but ({point.axes}): choose stages.3.out or alike.")
    weights = pixel_weights(place, images.shape[-2:])

    def leaf(value: Tensor, hook: Hook) -> Tensor:
        return value.detach().requires_grad_()  # nothing before the layer is kept for the gradient

    with torch.enable_grad(), edit(model, {layer: leaf}), capture(model, layer, detach=False) as seen:
        features = model.features(images[batch : batch + 1])
        if layer.startswith("head."):
            logits = model.decode(features)  # the layer's map must be whole
            if class_index is None:
                class_index = chosen_class(logits, weights)
            score = target_logit(logits, class_index, weights)
        else:
            score, class_index = place_score(model.head, features, weights, class_index)
        activation = seen[layer]
        (gradient,) = torch.autograd.grad(score, activation)
    if point is not None and point.axes == "B H W C":
        activation, gradient = activation.permute(0, 3, 1, 2), gradient.permute(0, 3, 1, 2)
    joined = _join(activation[0].detach().float(), gradient[0].float(), method)
    return Cam(joined, class_index, float(score.detach()), layer, method)


def _join(activation: Tensor, gradient: Tensor, method: CamMethod) -> Tensor:
    """(C, h, w) twice -> (h, w)."""
    if method == "hires-cam":
        return (activation * gradient).sum(dim=0)
    if method == "layer-cam":
        return (activation * gradient.relu()).sum(dim=0).relu()
    if method == "eigen-cam":
        return _principal(activation)
    if method == "seg-eigen-cam":
        return _principal(activation * gradient.abs())
    if method == "grad-cam":
        channels = gradient.mean(dim=(1, 2))
    else:
        # Equation 19 of the paper, for an exponential score: second and third derivatives are powers.
        total = activation.sum(dim=(1, 2), keepdim=True)
        spread = 2 * gradient**2 + total * gradient**3
        alphas = torch.where(spread != 0, gradient**2 / spread.where(spread != 0, torch.ones_like(spread)), 0)
        channels = (alphas * gradient.relu()).sum(dim=(1, 2))
    return torch.einsum("c,chw->hw", channels, activation).relu()


def _principal(values: Tensor) -> Tensor:
    """(C, h, w) -> (h, w): projection on the first principal axis of the places' vectors.

    An axis has no sign of its own: the map's value farthest from 0 is made positive (Chung and Ying 2025,
    equation 13).
    """
    places = values.flatten(1).t()  # h*w C
    centered = places - places.mean(dim=0)
    projected = centered @ torch.linalg.svd(centered, full_matrices=False).Vh[0]
    if projected.max() < -projected.min():
        projected = -projected
    return projected.view(values.shape[1:])
