"""Convolution by Winograd's filtering against PyTorch's own, in double precision."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from support.models import tiny_model

from swinviz.model.fast import winograd
from swinviz.model.fast.winograd import convolve_3x3, use_winograd


@pytest.fixture(scope="module", autouse=True)
def _small_ones_too() -> Iterator[None]:
    """Let models that are quick to test take the fast way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "_LEAST_PRODUCTS", 0)
        yield


needs_the_library = pytest.mark.skipif(not winograd._is_there(), reason="this PyTorch has no NNPACK")


@needs_the_library
@given(st.integers(28, 60), st.integers(28, 60), st.integers(1, 3), st.integers(1, 40), st.booleans())
def test_equals_the_plain_convolution_at_any_size(
    height: int, width: int, batch: int, channels: int, channels_last: bool
) -> None:
    x, weight, bias = (
        torch.randn(batch, channels, height, width),
        torch.randn(5, channels, 3, 3),
        torch.randn(5),
    )
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    assert use_winograd(x, weight)
    found = convolve_3x3(x, weight, bias)
    assert found.dtype is torch.float32
    assert (found - exact).abs().max() < 1e-4 * exact.abs().max()


@needs_the_library
def test_gradients_flow_as_through_the_plain_convolution() -> None:
    x, weight = torch.randn(1, 4, 30, 33), torch.randn(6, 4, 3, 3)
    found = []
    for convolve in (convolve_3x3, lambda x, weight: F.conv2d(x, weight, padding=1)):
        leaf = x.clone().requires_grad_()
        convolve(leaf, weight).square().sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found, atol=1e-2, rtol=1e-4)


@needs_the_library
def test_bfloat16_stays_bfloat16_and_loses_no_more_than_its_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)  # which would take the plain way
    x, weight = torch.randn(1, 16, 32, 32).bfloat16(), torch.randn(8, 16, 3, 3).bfloat16()
    bias = 20 * torch.randn(8).bfloat16()
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    assert use_winograd(x, weight)
    found = convolve_3x3(x, weight, bias)
    assert found.dtype is torch.bfloat16
    assert (found - exact).abs().max() < 2**-7 * exact.abs().max()


@pytest.mark.parametrize("there", [True, False])
def test_small_maps_other_types_and_machines_without_it_take_the_plain_way(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr(winograd, "_is_there", lambda: there)
    cases = [torch.randn(1, 4, 27, 28), torch.randn(1, 4, 64, 64, dtype=torch.float64)]
    cases += [] if there else [torch.randn(1, 4, 64, 64)]
    for x in cases:
        weight = torch.randn(4, 4, 3, 3, dtype=x.dtype)
        assert not use_winograd(x, weight)
        assert torch.equal(convolve_3x3(x, weight), F.conv2d(x, weight, padding=1))


@needs_the_library
def test_few_products_are_computed_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "_LEAST_PRODUCTS", 1e9)
    x, narrow = torch.empty(1, 64, 64, 64), torch.empty(64, 64, 3, 3)
    wide = torch.empty(512, 64, 3, 3)
    assert [use_winograd(x, weight) for weight in (narrow, wide)] == [False, True]


@needs_the_library
def test_only_the_copy_for_inference_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr(
        torch,
        "_nnpack_spatial_convolution",
        lambda x, *rest, padding: used.append(x) or F.conv2d(x, *rest, padding=1),
    )
    model, images = tiny_model(7), torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        model(images)
        assert not used
        model.for_inference()(images)
    assert used
