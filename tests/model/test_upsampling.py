"""The factored convolution of an upsampled map against PyTorch's own convolution of it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from swinviz.model.upsampling import add_upsampled, conv_upsampled, upsample, use_conv_upsampled

sides = st.integers(1, 24)


def directly(x: torch.Tensor, weight: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    larger = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    return F.conv2d(larger, weight, padding=1)


def test_enlarging_aligns_pixel_centers_and_not_corners() -> None:
    # Worked out by hand: centers of 4 pixels lie at 0.25, 0.75, 1.25, 1.75 over 2 whose centers are 0.5, 1.5.
    row = upsample(torch.tensor([[[[0.0, 1.0]]]]), (1, 4))
    assert row.flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


@given(sides, sides, sides, sides, st.integers(1, 3), st.booleans())
def test_the_low_resolution_form_equals_the_direct_one_at_any_size(
    height: int, width: int, tall: int, wide: int, batch: int, channels_last: bool
) -> None:
    x = torch.randn(batch, 3, height, width, dtype=torch.float64)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    rest = torch.randn(batch, 5, tall, wide, dtype=torch.float64)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x, given_rest = x.contiguous(memory_format=layout), rest.clone(memory_format=layout)
    found = conv_upsampled(x, weight, (tall, wide), add_to=given_rest)
    torch.testing.assert_close(found, rest + directly(x, weight, (tall, wide)), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("small", [(5, 7), (10, 14)])
def test_adding_an_enlarged_map_changes_neither_input(small: tuple[int, int]) -> None:
    x, y = torch.randn(2, 3, 10, 14), torch.randn(2, 3, *small)
    before = x.clone(), y.clone()
    larger = F.interpolate(y, size=(10, 14), mode="bilinear", align_corners=False)
    torch.testing.assert_close(add_upsampled(x, y), x + larger)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])


def test_gradients_equal_the_direct_forms() -> None:
    x, weight = torch.randn(2, 3, 5, 7), torch.randn(4, 3, 3, 3)
    found = []
    for form in (lambda x, w: conv_upsampled(x, w, (11, 14), torch.zeros(2, 4, 11, 14)), directly):
        leaf, kernel = x.clone().requires_grad_(), weight.clone().requires_grad_()
        form(leaf, kernel, *([(11, 14)] if form is directly else [])).square().sum().backward()
        found.append((leaf.grad, kernel.grad))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("channels", "small", "large", "expected"),
    [
        (512, 64, 128, True),  # the published head at 512x512, a quarter of the arithmetic
        (512, 16, 128, True),
        (512, 128, 128, False),  # nothing to upsample
        (8, 256, 512, False),  # a narrow model on a large map: the matrices outweigh the convolution
    ],
)
def test_the_cheaper_form_is_chosen(channels: int, small: int, large: int, expected: bool) -> None:
    x, weight = torch.empty(1, channels, small, small, device="meta"), torch.empty(channels, channels, 3, 3)
    assert use_conv_upsampled(x, weight, (large, large)) is expected


def test_a_faster_direct_convolution_is_preferred_where_little_is_saved() -> None:
    weight = torch.empty(512, 512, 3, 3, device="meta")
    sides = (64, 32, 16)
    levels = [torch.empty(1, 512, side, side, device="meta") for side in sides]
    assert [use_conv_upsampled(x, weight, (128, 128), gain=3.0) for x in levels] == [False, True, True]
