"""The set loss against loops over pixels, in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from swinviz.data.photos import ClassSets
from swinviz.training.set_loss import SetLoss

CLASSES = ("a", "b", "c", "d")
WEIGHTS = {"b": 2.0, "d": 0.5}


@pytest.fixture
def sets() -> ClassSets:
    """Sets of one class, of two, of two with a hint, and of all."""
    table = ClassSets(CLASSES)
    table.number("a")
    table.number("bc")
    table.number("bcd", "d", 0.3)
    table.number("abcd")
    table.number("abcd", "b", 0.4)
    return table


def loss_by_loops(logits: np.ndarray, labels: np.ndarray, sets: ClassSets) -> float:
    """The formula of the docstring, pixel by pixel."""
    total = 0.0
    for batch, row, column in np.ndindex(labels.shape):
        number = int(labels[batch, row, column])
        if number == 255:
            continue
        entry = sets.entries[number]
        powers = [math.exp(value) for value in logits[batch, :, row, column].astype(float)]
        p = dict(zip(CLASSES, (power / sum(powers) for power in powers), strict=True))
        likely = entry.hint or entry.classes
        weight = sum(WEIGHTS.get(name, 1.0) for name in likely) / len(likely)
        if entry.classes == set(CLASSES) and not entry.hint:
            weight = 0.0
        of_set = math.log(sum(p[name] for name in entry.classes))
        of_hint = math.log(sum(p[name] for name in entry.hint)) if entry.hint else 0.0
        total -= weight * ((1 - entry.trust) * of_set + entry.trust * of_hint)
    return total / labels.size


def random_case(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (2, 4, 3, 5) and labels (2, 3, 5), some of them ignored."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 1, 2, 3, 4, 255], (2, 3, 5))
    return torch.from_numpy(3 * rng.normal(size=(2, 4, 3, 5))).float(), torch.from_numpy(labels).long()


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_that_of_a_loop_over_pixels(sets: ClassSets, seed: int) -> None:
    logits, labels = random_case(seed)
    expected = loss_by_loops(logits.numpy(), labels.numpy(), sets)
    assert float(SetLoss(sets, WEIGHTS)(logits, labels)) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_is_the_loop_s_slope(sets: ClassSets) -> None:
    logits, labels = random_case(7)
    logits.requires_grad_()
    SetLoss(sets, WEIGHTS)(logits, labels).backward()
    values, step = logits.detach().double().numpy(), 1e-5
    assert logits.grad is not None
    for place in np.ndindex(values.shape):
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        slope = (loss_by_loops(up, labels.numpy(), sets) - loss_by_loops(down, labels.numpy(), sets)) / (
            2 * step
        )
        assert float(logits.grad[place]) == pytest.approx(slope, abs=2e-6)


def test_sets_of_one_class_give_cross_entropy() -> None:
    table = ClassSets(CLASSES)
    for name in CLASSES:
        table.number([name])
    logits = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(30).view(2, 3, 5) % 4
    assert torch.allclose(SetLoss(table, {})(logits, labels), F.cross_entropy(logits, labels))


def test_certainty_against_the_set_costs_much_and_is_finite(sets: ClassSets) -> None:
    logits = torch.full((1, 4, 1, 1), 0.0)
    logits[0, 0] = 500.0
    logits.requires_grad_()
    loss = SetLoss(sets, {})(logits, torch.full((1, 1, 1), 1))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(500 - math.log(2), rel=1e-4)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_nothing_labeled_costs_nothing(sets: ClassSets) -> None:
    logits = torch.randn(1, 4, 2, 2, requires_grad=True)
    loss = SetLoss(sets)(logits, torch.full((1, 2, 2), 255))
    loss.backward()
    assert float(loss.detach()) == 0.0
