"""The loss of a label that leaves a choice: -log of the probability that the model gives to the whole set.

A pixel labeled "road or sidewalk" asks that the two together be likely, and leaves it to the model which.
A hint h of weight t chooses inside the set s: the loss is -(1 - t) log p(s) - t log p(h), which for t = 0 is
the plain set loss and for a set of one class cross entropy.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.photos import ClassSets

__all__ = ["CLASS_WEIGHTS", "SetLoss"]

CLASS_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "fence": 1.6,
        "person": 1.6,
        "bicycle": 1.6,
        "animal": 1.5,
        "boat": 1.5,
        "mountain": 1.3,
        "sidewalk": 1.1,
    }
)
"""Weights of rare classes' pixels; 1 for the others."""

_IMPOSSIBLE: Final = -1e4  # a log-probability that no gradient flows into; -inf would give NaN


class SetLoss:
    """The loss of numbers of class sets, averaged over all pixels like `pixel_loss`.

    Args:
        sets: what the numbers mean.
        weights: weight of a pixel by class; that of a set or hint is the mean over its classes.
    """

    def __init__(self, sets: ClassSets, weights: Mapping[str, float] = CLASS_WEIGHTS) -> None:
        likely = np.where(sets.trusts()[:, None] > 0, sets.hints(), sets.members()).astype(np.float32)
        by_class = np.array([weights.get(name, 1.0) for name in sets.classes], np.float32)
        weight = likely @ by_class / likely.sum(axis=1)
        says_nothing = sets.members().all(axis=1) & (sets.trusts() == 0)
        self.members = torch.from_numpy(sets.members())
        self.hints = torch.from_numpy(sets.hints())
        self.trusts = torch.from_numpy(sets.trusts())
        self.weights = torch.from_numpy(np.where(says_nothing, 0.0, weight).astype(np.float32))

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss, a scalar in nats a pixel.

        Args:
            logits: (B, K, H, W).
            labels: (B, H, W), numbers of sets, or 255 for ignored.
        """
        device = logits.device
        known = labels != IGNORE_INDEX
        numbers = labels[known]
        log_p = logits.float().log_softmax(dim=1).movedim(1, -1)[known]  # P K
        trust, weight = self.trusts.to(device)[numbers], self.weights.to(device)[numbers]
        of_set = _log_sum(log_p, self.members.to(device)[numbers])
        hinted = trust > 0
        of_hint = torch.zeros_like(of_set).masked_scatter(
            hinted, _log_sum(log_p[hinted], self.hints.to(device)[numbers[hinted]])
        )
        return -(weight * ((1 - trust) * of_set + trust * of_hint)).sum() / labels.numel()


def _log_sum(log_p: Tensor, chosen: Tensor) -> Tensor:
    """Log of the summed probability of the chosen classes: (P, K), (P, K) -> (P,)."""
    return log_p.masked_fill(~chosen, _IMPOSSIBLE).logsumexp(dim=1)
