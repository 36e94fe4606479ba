"""Probes against NumPy's ridge regression, and files that are probes or are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from swinviz.errors import SwinvizError
from swinviz.features import LinearProbe, ProbeSums, TokenMap, load_probe, save_probe


def test_sums_in_pieces_give_the_ridge_regression_of_the_whole(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(200, 5)) * [1, 2, 3, 0.5, 1] + 4
    labels = rng.integers(0, 3, 200)
    labels[:20] = 255
    sums = ProbeSums(5, 3)
    for piece in (slice(0, 30), slice(30, 30), slice(30, 200)):
        sums.add(torch.tensor(vectors[piece]), torch.tensor(labels[piece]))
    probe = sums.solve("stages.0.out", ("a", "b", "c"), ridge=0.1)
    known = labels < 3
    x, y = vectors[known], np.eye(3)[labels[known]]
    centered = x - x.mean(axis=0)
    penalty = 0.1 * centered.var(axis=0).mean()
    # Ridge as least squares with extra rows, one a channel, that ask for weights of 0.
    rows = np.vstack([centered / len(x) ** 0.5, penalty**0.5 * np.eye(5)])
    right = np.vstack([(y - y.mean(axis=0)) / len(x) ** 0.5, np.zeros((5, 3))])
    weight = np.linalg.lstsq(rows, right, rcond=None)[0].T
    np.testing.assert_allclose(probe.weight, weight, atol=1e-10)
    np.testing.assert_allclose(probe.bias, y.mean(axis=0) - weight @ x.mean(axis=0), atol=1e-10)


def test_scores_are_those_of_each_token_and_probabilities_sum_to_one() -> None:
    weight, bias = torch.randn(3, 4).double(), torch.randn(3).double()
    weight, bias = weight - weight.mean(dim=0), bias - bias.mean() + 1 / 3  # as least squares of indicators
    probe = LinearProbe(weight, bias, "stages.0.out", ("a", "b", "c"))
    tokens = TokenMap(torch.randn(2, 3, 5, 4), 4, "stages.0.out")
    scores = probe.scores(tokens)
    assert scores.shape == (2, 3, 3, 5)
    expected = probe.weight.numpy() @ tokens.vectors[1, 2, 4].double().numpy() + probe.bias.numpy()
    np.testing.assert_allclose(scores[1, :, 2, 4], expected, atol=1e-5)
    probabilities = probe.probabilities(tokens)
    assert probabilities.min() >= 0
    assert (probabilities.argmax(dim=1) == scores.argmax(dim=1)).all()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2, 3, 5))
    with pytest.raises(ValueError, match="the probe reads"):
        probe.scores(TokenMap(tokens.vectors, 4, "stages.1.out"))
    with pytest.raises(ValueError, match="nothing to fit"):
        ProbeSums(2, 2).solve("stages.0.out", ("a", "b"))


def test_a_probe_is_read_back_as_written_and_other_files_are_refused(tmp_path: Path) -> None:
    probe = LinearProbe(torch.randn(2, 4).double(), torch.randn(2).double(), "stages.2.out", ("größe", "b"))
    save_probe(probe, tmp_path / "probe.safetensors")
    again = load_probe(tmp_path / "probe.safetensors")
    assert torch.equal(again.weight, probe.weight)
    assert torch.equal(again.bias, probe.bias)
    assert (again.name, again.classes) == (probe.name, probe.classes)
    (tmp_path / "text").write_text("no probe")
    with pytest.raises(SwinvizError, match="holds no probe"):
        load_probe(tmp_path / "text")
    wrong = LinearProbe(torch.randn(3, 4), torch.randn(2), "stages.2.out", ("a", "b"))
    save_probe(wrong, tmp_path / "wrong")
    with pytest.raises(SwinvizError, match="do not fit"):
        load_probe(tmp_path / "wrong")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_probe(tmp_path / "missing")
