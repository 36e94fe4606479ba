"""The learning-rate range test: a few steps at growing rates show which rate a run can be given."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from tqdm.auto import tqdm

from swinviz.data.dataset import LabeledDataset
from swinviz.distributed import DistributedContext
from swinviz.segmenter import SwinUPerNet
from swinviz.training.losses import PixelLoss
from swinviz.training.recipe import Recipe
from swinviz.training.step import NotANumberError, TrainStep
from swinviz.training.stream import Stream, Transform, batches

__all__ = ["LrCurve", "find_lr"]

_SMOOTHING = 0.9  # share of the running mean that each step keeps
_DIVERGED = 4.0  # times the lowest loss at which the test ends


@dataclass(frozen=True)
class LrCurve:
    """Loss at growing learning rates.

    Attributes:
        rates: learning rates, one a step, growing by a constant factor.
        losses: loss of each step, in the loss's own unit.
        smoothed: running mean of the losses, at least 0, without the bias of its start.
        suggestion: rate, above 0, at which the smoothed loss falls most steeply; a run may take it.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float


def find_lr(
    model: SwinUPerNet,
    dataset: LabeledDataset,
    transform: Transform | None,
    recipe: Recipe,
    *,
    lowest: float = 1e-7,
    highest: float = 1.0,
    steps: int = 100,
    context: DistributedContext | None = None,
    loss: PixelLoss | None = None,
    progress: bool = True,
) -> LrCurve:
    """Train a copy of the model for a few steps, each at a higher rate than the one before.

    Args:
        model: left as it is.
        dataset: images (H, W, 3) and labels (H, W), uint8.
        transform: augmentation, after which all images have one size.
        recipe: how, but for the rate.
        lowest: rate of the first step, above 0.
        highest: rate of the last step, which is not reached where the loss has quadrupled before.
        steps: at least 10.
        context: the processes that train together; by default this one, on the CPU.
        loss: what is minimized; by default what the recipe names.
        progress: show a progress bar.

    Returns:
        The curve. Source: Smith 2017 (the range test), smoothed and stopped as fastai does.

    Raises:
        ValueError: too few steps, or rates that do not grow.
    """
    if steps < 10 or not 0 < lowest < highest:
        raise ValueError(
            f"{steps} steps from {lowest} to {highest}: give at least 10, to a rate above the first."
        )
    recipe = replace(recipe, max_iters=steps, warmup_iters=0, ema_decay=0.0)
    train_step = TrainStep(copy.deepcopy(model), recipe, context or DistributedContext(), loss=loss)
    loaded = iter(batches(Stream(dataset, transform, recipe.seed), recipe, 0))
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    for step in tqdm(range(steps), desc="learning rates", unit="step", disable=not progress):
        rate = lowest * (highest / lowest) ** (step / (steps - 1))
        try:
            value = train_step.run(step, loaded, lr=rate).loss
        except NotANumberError:
            break
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        rates.append(rate)
        losses.append(value)
        smoothed.append(mean / (1 - _SMOOTHING ** (step + 1)))
        if smoothed[-1] > _DIVERGED * min(smoothed):
            break
    return LrCurve(tuple(rates), tuple(losses), tuple(smoothed), _steepest(rates, smoothed))


def _steepest(rates: list[float], smoothed: list[float]) -> float:
    """Rate in the middle of the steepest eighth of the curve, from its uncertain start to its lowest loss."""
    width, start = max(3, len(rates) // 8), len(rates) // 10
    stop = int(np.argmin(smoothed)) + 1
    if stop - start < width:
        return rates[max(0, stop - 1)] if rates else float("nan")
    starts = range(start, stop - width + 1)
    slopes = [np.polyfit(np.arange(width), smoothed[first : first + width], 1)[0] for first in starts]
    return rates[starts[int(np.argmin(slopes))] + width // 2]
