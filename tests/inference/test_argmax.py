"""The labels' decision in blocks of rows equals plain interpolation, in little memory whatever the shape."""

from __future__ import annotations

import time

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from support.fuzzing import limited_memory
from torch import Tensor

from swinviz.inference import argmax
from swinviz.inference.argmax import Prediction, argmax_upsampled


def plain(prediction: Prediction, size: tuple[int, int]) -> Tensor:
    """Probabilities at full size: (K, H, W)."""
    logits = prediction.logits
    for step in (prediction.size, size):
        logits = F.interpolate(logits, size=step, mode="bilinear", align_corners=False)
    return logits[0].softmax(dim=0)


edges = st.integers(1, 60)


@given(
    coarse=st.tuples(edges, edges), resized=st.tuples(edges, edges), size=st.tuples(edges, edges), seed=edges
)
def test_blocks_of_every_shape_agree_with_plain_interpolation(
    coarse: tuple[int, int], resized: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # So little that a block is a row or a few.
        patch.setattr(argmax, "_BLOCK_ON_CPU", 500)
        patch.setattr(argmax, "_MOST_ROWS", 7)
        logits = torch.randn(1, 3, *coarse, generator=torch.Generator().manual_seed(seed))
        labels, scores = argmax_upsampled([Prediction(logits, resized)], size)
    expected = plain(Prediction(logits, resized), size)
    assert torch.allclose(scores, expected.amax(dim=0), atol=1e-5)
    chosen = expected.gather(0, labels[None].long())[0]
    assert torch.allclose(chosen, expected.amax(dim=0), atol=1e-5)  # a tie may fall either way


@pytest.mark.parametrize(("height", "resized"), [(40_000, 20_000), (24_000, 24_000)])
def test_a_tall_image_takes_little_memory(height: int, resized: int) -> None:
    logits = torch.randn(1, 2, resized // 4, 1)
    with limited_memory(gigabytes=0.4):  # its matrix alone would take 0.8 and 0.6 GB
        labels, _ = argmax_upsampled([Prediction(logits, (resized, 1))], (height, 1))
    expected = plain(Prediction(logits, (resized, 1)), (height, 1))
    assert (labels == expected.argmax(dim=0)).float().mean() > 0.999


def test_a_strip_takes_no_longer_than_its_pixels() -> None:
    """The matrix was made from scratch for each block: 30 s of a core."""
    logits = torch.randn(1, 18, 25_000, 1)
    started = time.process_time()
    argmax_upsampled([Prediction(logits, (100_000, 1))], (100_000, 1))
    assert time.process_time() - started < 3
