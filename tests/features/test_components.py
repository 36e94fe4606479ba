"""Principal components against NumPy's SVD; one projection for all pictures, the same on every run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinviz.features import TokenMap, principal_components


def maps(rng: np.random.Generator) -> list[TokenMap]:
    mixing = rng.normal(size=(9, 9))
    shapes = ((2, 7, 11), (1, 5, 3))
    return [
        TokenMap(torch.tensor(rng.normal(size=(*shape, 9)) @ mixing + 3), 8, "stages.1.out")
        for shape in shapes
    ]


def test_axes_and_variances_are_those_of_the_singular_value_decomposition(rng: np.random.Generator) -> None:
    given = maps(rng)
    found = principal_components(given, clip=0.0)
    every = np.concatenate([each.vectors.numpy().reshape(-1, 9) for each in given])
    centered = every - every.mean(axis=0)
    _, singular, axes = np.linalg.svd(centered, full_matrices=False)
    for number in range(3):
        axis = axes[number] * np.sign(axes[number][np.abs(axes[number]).argmax()])
        np.testing.assert_allclose(found.axes[number], axis, atol=1e-9)
    np.testing.assert_allclose(found.variances, singular[:3] ** 2 / len(every), rtol=1e-9)
    np.testing.assert_allclose(found.explained, singular[:3] ** 2 / (singular**2).sum(), rtol=1e-9)
    projected = centered @ found.axes.numpy().T
    both = np.concatenate([found.project(each).numpy().reshape(-1, 3) for each in given])
    np.testing.assert_allclose(both, projected, atol=1e-9)
    colors = np.concatenate([found.colors(each).numpy().reshape(-1, 3) for each in given])
    low, high = projected.min(axis=0), projected.max(axis=0)
    np.testing.assert_allclose(colors, (projected - low) / (high - low), atol=1e-6)


def test_foreground_is_one_side_of_the_first_component_and_has_axes_of_its_own(
    rng: np.random.Generator,
) -> None:
    given = maps(rng)
    plain = principal_components(given, clip=0.0)
    every = np.concatenate([each.vectors.numpy().reshape(-1, 9) for each in given])
    first = (every - every.mean(axis=0)) @ plain.axes[0].numpy()
    for side in ("above", "below"):
        found = principal_components(given, threshold=0.6, side=side, clip=0.0)
        inside = first > first.min() + 0.6 * (first.max() - first.min())
        inside = inside if side == "above" else ~inside
        marked = np.concatenate([found.foreground(each).numpy().flatten() for each in given])
        assert (marked == inside).all()
        assert 4 < inside.sum() < len(inside)
        chosen = every[inside] - every[inside].mean(axis=0)
        axis = np.linalg.svd(chosen, full_matrices=False)[2][0]
        assert abs(axis @ found.axes[0].numpy()) == pytest.approx(1.0, abs=1e-9)
        colors = np.concatenate([found.colors(each).numpy().reshape(-1, 3) for each in given])
        assert (colors[~inside] == 0).all()
        assert colors[inside].max() == pytest.approx(1.0, abs=1e-6)


def test_a_projection_of_some_frames_colors_others_alike_and_on_every_run_the_same(
    rng: np.random.Generator,
) -> None:
    given = maps(rng)
    found = principal_components(given[:1])
    again = principal_components([TokenMap(given[0].vectors.flip(1, 2), 8, "stages.1.out")])
    torch.testing.assert_close(found.axes, again.axes)  # the order of tokens plays no part, nor does the sign
    moved = TokenMap(given[0].vectors.roll(1, dims=2), 8, "stages.1.out")
    torch.testing.assert_close(found.colors(moved), found.colors(given[0]).roll(1, dims=2))
    share = float((found.colors(given[0]) == 1).double().mean())
    assert 0 < share < 0.05


def test_what_has_no_components_is_refused_in_words(rng: np.random.Generator) -> None:
    given = maps(rng)
    with pytest.raises(ValueError, match="at least one picture"):
        principal_components([])
    with pytest.raises(ValueError, match="several hook points"):
        principal_components([given[0], TokenMap(given[1].vectors, 8, "stages.2.out")])
    with pytest.raises(ValueError, match="three colors"):
        principal_components([TokenMap(given[0].vectors[..., :2], 8, "stages.1.out")])
    with pytest.raises(ValueError, match="tokens of foreground"):
        principal_components(given, threshold=1.0)
    with pytest.raises(ValueError, match="not of stages"):
        principal_components(given).colors(TokenMap(given[0].vectors, 8, "stages.2.out"))
