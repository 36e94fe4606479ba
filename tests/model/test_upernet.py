"""The heads: what the fixture cannot show by itself (shares, training, messages)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from support.models import tiny_model
from torch import nn

from swinviz import HeadConfig, capture
from swinviz.model.upernet import FCNHead, UPerHead


@pytest.mark.parametrize("size", [(64, 64), (45, 70), (1, 1), (130, 33)])
def test_the_shares_of_the_levels_add_up_to_the_fusion_convolution(size: tuple[int, int]) -> None:
    model = tiny_model()
    with torch.no_grad():
        features = model.features(torch.randn(2, 3, *size))
        together = model.decode(features)
        with capture(model, "head.fusion.*") as seen:
            apart = model.decode(features)
    assert len(seen) == 4
    torch.testing.assert_close(apart, together, atol=1e-5, rtol=1e-5)
    fusion = model.head.fusion
    by_hand = F.relu(fusion.bn(sum(seen[f"head.fusion.{level}"] for level in range(4))))
    with torch.no_grad(), capture(model, "head.fusion") as whole:
        model.decode(features)
    torch.testing.assert_close(whole["head.fusion"], by_hand, atol=1e-5, rtol=1e-5)


def test_both_heads_normalize_by_batch_with_mmsegmentations_momentum_and_epsilon() -> None:
    # PyTorch's and mmsegmentation's default: momentum 0.1 (share of the new batch), epsilon 1e-5.
    norms = [module for module in tiny_model().modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 4 + 1 + 3 + 3 + 1 + 1
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.1, 1e-5)}


def test_running_statistics_move_a_tenth_towards_each_batch() -> None:
    model = tiny_model().train()
    block = model.head.lateral[0]
    x = torch.randn(2, 8, 5, 6)
    with torch.no_grad():
        block(x)
        values = F.conv2d(x, block.conv.weight)
    mean, variance = values.mean((0, 2, 3)), values.var((0, 2, 3), unbiased=True)
    torch.testing.assert_close(block.bn.running_mean, 0.1 * mean)
    torch.testing.assert_close(block.bn.running_var, 0.9 + 0.1 * variance)


def test_training_with_one_image_says_why_it_cannot_be_and_what_to_do() -> None:
    model = tiny_model().train()
    with pytest.raises(ValueError, match="batch of at least 2"):
        model(torch.randn(1, 3, 64, 64))
    model.eval()(torch.randn(1, 3, 64, 64))


def test_training_with_one_image_is_possible_without_the_1x1_pooling() -> None:
    head = UPerHead((4, 8), 3, HeadConfig(channels=4, pool_scales=(2,))).train()
    logits = head([torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)])
    assert logits.shape == (1, 3, 8, 8)


@pytest.mark.parametrize("changes", [{"channels": 0}, {"aux_channels": -1}, {"pool_scales": (1, 0)}])
def test_a_head_that_cannot_be_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="choose a whole number"):
        HeadConfig(**changes)


def test_fresh_heads_start_as_mmsegmentations() -> None:
    """Standard deviations by hand: He's sqrt(2 / (k * k * out channels)), classifiers 0.01, biases 0."""
    torch.manual_seed(0)
    head = UPerHead((96, 192, 384, 768), 150, HeadConfig())
    aux = FCNHead(384, 150, HeadConfig())
    expected = {
        "ppm.0.conv": (2 / 512) ** 0.5,
        "bottleneck.conv": (2 / (9 * 512)) ** 0.5,
        "lateral.1.conv": (2 / 512) ** 0.5,
        "fpn.2.conv": (2 / (9 * 512)) ** 0.5,
        "fusion.conv": (2 / (9 * 512)) ** 0.5,
        "classifier": 0.01,
    }
    for name, deviation in expected.items():
        assert head.get_submodule(name).weight.std().item() == pytest.approx(deviation, rel=0.02), name
    assert aux.conv.conv.weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)
    assert aux.classifier.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not head.classifier.bias.any()
    assert not aux.classifier.bias.any()
    assert (head.fusion.bn.weight == 1).all()
    assert not head.fusion.bn.bias.any()
