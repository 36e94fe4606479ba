"""The published recipe: what is minimized, by which optimizer, at which rate.

Source: Liu et al. 2021, section 4.3, and mmsegmentation 0.x, configs/swin/upernet_swin_*_160k_ade20k_*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch

from swinviz.devices import PRECISIONS
from swinviz.training.losses import PixelLoss, make_loss

__all__ = ["RECIPES", "SCHEDULES", "Recipe"]

SCHEDULES = ("linear", "poly", "cosine", "constant")
"""Shapes of the rate's fall: 1 - p, (1 - p)^power, (1 + cos(pi p)) / 2 (Loshchilov and Hutter 2017), 1."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights; the defaults are the published recipe.

    Attributes:
        learning_rate: AdamW's, above 0; the schedule scales it.
        betas: AdamW's, each 0 to below 1.
        weight_decay: AdamW's, at least 0, for the parameters that `parameter_groups` lets decay.
        warmup_iters: steps over which the rate grows linearly.
        warmup_ratio: share of the rate that step 0 gets.
        max_iters: steps in all; the rate falls to 0 at this step.
        schedule: shape of the fall: "linear", "poly" (linear to `power`), "cosine" or "constant".
        power: exponent of "poly", above 0; DeepLab's and mmsegmentation's is 0.9.
        batch_size: images a step, over all devices and all parts of an accumulated step.
        loss: what is minimized, as `make_loss` reads it: "cross_entropy", "cross_entropy + 0.5*dice", ...
        class_weights: factors of cross entropy, each at least 0, one a class; none for equal ones.
        label_smoothing: share (0 to below 1) of cross entropy's target that goes to all classes alike.
        aux_weight: factor of the auxiliary head's loss.
        clip_norm: largest norm, at least 0, of all gradients together; 0 leaves them as they are.
        layer_decay: factor of the rate from each block to the one before it, above 0 to 1.
        frozen_stages: stages of the backbone, from the first, that are not trained; -1 trains the patch
            embedding too.
        fused: run AdamW as one kernel (the same formula, other rounding).
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
    schedule: str = "linear"
    power: float = 0.9
    batch_size: int = 16
    loss: str = "cross_entropy"
    class_weights: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    aux_weight: float = 0.4
    gradient_accumulation_steps: int = 1
    precision: str = "float32"
    ema_decay: float = 0.0
    clip_norm: float = 0.0
    layer_decay: float = 1.0
    frozen_stages: int = -1
    fused: bool = False
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
        if self.schedule not in SCHEDULES or not self.power > 0:
            raise ValueError(
                f"schedule is {self.schedule!r} of power {self.power}: choose one of {', '.join(SCHEDULES)}, "
                "and a power above 0."
            )
        if not 0.0 <= self.label_smoothing < 1.0 or not 0.0 < self.layer_decay <= 1.0:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing} and layer_decay {self.layer_decay}: choose the "
                "first from 0 up to, not including, 1, the second above 0 up to 1."
            )
        if not self.clip_norm >= 0.0 or any(not weight >= 0.0 for weight in self.class_weights):
            raise ValueError("clip_norm and class_weights must be at least 0: change the one that is not.")
        self.make_loss()

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0.

        The fall runs from step 0 and the warm-up scales it, so that the rate never quite reaches
        `learning_rate`. This is mmcv 0.x (mmcv/runner/hooks/lr_updater.py, policy "poly" of power 1 by
        iteration), which the published models were trained with; mmengine starts the fall after the warm-up.

        >>> f"{Recipe().lr(0):.3g} {Recipe().lr(1500):.9g} {Recipe().lr(80_000):.3g}"
        '6e-11 5.94375e-05 3e-05'
        """
        falling = self.learning_rate * self._remaining(step / self.max_iters)
        if step >= self.warmup_iters:
            return falling
        return falling * (1 - (1 - step / self.warmup_iters) * (1 - self.warmup_ratio))

    def _remaining(self, progress: float) -> float:
        """Share of the rate that is left at a point of the run, 0 to 1."""
        if self.schedule == "poly":
            return float((1 - progress) ** self.power)
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * progress)) / 2
        return 1 - progress if self.schedule == "linear" else 1.0

    def make_loss(self) -> PixelLoss:
        """Make the loss that the recipe names."""
        return make_loss(self.loss, class_weights=self.class_weights, label_smoothing=self.label_smoothing)

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
