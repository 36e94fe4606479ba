"""Points followed against loops over tokens; flicker and smoothing against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.models import tiny_model

from swinviz.features import TokenMap, flicker, follow, read_tokens, smooth

NAME = "stages.0.blocks.1.resid_post"


@pytest.mark.parametrize(("window_size", "around"), [(7, 0), (12, 0), (7, 2)])
def test_each_step_is_the_best_of_a_loop_over_the_tokens_in_reach(window_size: int, around: int) -> None:
    model = tiny_model(window_size)
    frames = [read_tokens(model, torch.randn(1, 3, 45, 62), NAME) for _ in range(4)]
    found = list(follow(iter(frames), (44, 61), reach=2, around=around))
    assert found[0].pixel == (44, 61)

    def surroundings(tokens: TokenMap, y: int, x: int) -> list[list[float]]:
        """Vectors about a token; beyond the border those at the border."""
        offsets = range(-around, around + 1)
        return [
            tokens.vectors[0, min(max(y + a, 0), 11), min(max(x + b, 0), 15)].double().tolist()
            for a in offsets
            for b in offsets
        ]

    first = surroundings(frames[0], 11, 15)
    row, column = 11, 15
    for tokens, point in zip(frames[1:], found[1:], strict=True):
        scored = []
        for y in range(max(row - 2, 0), min(row + 3, 12)):
            for x in range(max(column - 2, 0), min(column + 3, 16)):
                cosines = [
                    sum(a * b for a, b in zip(one, other, strict=True))
                    / math.hypot(*one)
                    / math.hypot(*other)
                    for one, other in zip(first, surroundings(tokens, y, x), strict=True)
                ]
                scored.append((sum(cosines) / len(cosines), y, x))
        score, row, column = max(scored)
        assert point.pixel == (4 * row + 2, 4 * column + 2)
        assert point.similarity == pytest.approx(score, abs=1e-5)


def test_a_pattern_that_moves_is_followed_and_a_leap_beyond_reach_is_not() -> None:
    scene = torch.randn(1, 20, 20, 8)
    moved = [TokenMap(scene.roll((n, 2 * n), dims=(1, 2)), 4, NAME) for n in range(4)]
    for around in (0, 3):
        found = list(follow(moved, (21, 21), reach=2, around=around))
        assert [point.pixel for point in found][1:] == [(26, 30), (30, 38), (34, 46)]
        assert found[3].similarity == pytest.approx(1.0, abs=1e-5)
    assert list(follow(moved, (21, 21), reach=1))[1].pixel != (26, 30)
    with pytest.raises(ValueError, match="outside"):
        list(follow(moved, (80, 0)))


def test_flicker_is_changes_a_pixel_and_second_and_smoothing_lowers_it(rng: np.random.Generator) -> None:
    frames = rng.integers(0, 2, (6, 5, 7))
    changes = sum((frames[n] != frames[n + 1]).sum() for n in range(5))
    expected = changes / (5 * 35) * 25.0
    assert flicker(map(torch.tensor, frames), fps=25.0) == pytest.approx(expected)
    noisy = torch.tensor(rng.random((30, 3, 9, 9)))
    noisy[:, 0] += 0.3
    probabilities = noisy / noisy.sum(dim=1, keepdim=True)
    mixed = list(smooth(probabilities, keep=0.8))
    weights = np.array([0.8**29, *(0.2 * 0.8 ** (29 - n) for n in range(1, 30))])
    closed = np.tensordot(weights, probabilities.numpy(), axes=1)
    np.testing.assert_allclose(mixed[-1], closed, atol=1e-12)
    raw = flicker((each.argmax(dim=0) for each in probabilities), fps=10.0)
    assert flicker((each.argmax(dim=0) for each in mixed), fps=10.0) < 0.5 * raw
    with pytest.raises(ValueError, match="at least two"):
        flicker([torch.zeros(2, 2)], fps=1.0)
    with pytest.raises(ValueError, match="keep is 1"):
        list(smooth([], keep=1.0))
