"""Sizes and normalizing equal what the published models were evaluated with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.image_files import RGB, one_sentence

from swinviz.errors import ImageError
from swinviz.images import MEAN, STD, denormalize, keep_ratio_size, normalize


def test_normalize_takes_a_read_only_image(picture: RGB) -> None:
    picture.flags.writeable = False
    assert normalize(picture).shape == (3, 5, 7)


@given(size=st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)), swap=st.booleans())
def test_keep_ratio_size_is_mmcvs(size: tuple[int, int], swap: bool) -> None:
    height, width = size
    # mmcv.image.geometric.rescale_size, written out with fractions compared instead of a minimum taken.
    long_edge_limits = 2048 * min(size) <= 512 * max(size)
    factor = 2048 / max(size) if long_edge_limits else 512 / min(size)
    expected = (max(1, int(height * factor + 0.5)), max(1, int(width * factor + 0.5)))
    assert keep_ratio_size(size, (512, 2048) if swap else (2048, 512)) == expected


def test_keep_ratio_size_of_ade20k_examples() -> None:
    # By hand: 683 x 512 -> short edge 512 already; 256 x 256 is upsampled; 300 x 3000 -> x 0.68267.
    assert keep_ratio_size((512, 683)) == (512, 683)
    assert keep_ratio_size((256, 256)) == (512, 512)
    assert keep_ratio_size((300, 3000)) == (205, 2048)
    assert keep_ratio_size((3000, 300)) == (2048, 205)
    assert keep_ratio_size((1, 5000)) == (1, 2048)


def test_normalize_is_the_published_mean_and_deviation_per_channel() -> None:
    assert MEAN == (123.675, 116.28, 103.53)
    assert STD == (58.395, 57.12, 57.375)
    image = np.array([[[0, 0, 0], [255, 128, 1]]], np.uint8)  # 1 2 3
    expected = [[[(image[0, x, c] - MEAN[c]) / STD[c] for x in range(2)]] for c in range(3)]
    assert torch.allclose(normalize(image), torch.tensor(expected, dtype=torch.float32))
    assert normalize(image).dtype == torch.float32


def test_normalize_of_a_batch_is_that_of_its_images(rng: np.random.Generator) -> None:
    batch = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    expected = torch.stack([normalize(image) for image in batch])
    assert torch.equal(normalize(batch), expected)
    assert torch.equal(normalize(torch.tensor(batch).permute(0, 3, 1, 2)), expected)
    assert np.array_equal(denormalize(expected), batch)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 5), np.uint8), np.zeros((3, 4, 5), np.uint8), torch.zeros(4, 5, 3)]
)
def test_normalize_refuses_colors_on_the_wrong_axis(wrong: Any) -> None:
    with pytest.raises(ImageError, match="give RGB as") as error:
        normalize(wrong)
    one_sentence(error)


def test_denormalize_clips() -> None:
    assert denormalize(torch.full((3, 1, 1), 99.0)).tolist() == [[[255, 255, 255]]]
    assert denormalize(torch.full((3, 1, 1), -99.0)).tolist() == [[[0, 0, 0]]]
