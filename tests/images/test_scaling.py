"""Sizes, resizing and normalizing equal what the published models were evaluated with."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.image_files import RGB, one_sentence

from swinviz.errors import ImageError
from swinviz.images import MEAN, STD, denormalize, keep_ratio_size, normalize, resize

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(old=sizes, new=sizes, seed=st.integers(0, 2**32 - 1))
def test_resize_equals_opencv_within_a_gray_level(
    old: tuple[int, int], new: tuple[int, int], seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*old, 3), dtype=np.uint8)
    peer = cv2.resize(image, new[::-1], interpolation=cv2.INTER_LINEAR)
    assert np.abs(resize(image, new).astype(int) - peer).max() <= 1


def test_resize_rounds_to_the_nearest_level() -> None:
    edge = np.repeat(
        np.array([[[0], [255]]], np.uint8), 3, axis=2
    )  # new pixels lie a quarter and three quarters in
    assert resize(edge, (1, 4))[0, :, 0].tolist() == [0, 64, 191, 255]  # 0, 63.75, 191.25, 255


def test_resize_shrinks_without_antialias() -> None:
    stripes = np.zeros((4, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, (4, 80))[0, :, 0].astype(int) - stripes[0, 2::5, 0]).max() == 0
    assert resize(stripes, (4, 80)).flags.c_contiguous


def test_resize_takes_a_read_only_image(picture: RGB) -> None:
    picture.flags.writeable = False
    assert resize(picture, (5, 7)).tolist() == picture.tolist()
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
