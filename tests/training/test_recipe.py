"""The recipe, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from support.models import tiny_config, tiny_model

from swinviz import SwinUPerNet
from swinviz.model.swin import DropPath
from swinviz.presets import PRESETS
from swinviz.training import RECIPES, DistributedContext, Recipe
from swinviz.training.losses import pixel_loss
from swinviz.training.optimizer import parameter_groups
from swinviz.training.step import Objective, TrainStep
from swinviz.training.stream import TensorSample

# 6e-5, falling linearly to 0 at 160,000, times (during 1,500 steps) 1e-6 growing linearly to 1:
RATES = {
    0: 6e-11,  # 6e-5 * 1e-6
    1: 4.005970962525e-8,  # 6e-5 * 159999/160000 * (1 - 1499/1500 * 0.999999) = ... * 1.001499/1500
    750: 2.9859404859375e-5,  # 6e-5 * 0.9953125 * 0.5000005
    1499: 5.93982497896252e-5,  # 6e-5 * 158501/160000 * (1 - 0.999999/1500) = 5.9437875e-5 * 0.999333334
    1500: 5.94375e-5,  # 6e-5 * 158500/160000
    1501: 5.9437125e-5,  # 6e-5 * 158499/160000
    80_000: 3e-5,
    159_999: 3.75e-10,  # 6e-5 / 160000
}


@pytest.mark.parametrize(("step", "lr"), RATES.items())
def test_rate_at_a_step_is_the_published_one(step: int, lr: float) -> None:
    assert Recipe().lr(step) == pytest.approx(lr, rel=1e-12)


def test_defaults_are_the_published_recipe() -> None:
    recipe = RECIPES["published"]
    assert (recipe.learning_rate, recipe.betas, recipe.weight_decay) == (6e-5, (0.9, 0.999), 0.01)
    assert (recipe.max_iters, recipe.batch_size, recipe.aux_weight) == (160_000, 16, 0.4)
    assert (recipe.gradient_accumulation_steps, recipe.precision, recipe.ema_decay) == (1, "float32", 0.0)


def test_norms_and_bias_tables_of_the_backbone_alone_escape_decay() -> None:
    with torch.device("meta"):
        model = SwinUPerNet(PRESETS["swin-t"].config())
    decayed, spared = parameter_groups(model, 0.01)
    # 12 blocks of norm1, norm2 (weight, bias) and a table; norms of stem, 3 mergings and 4 outputs.
    assert len(spared["names"]) == 12 * 5 + 2 * (1 + 3 + 4)
    assert spared["weight_decay"] == 0.0
    assert decayed["weight_decay"] == 0.01
    # 12 blocks of qkv, proj, fc1, fc2 (weight, bias), stem (weight, bias), 3 reductions;
    # 4 + 1 + 3 + 3 + 1 + 1 blocks of the heads (convolution, BN weight and bias), 2 classifiers.
    assert len(decayed["names"]) == 12 * 8 + 2 + 3 + 13 * 3 + 2 * 2
    assert "head.fusion.bn.weight" in decayed["names"]
    assert "backbone.stages.0.blocks.0.attn.relative_position_bias_table" in spared["names"]


def test_every_parameter_is_in_exactly_one_group() -> None:
    model = tiny_model()
    grouped = [id(p) for group in parameter_groups(model, 0.01) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


def test_loss_is_the_mean_over_all_pixels_where_ignored_ones_count_nothing() -> None:
    logits = torch.tensor([0.0, math.log(3)]).view(1, 2, 1, 1).expand(1, 2, 1, 4)  # probabilities 1/4, 3/4
    labels = torch.tensor([[[0, 1, 255, 255]]])
    assert float(pixel_loss(logits, labels)) == pytest.approx((math.log(4) + math.log(4 / 3)) / 4)


def test_loss_without_any_label_is_zero_not_nan() -> None:
    assert float(pixel_loss(torch.randn(1, 2, 1, 4), torch.full((1, 1, 4), 255))) == 0.0


@pytest.mark.parametrize("step", RATES)
def test_auxiliary_head_counts_two_fifths_at_every_step(step: int) -> None:
    model = tiny_model(classes=5)
    with torch.no_grad():
        for classifier in (model.head.classifier, model.aux.classifier):
            classifier.weight.zero_()
            classifier.bias.zero_()
    labels = torch.randint(0, 5, (2, 32, 32))
    sample = TensorSample(torch.randn(2, 3, 32, 32), labels, "noise")
    train_step = TrainStep(model, Recipe(aux_weight=0.4, batch_size=2), DistributedContext())
    # Equal logits: the loss is ln 5 for each head, (1 + 0.4) ln 5 in all.
    assert train_step.run(step, iter([sample])).loss == pytest.approx(1.4 * math.log(5), rel=1e-6)


def test_first_step_moves_each_weight_as_adamw_does_by_hand() -> None:
    config = tiny_config()
    model = SwinUPerNet(config).train()
    for module in model.modules():  # no chance in the gradients
        if isinstance(module, DropPath):
            module.rate = 0.0
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    images, labels = torch.randn(2, 3, 32, 32), torch.randint(0, 3, (2, 32, 32))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss, _ = Objective(model, 0.4)(images, labels)
    gradients = dict(zip(before, torch.autograd.grad(loss, list(model.parameters())), strict=True))
    recipe = Recipe(batch_size=2, learning_rate=1e-2, weight_decay=0.1, warmup_iters=10, max_iters=100)
    TrainStep(model, recipe, DistributedContext()).run(5, iter([TensorSample(images, labels, "noise")]))
    rate = 1e-2 * 0.95 * 0.5000005
    for name, parameter in model.named_parameters():
        spared = name.startswith("backbone") and ("norm" in name or "bias_table" in name)
        g = gradients[name]
        expected = before[name] * (1 - rate * (0.0 if spared else 0.1)) - rate * g / (g.abs() + 1e-8)
        # Where a gradient is rounding noise (the key's bias cannot change a softmax) its sign is chance.
        certain = g.abs() > 1e-6
        assert torch.allclose(parameter[certain], expected[certain], atol=1e-5), name


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch_size": 1}, "at least 2"),
        ({"batch_size": 16, "gradient_accumulation_steps": 3}, "does not divide into 3 parts"),
        ({"precision": "int8"}, "bfloat16"),
        ({"max_iters": 0}, "at least 1"),
        ({"ema_decay": 1.0}, "below|not including"),
    ],
)
def test_recipe_that_cannot_be_trained_says_which_number_to_change(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Recipe(**changes)
