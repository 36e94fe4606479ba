"""The copy for inference gives the same logits, and can still be looked into."""

from __future__ import annotations

import pytest
import torch
from support.models import tiny_model
from torch import nn

from swinviz import SwinUPerNet, capture, edit


@pytest.fixture
def model() -> SwinUPerNet:
    """A model whose batch normalization is not the identity."""
    model = tiny_model(7)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return model


@pytest.mark.parametrize("size", [(64, 64), (45, 70), (1, 1), (119, 150)])
def test_the_folded_copy_gives_the_same_logits(model: SwinUPerNet, size: tuple[int, int]) -> None:
    images, folded = torch.randn(2, 3, *size), model.for_inference()
    norms = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms == ["head.fusion.bn"]  # its shares are hook points, which folding would scale
    with torch.no_grad():
        expected = model(images)
        for _ in range(2):  # the second time from the bias cache
            torch.testing.assert_close(folded(images), expected, atol=1e-4, rtol=1e-4)
        aux = model.aux(model.features(images)[2])
        torch.testing.assert_close(folded.aux(folded.features(images)[2]), aux, atol=1e-4, rtol=1e-4)


def test_the_model_itself_stays_as_it_was(model: SwinUPerNet) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.for_inference(dtype=torch.bfloat16, channels_last=True)
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert model.head.fusion.conv.weight.requires_grad


def test_sizes_do_not_mix_in_the_bias_cache(model: SwinUPerNet) -> None:
    folded = model.for_inference()
    sizes = [(64, 64), (45, 70), (70, 45), (33, 33), (90, 31), (64, 64)]
    with torch.no_grad():
        for size in sizes:
            images = torch.randn(1, 3, *size)
            torch.testing.assert_close(folded(images), model(images), atol=1e-4, rtol=1e-4)
    assert len(folded.backbone.stages[0].blocks[1].attn.bias_cache) <= 2


def test_the_fusions_shares_in_the_copy_are_the_models(model: SwinUPerNet) -> None:
    images, folded = torch.randn(2, 3, 45, 70), model.for_inference()
    with (
        torch.no_grad(),
        capture(model, "head.fusion.?") as expected,
        capture(folded, "head.fusion.?") as seen,
    ):
        logits = model(images)
        folded(images)
    for name, share in expected.items():
        torch.testing.assert_close(seen[name], share, atol=1e-4, rtol=1e-4)
    given = {name: lambda _, hook: expected[hook.name] for name in expected}
    with torch.no_grad(), edit(folded, given):
        torch.testing.assert_close(folded(images), logits, atol=1e-4, rtol=1e-4)


def test_the_copy_can_be_captured_and_edited(model: SwinUPerNet) -> None:
    images, folded = torch.randn(1, 3, 64, 64), model.for_inference()
    without_bias = {"*.attn.bias": lambda bias, hook: bias * 0}
    without_level = {"head.fusion.0": lambda share, hook: share * 0}
    with torch.no_grad():
        folded(images)  # fills the tables
        for edits in (without_bias, without_level):
            with capture(model, "*.pattern") as expected, edit(model, edits):
                logits = model(images)
            with capture(folded, "*.pattern") as seen, edit(folded, edits):
                torch.testing.assert_close(folded(images), logits, atol=1e-4, rtol=1e-4)
            for name, pattern in expected.items():
                torch.testing.assert_close(seen[name], pattern, atol=1e-5, rtol=1e-4)


def test_other_number_types_and_layouts_stay_close(model: SwinUPerNet) -> None:
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        exact = model(images)
        last = model.for_inference(channels_last=True)
        torch.testing.assert_close(last(images), exact, atol=1e-4, rtol=1e-4)
        rounded = model.for_inference(dtype=torch.bfloat16)(images.bfloat16()).float()
    assert (rounded - exact).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.slow
def test_a_compiled_copy_gives_the_same_logits_and_runs_uncompiled_for_those_who_look(
    model: SwinUPerNet,
) -> None:
    images, compiled = torch.randn(1, 3, 64, 64), model.for_inference(compile=True)
    with torch.no_grad():
        expected = model(images)
        torch.testing.assert_close(compiled(images), expected, atol=1e-4, rtol=1e-4)
        with capture(compiled, "head.logits") as seen:
            torch.testing.assert_close(compiled(images), expected, atol=1e-4, rtol=1e-4)
    assert "head.logits" in seen
    torch.compiler.reset()


def test_the_model_itself_can_be_prepared(model: SwinUPerNet) -> None:
    images = torch.randn(1, 3, 45, 70)
    with torch.no_grad():
        expected = model.for_inference()(images)
        before = {tensor.data_ptr() for tensor in model.backbone.parameters()}
        assert model.for_inference(in_place=True) is model
        assert {tensor.data_ptr() for tensor in model.backbone.parameters()} == before
        assert torch.equal(model(images), expected)
    assert not model.training
