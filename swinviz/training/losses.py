"""Losses by name, and sums of them: "cross_entropy + 0.5*dice".

Cross entropy and its kin (focal, OHEM) are averaged over all pixels, as `pixel_loss` is. Those that measure
regions (Dice, Jaccard, Tversky, Lovász, boundary) take a batch as one picture and average over the classes
that its labels hold: a class that is nowhere has no region to be measured, and of 150 most are nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from swinviz.data.dataset import IGNORE_INDEX

__all__ = [
    "LOSSES",
    "LossSum",
    "PixelLoss",
    "boundary_loss",
    "dice_loss",
    "focal_loss",
    "jaccard_loss",
    "lovasz_loss",
    "make_loss",
    "ohem_loss",
    "pixel_loss",
    "tversky_loss",
]


PixelLoss = Callable[[Tensor, Tensor], Tensor]
"""Logits (B, K, H, W) and labels (B, H, W) -> a scalar."""


def pixel_loss(
    logits: Tensor, labels: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Cross entropy, averaged over ALL pixels, ignored ones counting as 0, as mmsegmentation averages it.

    Dividing by the pixels that are not ignored instead would weigh images of one batch differently on two
    devices than on one, and give NaN for a batch without labels.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.
        weight: (K,), factor of each class's pixels; None for equal ones.
        label_smoothing: share (0 to below 1) of the target that goes to all classes alike (Szegedy et al.
            2016).

    Returns:
        A scalar, in nats a pixel.
    """
    total = F.cross_entropy(
        _wide(logits),
        labels,
        weight=None if weight is None else weight.to(logits.device),
        ignore_index=IGNORE_INDEX,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return total / labels.numel()


def focal_loss(logits: Tensor, labels: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Cross entropy that counts a pixel less the surer it is right: -(1 - p)^gamma log p.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.
        gamma: at least 0; 0 is cross entropy.

    Returns:
        A scalar, averaged over all pixels. Source: Lin et al. 2017, equation 4.
    """
    log_p = _log_likelihood(logits, labels)
    return -((1 - log_p.exp()) ** gamma * log_p).sum() / labels.numel()


def ohem_loss(logits: Tensor, labels: Tensor, *, threshold: float = 0.7, least: float = 0.2) -> Tensor:
    """Cross entropy over the hard pixels alone (online hard example mining).

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.
        threshold: pixels whose own class has less than this probability (0..1) are hard.
        least: share (0..1) of the labeled pixels that counts as hard in any case, the hardest of them.

    Returns:
        A scalar: the sum over the hard pixels over the number of all. Source: Shrivastava et al. 2016, as
        mmsegmentation samples pixels (mmseg/structures/sampler/ohem_pixel_sampler.py).
    """
    log_p = _log_likelihood(logits, labels)
    if not log_p.numel():
        return log_p.sum()
    # The probability that so many pixels fall below, or the threshold where more do.
    rank = min(int(least * log_p.numel()), log_p.numel() - 1)
    limit = log_p.detach().exp().kthvalue(rank + 1).values.clamp_min(threshold)
    return -(log_p * (log_p.detach().exp() < limit)).sum() / labels.numel()


def tversky_loss(logits: Tensor, labels: Tensor, *, alpha: float = 0.3, beta: float = 0.7) -> Tensor:
    """One minus the Tversky index, whose false positives weigh `alpha` and false negatives `beta`.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.
        alpha: weight of false positives, at least 0.
        beta: weight of false negatives, at least 0.

    Returns:
        A scalar from 0 to 1, the mean over the classes in the labels. Source: Salehi et al. 2017, equation 2.
    """
    p, truth = _known(logits, labels)
    overlap = _per_class(p.gather(1, truth[:, None])[:, 0], truth, p.shape[1])
    predicted, true = p.sum(dim=0), truth.bincount(minlength=p.shape[1])
    present = true > 0
    denominator = overlap + alpha * (predicted - overlap) + beta * (true - overlap)
    return _mean(1 - overlap[present] / denominator[present])


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the Dice coefficient, 2 |A and B| / (|A| + |B|).

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.

    Returns:
        A scalar from 0 to 1, the mean over the classes in the labels. Source: Milletari et al. 2016, with
        plain sums in the denominator.
    """
    return tversky_loss(logits, labels, alpha=0.5, beta=0.5)


def jaccard_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the Jaccard index, |A and B| / |A or B|, which is IoU of soft sets.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.

    Returns:
        A scalar from 0 to 1, the mean over the classes in the labels. Source: Rahman and Wang 2016.
    """
    return tversky_loss(logits, labels, alpha=1.0, beta=1.0)


def lovasz_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Lovász extension of the Jaccard loss: for certain predictions exactly one minus IoU.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.

    Returns:
        A scalar from 0 to 1, the mean over the classes in the labels. Source: Berman et al. 2018.
    """
    p, truth = _known(logits, labels)
    losses = []
    for index in truth.bincount().nonzero()[:, 0].tolist():
        inside = (truth == index).to(p.dtype)
        errors, order = (inside - p[:, index]).abs().sort(descending=True)
        inside = inside[order]
        intersection = inside.sum() - inside.cumsum(0)
        union = inside.sum() + (1 - inside).cumsum(0)
        jaccard = 1 - intersection / union
        gradient = torch.cat((jaccard[:1], jaccard[1:] - jaccard[:-1]))
        losses.append(errors @ gradient)
    return _mean(torch.stack(losses) if losses else p.flatten()[:0])


def boundary_loss(logits: Tensor, labels: Tensor, *, width: int = 3, tolerance: int = 5) -> Tensor:
    """One minus the F1 score of the classes' boundaries.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W), 0 to K - 1, or 255 for ignored.
        width: odd side in pixels of the neighborhood in which a pixel at a boundary sees the other side.
        tolerance: odd side in pixels of the neighborhood in which boundaries count as met.

    Returns:
        A scalar from 0 to 1, the mean over the classes in the labels. Source: Bokhovkin and Burnaev 2019,
        equations 1 to 6.
    """
    known = (labels != IGNORE_INDEX)[:, None]
    present = labels[known[:, 0]].bincount().nonzero()[:, 0]
    if not len(present):
        return logits.sum() * 0
    p = (_wide(logits).softmax(dim=1)[:, present] * known).contiguous()
    truth = ((labels[:, None] == present[:, None, None]) & known).to(p.dtype)
    ours, theirs = _edges(p, width, known), _edges(truth, width, known)
    near_ours, near_theirs = _widened(ours, tolerance), _widened(theirs, tolerance)
    over = (0, 2, 3)
    tiny = torch.finfo(p.dtype).tiny ** 0.5  # a class without boundary divides 0 by 0
    precision = (ours * near_theirs).sum(over) / (ours.sum(over) + tiny)
    recall = (theirs * near_ours).sum(over) / (theirs.sum(over) + tiny)
    bounded = theirs.sum(over) > 0
    return _mean((1 - 2 * precision * recall / (precision + recall + tiny))[bounded])


LOSSES: Mapping[str, PixelLoss] = MappingProxyType(
    {
        "cross_entropy": pixel_loss,
        "dice": dice_loss,
        "jaccard": jaccard_loss,
        "tversky": tversky_loss,
        "lovasz": lovasz_loss,
        "focal": focal_loss,
        "ohem": ohem_loss,
        "boundary": boundary_loss,
    }
)
"""Losses by the names that `make_loss` knows."""


@dataclass(frozen=True)
class LossSum:
    """Weighted sum of losses.

    Attributes:
        terms: (factor, loss) pairs.
    """

    terms: tuple[tuple[float, PixelLoss], ...]

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the sum, a scalar, of logits (B, K, H, W) and labels (B, H, W)."""
        return torch.stack([factor * loss(logits, labels) for factor, loss in self.terms]).sum()


def make_loss(
    text: str = "cross_entropy", *, class_weights: Sequence[float] = (), label_smoothing: float = 0.0
) -> PixelLoss:
    """Make a loss from its name, or a sum of several.

    Args:
        text: names of `LOSSES`, joined by +, each with a factor or none.
        class_weights: of cross entropy, one a class; none for equal ones.
        label_smoothing: share (0 to below 1) of cross entropy's target that goes to all classes alike.

    Raises:
        ValueError: an unknown name, a factor that is not above 0, or options without cross entropy.

    >>> make_loss("cross_entropy + 0.5*dice").terms[1][0]
    0.5
    """
    terms: list[tuple[float, PixelLoss]] = []
    for term in text.split("+"):
        found = re.fullmatch(r"\s*(?:([0-9.eE-]+)\s*\*)?\s*([a-z_]+)\s*", term)
        if found is None or found[2] not in LOSSES:
            raise ValueError(f"loss {term.strip()!r:.60} is none of {', '.join(LOSSES)}: join names by +.")
        terms.append((_factor(found[1]), LOSSES[found[2]]))
    if not class_weights and not label_smoothing:
        return terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else LossSum(tuple(terms))
    if all(loss is not pixel_loss for _, loss in terms):
        raise ValueError(f"class weights and label smoothing are cross entropy's, which {text!r:.60} lacks.")
    weight = torch.tensor(class_weights, dtype=torch.float32) if class_weights else None
    smooth: Callable[[Tensor, Tensor], Tensor] = partial(
        pixel_loss, weight=weight, label_smoothing=label_smoothing
    )
    return LossSum(tuple((factor, smooth if loss is pixel_loss else loss) for factor, loss in terms))


def _factor(text: str | None) -> float:
    try:
        factor = 1.0 if text is None else float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ValueError(f"factor {text!r:.40} of a loss: give a number above 0.")
    return factor


def _wide(logits: Tensor) -> Tensor:
    """Logits in single precision at least."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _known(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities (P, K) and labels (P,) of the pixels that are not ignored."""
    known = labels != IGNORE_INDEX
    return _wide(logits).softmax(dim=1).movedim(1, -1)[known], labels[known]


def _log_likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Log probability of each labeled pixel's own class: (P,)."""
    loss = F.cross_entropy(_wide(logits), labels, ignore_index=IGNORE_INDEX, reduction="none")
    return -loss[labels != IGNORE_INDEX]


def _per_class(values: Tensor, classes: Tensor, count: int) -> Tensor:
    """Sum values (P,) by class (P,): (count,)."""
    return values.new_zeros(count).index_add(0, classes, values)


def _mean(values: Tensor) -> Tensor:
    """Mean, which of nothing is 0, with a gradient of 0."""
    return values.mean() if values.numel() else values.sum()


def _edges(inside: Tensor, width: int, known: Tensor) -> Tensor:
    """Pixels (B, K, H, W) that are inside and see the outside within `width`."""
    outside = (1 - inside) * known
    return (F.max_pool2d(outside, width, stride=1, padding=width // 2) - outside) * known


def _widened(edges: Tensor, side: int) -> Tensor:
    return F.max_pool2d(edges, side, stride=1, padding=side // 2)
