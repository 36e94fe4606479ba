"""The factored convolution of an upsampled map against PyTorch's own convolution of it."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from support.models import tiny_model

from swinviz import load
from swinviz.model.fast import accelerate, fusion
from swinviz.model.fast.attention import FusedAttention
from swinviz.model.fast.fusion import LowResFusion, WinogradFusion, conv_upsampled, use_conv_upsampled
from swinviz.model.swin import WindowAttention
from swinviz.model.upernet import Fusion
from swinviz.presets import build

sides = st.integers(1, 24)


def directly(x: torch.Tensor, weight: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    larger = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    return F.conv2d(larger, weight, padding=1)


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


@pytest.mark.parametrize("window_size", [4, 7])
@pytest.mark.parametrize("size", [(64, 96), (45, 70), (1, 1), (119, 33)])
def test_the_accelerated_model_equals_the_plain_one_and_so_do_its_gradients(
    window_size: int, size: tuple[int, int]
) -> None:
    plain = tiny_model(window_size)
    fast = accelerate(copy.deepcopy(plain))
    assert type(fast.head.fusion) is LowResFusion
    assert type(fast.backbone.stages[0].blocks[0].attn) is FusedAttention
    assert type(plain.head.fusion) is Fusion
    assert type(plain.backbone.stages[0].blocks[0].attn) is WindowAttention
    images = torch.randn(3, 3, *size)
    expected, found = plain(images), fast(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    expected.square().mean().backward()
    found.square().mean().backward()
    theirs = dict(plain.named_parameters())
    for name, weight in fast.named_parameters():
        if weight.grad is not None:
            torch.testing.assert_close(weight.grad, theirs[name].grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("use", [False, True])
def test_the_fusion_equals_the_plain_one_whichever_way_is_taken(
    use: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "use_conv_upsampled", lambda level, *_: use and level.shape[-1] < 18)
    plain = Fusion(6, 3).eval()
    fast = copy.deepcopy(plain)
    fast.__class__ = LowResFusion
    levels = [torch.randn(2, 6, *size) for size in ((13, 18), (7, 9), (4, 5))]
    with torch.no_grad():
        torch.testing.assert_close(fast(levels), plain(levels), atol=1e-5, rtol=1e-5)


def test_only_what_loads_is_accelerated_and_the_plain_model_is_plain() -> None:
    assert type(load("nano").head.fusion) is LowResFusion
    assert type(build("swin-t").backbone.stages[3].blocks[1].attn) is FusedAttention
    assert type(load("nano").for_inference().head.fusion) is WinogradFusion
