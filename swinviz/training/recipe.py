"""The published recipe: what is minimized, by which optimizer, at which rate.

Source: Liu et al. 2021, section 4.3, and mmsegmentation 0.x, configs/swin/upernet_swin_*_160k_ade20k_*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.devices import PRECISIONS
from swinviz.segmenter import SwinUPerNet

__all__ = ["RECIPES", "Objective", "PixelLoss", "Recipe", "make_optimizer", "parameter_groups", "pixel_loss"]

_UNDECAYED = ("norm", "relative_position_bias_table", "absolute_pos_embed")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights; the defaults are the published recipe.

    Attributes:
        learning_rate: AdamW's, above 0; the schedule scales it.
        betas: AdamW's, each 0 to below 1.
        weight_decay: AdamW's, at least 0, for the parameters that `parameter_groups` lets decay.
        warmup_iters: steps over which the rate grows linearly.
        warmup_ratio: share of the rate that step 0 gets.
        max_iters: steps in all; the rate falls linearly to 0 at this step.
        batch_size: images a step, over all devices and all parts of an accumulated step.
        aux_weight: factor of the auxiliary head's loss.
        gradient_accumulation_steps: parts a batch is cut into, one after another, to need less memory.
        precision: "float32", or "bfloat16" or "float16" (with a loss scaler) for mixed precision.
        ema_decay: if above 0, what is saved is a moving average of the weights that keeps this share a step.
        seed: decides the first weights, the order of the data, its augmentation, and dropout.

    Raises:
        ValueError: a number that cannot be trained with; the message says which.
    """

    learning_rate: float = 6e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    warmup_iters: int = 1500
    warmup_ratio: float = 1e-6
    max_iters: int = 160_000
    batch_size: int = 16
    aux_weight: float = 0.4
    gradient_accumulation_steps: int = 1
    precision: str = "float32"
    ema_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_iters < 1 or self.warmup_iters < 0:
            raise ValueError(
                f"max_iters is {self.max_iters} and warmup_iters {self.warmup_iters}: "
                "the first must be at least 1, the second at least 0."
            )
        if self.batch_size < 2:
            raise ValueError(
                f"batch_size is {self.batch_size}, but pyramid pooling cannot be trained with one image a "
                "batch (batch normalization needs two values a channel): use at least 2."
            )
        if self.gradient_accumulation_steps < 1 or self.batch_size % self.gradient_accumulation_steps:
            raise ValueError(
                f"a batch of {self.batch_size} does not divide into "
                f"{self.gradient_accumulation_steps} parts: "
                "change batch_size or gradient_accumulation_steps."
            )
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}: choose one of {', '.join(PRECISIONS)}.")
        if not 0.0 <= self.ema_decay < 1.0:
            raise ValueError(f"ema_decay is {self.ema_decay}: choose it from 0 up to, not including, 1.")

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0.

        The linear fall runs from step 0 and the warm-up scales it, so that the rate never quite reaches
        `learning_rate`. This is mmcv 0.x (mmcv/runner/hooks/lr_updater.py, policy "poly" of power 1 by
        iteration), which the published models were trained with; mmengine starts the fall after the warm-up.

        >>> f"{Recipe().lr(0):.3g} {Recipe().lr(1500):.9g} {Recipe().lr(80_000):.3g}"
        '6e-11 5.94375e-05 3e-05'
        """
        falling = self.learning_rate * (1 - step / self.max_iters)
        if step >= self.warmup_iters:
            return falling
        return falling * (1 - (1 - step / self.warmup_iters) * (1 - self.warmup_ratio))

    @property
    def autocast_dtype(self) -> torch.dtype | None:
        """Type that matrix products are computed in; None for that of the weights."""
        return PRECISIONS[self.precision]


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "published": Recipe(),
        # From scratch, so a rate for random weights and an average that smooths the short schedule's end.
        "nano": Recipe(
            learning_rate=8e-4,
            weight_decay=0.05,
            warmup_iters=200,
            max_iters=7000,
            batch_size=8,
            precision="bfloat16",
            ema_decay=0.998,
        ),
        # From nano's weights, on photographs.
        "photos": Recipe(
            learning_rate=8e-4,
            weight_decay=0.05,
            warmup_iters=100,
            max_iters=6000,
            batch_size=8,
            aux_weight=0.3,
            precision="bfloat16",
            ema_decay=0.998,
        ),
        # From trained weights, on few images.
        "finetune": Recipe(
            learning_rate=3e-4,
            weight_decay=0.05,
            warmup_iters=20,
            max_iters=150,
            batch_size=8,
            ema_decay=0.98,
        ),
    }
)
"""Recipes by name: the published one, nano's, the photographs', and one to fine-tune on a folder."""


def pixel_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, averaged over ALL pixels, ignored ones counting as 0, as mmsegmentation averages it.

    Dividing by the pixels that are not ignored instead would weigh images of one batch differently on two
    devices than on one, and give NaN for a batch without labels.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.
    """
    total = F.cross_entropy(logits.float(), labels, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / labels.numel()


PixelLoss = Callable[[Tensor, Tensor], Tensor]
"""Logits (B, K, H, W) and labels (B, H, W) -> a scalar in nats a pixel, averaged over all pixels."""


class Objective(nn.Module):
    """Training objective: the decode head's loss plus `aux_weight` times the auxiliary head's.

    Args:
        model: trained.
        aux_weight: factor of the auxiliary head's loss.
        loss: of the logits of one head.
    """

    def __init__(self, model: SwinUPerNet, aux_weight: float, loss: PixelLoss = pixel_loss) -> None:
        super().__init__()
        self.model = model
        self.aux_weight = aux_weight
        self.loss = loss

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss (a scalar) and the logits (B, K, H, W) of normalized images (B, 3, H, W)."""
        logits, aux_logits = self.model.forward_train(images)
        loss = self.loss(logits, labels)
        if aux_logits is not None:
            loss = loss + self.aux_weight * self.loss(aux_logits, labels)
        return loss, logits.detach()


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Split the parameters into those that decay and those that do not.

    Backbone parameters whose names hold `norm`, `relative_position_bias_table` or `absolute_pos_embed` do not
    decay. The heads' batch normalization does: its name holds `bn`, and the published recipe left it so.

    Args:
        model: whose parameters.
        weight_decay: AdamW's for those that decay, at least 0.

    Returns:
        Two groups for AdamW, each with the `names` of its `params`.
    """
    decayed: dict[str, nn.Parameter] = {}
    undecayed: dict[str, nn.Parameter] = {}
    for name, parameter in model.named_parameters():
        spared = name.startswith("backbone.") and any(part in name for part in _UNDECAYED)
        (undecayed if spared else decayed)[name] = parameter
    return [
        {"params": list(group.values()), "names": list(group), "weight_decay": decay}
        for group, decay in ((decayed, weight_decay), (undecayed, 0.0))
    ]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Make AdamW over the recipe's parameter groups; the loop sets the rate at every step."""
    groups = parameter_groups(model, recipe.weight_decay)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas)
