"""Blocks whose linear layers run on the map, and every other fast path, against the plain model."""

from __future__ import annotations

import copy

import pytest
import torch
from support.models import tiny_config
from torch import Tensor

from swinviz import SwinUPerNet, capture, edit
from swinviz.model.fast import accelerate
from swinviz.model.fast.block import MapLinearBlock
from swinviz.model.swin import SwinBlock
from swinviz.model.upernet import Fusion


def pair(window_size: int = 7) -> tuple[SwinUPerNet, SwinUPerNet]:
    """A plain model, whose biases are not zero, and the same one accelerated."""
    plain = SwinUPerNet(tiny_config(window_size)).eval()
    generator = torch.Generator().manual_seed(window_size)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    fast = accelerate(copy.deepcopy(plain))
    assert type(plain.head.fusion) is Fusion
    assert any(type(module) is SwinBlock for module in plain.modules())
    assert any(type(module) is MapLinearBlock for module in fast.modules())
    return plain, fast


def close(found: Tensor, expected: Tensor) -> None:
    """Equal to 1e-4 of the largest logit, or to 1e-4."""
    torch.testing.assert_close(found, expected, atol=1e-4 * max(1.0, float(expected.abs().max())), rtol=0)


@pytest.mark.parametrize("window_size", [7, 4])
@pytest.mark.parametrize("copied", [False, True], ids=["accelerated", "for inference"])
def test_every_fast_path_is_the_plain_one_at_any_size_after_looking_inside(
    window_size: int, copied: bool
) -> None:
    plain, fast = pair(window_size)
    fast = fast.for_inference() if copied else fast
    generator = torch.Generator().manual_seed(2)
    halved = {"*.blocks.0.attn.head_out": lambda value, _: value / 2}
    with torch.no_grad():
        for _ in range(30):
            height, width = torch.randint(1, 130, (2,), generator=generator).tolist()
            images = torch.randn(3, 3, height, width, generator=generator)
            expected = plain(images)
            close(fast(images), expected)
            with capture(fast, ["*.pattern", "head.fusion.?"]):
                close(fast(images), expected)
            with edit(plain, halved), edit(fast, halved):
                edited = plain(images)
                close(fast(images), edited)
            close(fast(images), expected)  # as if nobody had looked


def test_only_the_block_that_is_looked_into_takes_the_plain_way(monkeypatch: pytest.MonkeyPatch) -> None:
    _, fast = pair()
    plainly: list[SwinBlock] = []
    forward = SwinBlock.forward
    monkeypatch.setattr(
        SwinBlock, "forward", lambda self, *rest: plainly.append(self) or forward(self, *rest)
    )
    with torch.no_grad(), capture(fast, "stages.1.blocks.0.attn.q") as seen:
        fast(torch.randn(1, 3, 50, 61))
    assert plainly == [fast.backbone.stages[1].blocks[0]]
    assert "stages.1.blocks.0.attn.q" in seen


@pytest.mark.parametrize("size", [(56, 56), (45, 70), (9, 130)])
def test_gradients_are_the_plain_models(size: tuple[int, int]) -> None:
    plain, fast = (model.double() for model in pair())
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    weights = torch.randn(*size, dtype=torch.float64)
    for model in (plain, fast):
        (model(images) * weights).sum().backward()
    for (name, expected), found in zip(plain.named_parameters(), fast.parameters(), strict=True):
        if expected.grad is not None:  # the auxiliary head has none
            scale = float(expected.grad.abs().max())
            torch.testing.assert_close(
                found.grad,
                expected.grad,
                atol=1e-8 * (1 + scale),
                rtol=1e-6,
                msg=lambda text, n=name: f"{n}: {text}",
            )


def test_padding_is_worth_no_product() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    counts = {}
    for model in pair():
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model.features(torch.randn(1, 3, 36, 36))  # 9x9 tokens in windows of 7
        counts[type(model.backbone.stages[0].blocks[0])] = counter.get_total_flops()
    assert counts[MapLinearBlock] < 0.8 * counts[SwinBlock]


def test_tables_of_one_batch_serve_no_other() -> None:
    plain, fast = pair()
    with torch.no_grad():
        for batch in (1, 3, 2, 1):
            images = torch.randn(batch, 3, 33, 40)
            close(fast(images), plain(images))
