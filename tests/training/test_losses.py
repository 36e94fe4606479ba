"""The losses against MONAI's, their definitions written out as loops, and finite differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from monai.losses import FocalLoss, TverskyLoss
from torch import Tensor

from swinviz.training.losses import (
    LOSSES,
    LossSum,
    boundary_loss,
    dice_loss,
    focal_loss,
    jaccard_loss,
    lovasz_loss,
    make_loss,
    ohem_loss,
    pixel_loss,
    tversky_loss,
)

IGNORED = 255


def batch(
    classes: int = 4, height: int = 9, width: int = 7, *, ignored: float = 0.0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, classes, height, width, generator=made)
    labels = torch.randint(0, classes, (2, height, width), generator=made)
    labels[torch.rand(labels.shape, generator=made) < ignored] = IGNORED
    return logits, labels


def certain(labels: Tensor, classes: int) -> Tensor:
    """Logits that give all probability to the labels."""
    return 1000.0 * F.one_hot(labels, classes).movedim(-1, 1).float()


@pytest.mark.parametrize(
    ("loss", "alpha", "beta"), [(dice_loss, 0.5, 0.5), (jaccard_loss, 1.0, 1.0), (tversky_loss, 0.3, 0.7)]
)
def test_losses_of_overlap_equal_monais(loss: object, alpha: float, beta: float) -> None:
    logits, labels = batch()
    theirs = TverskyLoss(
        softmax=True, to_onehot_y=True, alpha=alpha, beta=beta, batch=True, smooth_nr=0.0, smooth_dr=0.0
    )
    assert float(loss(logits, labels)) == pytest.approx(float(theirs(logits, labels[:, None])), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_loss_equals_monais(gamma: float) -> None:
    logits, labels = batch()
    theirs = FocalLoss(use_softmax=True, to_onehot_y=True, gamma=gamma, reduction="sum")
    expected = float(theirs(logits, labels[:, None])) / len(labels)  # MONAI averages over pixels first
    assert float(focal_loss(logits, labels, gamma=gamma)) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_gamma_zero_is_cross_entropy() -> None:
    logits, labels = batch(ignored=0.3)
    assert float(focal_loss(logits, labels, gamma=0.0)) == pytest.approx(float(pixel_loss(logits, labels)))


@pytest.mark.parametrize("loss", [jaccard_loss, lovasz_loss])
def test_certain_predictions_lose_one_minus_iou(loss: object) -> None:
    _, labels = batch(classes=3, seed=1)
    _, predicted = batch(classes=3, seed=2)
    ious = [
        ((predicted == index) & (labels == index)).sum() / ((predicted == index) | (labels == index)).sum()
        for index in range(3)
    ]
    assert float(loss(certain(predicted, 3), labels)) == pytest.approx(1 - float(np.mean(ious)), abs=1e-6)


def test_lovasz_loss_is_the_choquet_integral_of_the_jaccard_loss() -> None:
    """The Lovász extension is the integral over thresholds t of the set function of {errors >= t}."""
    logits, labels = batch(classes=3, height=4, width=3, ignored=0.2)
    known = (labels != IGNORED).flatten()
    truth = labels.flatten()[known].numpy()
    probabilities = logits.softmax(1).movedim(1, -1).reshape(-1, 3)[known].double().numpy()
    losses = []
    for index in sorted(set(truth.tolist())):
        inside = truth == index
        errors = np.abs(inside - probabilities[:, index])
        total = 0.0
        levels = [0.0, *sorted(errors.tolist())]
        for low, high in itertools.pairwise(levels):
            wrong = errors >= high
            predicted = inside ^ wrong
            total += (high - low) * (1 - (predicted & inside).sum() / (predicted | inside).sum())
        losses.append(total)
    assert float(lovasz_loss(logits, labels)) == pytest.approx(float(np.mean(losses)), rel=1e-5)


def test_ohem_keeps_pixels_below_the_threshold_and_at_least_its_share() -> None:
    logits, labels = batch(height=10, width=10, ignored=0.1)
    p = logits.softmax(1)
    own = sorted(
        float(p[b, labels[b, y, x], y, x])
        for b, y, x in itertools.product(range(2), range(10), range(10))
        if labels[b, y, x] != IGNORED
    )
    below = [value for value in own if value < 0.5]
    assert float(ohem_loss(logits, labels, threshold=0.5, least=0.0)) == pytest.approx(
        -sum(np.log(below)) / labels.numel(), rel=1e-5
    )
    least = int(0.9 * len(own))
    assert least > len(below)
    assert float(ohem_loss(logits, labels, threshold=0.5, least=0.9)) == pytest.approx(
        -sum(np.log(own[:least])) / labels.numel(), rel=1e-5
    )


def looped_edges(inside: np.ndarray) -> np.ndarray:
    height, width = inside.shape
    edges = np.zeros_like(inside)
    for y, x in itertools.product(range(height), range(width)):
        near = inside[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        edges[y, x] = (1 - near).max() - (1 - inside[y, x])
    return edges


def looped_near(edges: np.ndarray) -> np.ndarray:
    near = np.zeros_like(edges)
    for y, x in itertools.product(*map(range, edges.shape)):
        near[y, x] = edges[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].max()
    return near


def test_boundary_loss_is_one_minus_the_f1_of_boundaries_found_by_a_loop() -> None:
    labels = torch.zeros(1, 12, 14, dtype=torch.long)
    labels[0, 3:9, 4:11] = 1
    logits = torch.randn(1, 2, 12, 14, generator=torch.Generator().manual_seed(3))
    scores = []
    for index in range(2):
        ours = looped_edges(logits.softmax(1)[0, index].double().numpy())
        theirs = looped_edges((labels[0] == index).double().numpy())
        precision = (ours * looped_near(theirs)).sum() / ours.sum()
        recall = (theirs * looped_near(ours)).sum() / theirs.sum()
        scores.append(2 * precision * recall / (precision + recall))
    assert float(boundary_loss(logits, labels)) == pytest.approx(1 - float(np.mean(scores)), rel=1e-5)


def test_boundary_loss_of_the_truth_is_zero() -> None:
    labels = torch.zeros(1, 12, 14, dtype=torch.long)
    labels[0, 3:9, 4:11] = 1
    assert float(boundary_loss(certain(labels, 2), labels)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_finite_differences(name: str) -> None:
    made = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 3, 5, 4, generator=made, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 3, (2, 5, 4), generator=made)
    labels[0, 0] = IGNORED
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, labels), (logits,), atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_pixels_have_no_gradient_and_a_batch_without_labels_loses_nothing(name: str) -> None:
    logits, labels = batch(ignored=0.3)
    logits.requires_grad_()
    LOSSES[name](logits, labels).backward()
    assert float(logits.grad.movedim(1, -1)[labels == IGNORED].abs().max()) == 0.0
    assert float(logits.grad.abs().max()) > 0.0
    nothing = torch.full_like(labels, IGNORED)
    loss = LOSSES[name](logits, nothing)
    loss.backward()
    assert loss.item() == 0.0


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "lovasz", "boundary"])
def test_classes_that_no_label_has_are_not_averaged_over(name: str) -> None:
    logits, labels = batch(classes=3)
    more = torch.cat((logits, torch.full((2, 40, 9, 7), -1000.0)), dim=1)
    assert float(LOSSES[name](more, labels)) == pytest.approx(float(LOSSES[name](logits, labels)), rel=1e-5)


def test_a_sum_of_losses_is_their_weighted_sum() -> None:
    logits, labels = batch(ignored=0.2)
    loss = make_loss("cross_entropy + 0.5*dice + 2 * lovasz")
    expected = pixel_loss(logits, labels) + 0.5 * dice_loss(logits, labels) + 2 * lovasz_loss(logits, labels)
    assert float(loss(logits, labels)) == pytest.approx(float(expected), rel=1e-6)
    assert make_loss("cross_entropy") is pixel_loss


def test_weights_and_smoothing_are_those_of_cross_entropy_written_out() -> None:
    logits, labels = batch(ignored=0.2)
    weights, smoothing = (1.0, 0.0, 2.5, 4.0), 0.1
    log_p = logits.log_softmax(1)
    total = 0.0
    for b, y, x in itertools.product(range(2), range(9), range(7)):
        true = int(labels[b, y, x])
        if true != IGNORED:
            target = [smoothing / 4 + (1 - smoothing) * (index == true) for index in range(4)]
            total -= sum(weights[k] * target[k] * float(log_p[b, k, y, x]) for k in range(4))
    loss = make_loss("cross_entropy", class_weights=weights, label_smoothing=smoothing)
    assert isinstance(loss, LossSum)
    assert float(loss(logits, labels)) == pytest.approx(total / labels.numel(), rel=1e-5)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("cross_entropie", {}, "is none of cross_entropy, dice"),
        ("dice +", {}, "is none of"),
        ("-1*dice", {}, "above 0"),
        ("1e999*dice", {}, "above 0"),
        ("dice", {"label_smoothing": 0.1}, "which 'dice' lacks"),
        ("lovasz", {"class_weights": (1.0, 2.0)}, "which 'lovasz' lacks"),
    ],
)
def test_losses_that_do_not_exist_are_refused(text: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_loss(text, **options)


def test_ignored_pixels_are_no_boundary() -> None:
    labels = torch.zeros(1, 9, 9, dtype=torch.long)
    labels[0, 4] = IGNORED
    logits = torch.randn(1, 2, 9, 9, generator=torch.Generator().manual_seed(5))
    assert float(boundary_loss(logits, labels)) == 0.0
