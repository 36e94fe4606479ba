"""One step of training: forward, backward, and the update of everything that a run carries along."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from swinviz.distributed import DistributedContext
from swinviz.errors import SwinvizError
from swinviz.model.fast.block import MapLinearBlock
from swinviz.model.geometry import WindowGeometry
from swinviz.model.swin import SwinBlock
from swinviz.segmenter import SwinUPerNet
from swinviz.training.batch_norm import synchronize_batch_norm
from swinviz.training.losses import PixelLoss, pixel_loss
from swinviz.training.optimizer import freeze_stages, make_optimizer
from swinviz.training.recipe import Recipe
from swinviz.training.sharding import WholeState, gather_into, shard
from swinviz.training.stream import TensorSample

__all__ = ["NotANumberError", "Objective", "StepResult", "TrainStep", "seed_step"]


class NotANumberError(SwinvizError, ArithmeticError):
    """The loss is infinite, or not a number any more."""


@dataclass(frozen=True)
class StepResult:
    """Result of a step.

    Attributes:
        loss: in nats a pixel, the mean over the batch and all processes.
        logits: (B, K, H, W) of this process's last part of the batch.
        labels: (B, H, W) of the same.
    """

    loss: float
    logits: Tensor
    labels: Tensor


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


class TrainStep:
    """A model and what its training needs: objective, optimizer, loss scaler, moving average.

    Args:
        model: trained in place; where it is sharded, it gets the weights whenever `whole` gathers them.
        recipe: how.
        context: the processes that train together.
        activation_checkpointing: keep no activations inside the blocks, but compute them again when needed.
        compiled: let torch.compile make it faster.
        sharded: divide the weights among the processes (FSDP2) instead of copying them to each (DDP).
        loss: what is minimized; by default what the recipe names.

    Raises:
        ValueError: sharded without processes that were joined, or compiled too.
    """

    def __init__(
        self,
        model: SwinUPerNet,
        recipe: Recipe,
        context: DistributedContext,
        *,
        activation_checkpointing: bool = False,
        compiled: bool = False,
        sharded: bool = False,
        loss: PixelLoss | None = None,
    ) -> None:
        if sharded and compiled:
            raise ValueError(
                "a sharded model is gathered block by block, not compiled: choose one of the two."
            )
        self.labels_are_classes = loss is None  # a loss of its own may number sets of classes
        self.loss = loss or recipe.make_loss()
        self._whole = model.to(context.device)
        self.model = copy.deepcopy(model) if sharded else model
        self.recipe, self.context, self.sharded = recipe, context, sharded
        self.train_mode()
        self.average = copy.deepcopy(self.model).eval() if recipe.ema_decay else self.model
        self.scaler = torch.amp.GradScaler(context.device.type, enabled=recipe.precision == "float16")
        if context.world_size > 1:
            synchronize_batch_norm(self.model)
        if activation_checkpointing:
            checkpoint_activations(self.model)
        self.objective: Any = Objective(self.model, recipe.aux_weight, self.loss)
        if compiled:
            self.objective = torch.compile(self.objective)
        if sharded:
            shard(self.objective, context.device)
            if recipe.ema_decay:
                shard(self.average, context.device)
        elif context.world_size > 1:
            self.objective = DistributedDataParallel(self.objective)
        self.optimizer = make_optimizer(self.model, recipe)  # of the shards, where there are some

    def train_mode(self) -> None:
        """Put the model into training mode, but for its frozen stages."""
        freeze_stages(self.model.train(), self.recipe.frozen_stages)

    def whole(self) -> SwinUPerNet:
        """Model to save and to measure: the moving average, if there is one. All processes must come here."""
        if not self.sharded:
            return self.average
        gather_into(self._whole, self.average)
        return self._whole

    @property
    def parts(self) -> dict[str, Any]:
        """Parts whose state must be saved, by name."""
        parts: dict[str, Any] = {"model": self.model, "optimizer": self.optimizer}
        if self.recipe.ema_decay:
            parts["average"] = self.average
        if self.sharded:
            parts = {name: WholeState(part, keep=self.context.is_main) for name, part in parts.items()}
        return parts | {"scaler": self.scaler}

    def run(self, step: int, batches: Iterator[TensorSample], lr: float | None = None) -> StepResult:
        """Take step number `step` on the next batches, one for each step of gradient accumulation.

        Args:
            step: the step, counted from 0.
            batches: parts of a batch, as many as the recipe accumulates.
            lr: learning rate; by default the recipe's at this step.

        Raises:
            NotANumberError: the loss is not finite; the weights are still those before the step.
        """
        recipe, device, dtype = self.recipe, self.context.device, self.recipe.autocast_dtype
        seed_step(recipe.seed, step, self.context.rank)
        for group in self.optimizer.param_groups:
            group["lr"] = (recipe.lr(step) if lr is None else lr) * group["lr_scale"]
        total = torch.zeros((), device=device)
        for _ in range(recipe.gradient_accumulation_steps):
            images, labels, names = next(batches)
            images, labels = images.to(device), labels.to(device)
            with torch.autocast(device.type, dtype, enabled=dtype is not None):
                loss, logits = self.objective(images, labels)
            require_finite(loss.detach(), step, names, recipe)
            self.scaler.scale(loss / recipe.gradient_accumulation_steps).backward()
            total += loss.detach() / recipe.gradient_accumulation_steps
        if recipe.clip_norm:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        if recipe.ema_decay:
            average_into(self.average, self.model, recipe.ema_decay, step)
        return StepResult(float(self.context.mean(total)), logits, labels)


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed torch's generators, which dropout and stochastic depth draw from, for one step of one process.

    So a run needs no random state to be resumed, and takes the same step whatever came before it.
    """
    state = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


def average_into(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move an exponential moving average of the weights and statistics one step on.

    The decay grows from 0.1 to `decay`, so that the random weights of the start are soon forgotten.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)


class CheckpointedBlock(SwinBlock):
    """A block that keeps nothing but its input, and runs again in the backward pass (Chen et al. 2016)."""

    def forward(self, x: Tensor, geometry: WindowGeometry) -> Tensor:
        """Transform a map (B, H, W, C), as a `SwinBlock` does."""
        if not self.training:
            return super().forward(x, geometry)
        return checkpoint(super().forward, x, geometry, use_reentrant=False)


class CheckpointedMapLinearBlock(CheckpointedBlock, MapLinearBlock):
    """`CheckpointedBlock` of an accelerated model, whose `super().forward` is `MapLinearBlock`'s."""


_CHECKPOINTED: dict[type[nn.Module], type[CheckpointedBlock]] = {
    SwinBlock: CheckpointedBlock,
    MapLinearBlock: CheckpointedMapLinearBlock,
}


def checkpoint_activations(model: nn.Module) -> None:
    """Let every block of a model recompute its activations, keeping its names and weights."""
    for module in model.modules():
        if type(module) in _CHECKPOINTED:
            module.__class__ = _CHECKPOINTED[type(module)]


def require_finite(loss: Tensor, step: int, names: Sequence[str], recipe: Recipe) -> None:
    """Stop at a loss that no gradient can mend.

    Raises:
        NotANumberError: naming the step, the images of the batch, and what to try.
    """
    if not torch.isfinite(loss):
        half = recipe.precision == "float16"
        raise NotANumberError(
            f"The loss is {float(loss)} at step {step}, on {', '.join(names)}: look at these images and "
            f"labels, or try a learning rate below {recipe.learning_rate:g}, a warm-up longer than "
            f"{recipe.warmup_iters} steps{', or bfloat16' if half else ''}."
        )
