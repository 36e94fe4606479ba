"""Rates, groups, frozen stages and clipped gradients, against torch's schedulers and worked-out formulas."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from support.models import tiny_model

from swinviz import SwinUPerNet
from swinviz.model.config import ModelConfig
from swinviz.presets import PRESETS
from swinviz.training import DistributedContext, Recipe
from swinviz.training.optimizer import freeze_stages, layer_number, make_optimizer, parameter_groups
from swinviz.training.step import TrainStep
from swinviz.training.stream import TensorSample

DEPTHS = (2, 2, 6, 2)


def scheduler(kind: str, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    if kind == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    if kind == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.PolynomialLR(optimizer, 50, power=0.9 if kind == "poly" else 1.0)


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("kind", ["linear", "poly", "cosine", "constant"])
def test_schedules_are_those_of_torch(kind: str) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = scheduler(kind, torch.optim.SGD([weight], lr=0.1))
    ours = Recipe(learning_rate=0.1, warmup_iters=0, max_iters=50, schedule=kind)
    for step in range(50):
        assert ours.lr(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9), step
        theirs.step()


def simmim(name: str, depths: tuple[int, ...]) -> int:
    """Layer of a name in the official layout, by SimMIM's description: stem 0, blocks from 1, heads last."""
    parts = name.split(".")
    if parts[0] == "patch_embed":
        return 0
    if parts[0] == "layers":
        stage = int(parts[1])
        return (
            sum(depths[: stage + 1]) if parts[2] == "downsample" else sum(depths[:stage]) + int(parts[3]) + 1
        )
    return sum(depths) + 1


def test_layers_are_numbered_as_by_simmim() -> None:
    with torch.device("meta"):
        model = SwinUPerNet(PRESETS["swin-t"].config())
    numbers = set()
    for name, _ in model.named_parameters():
        if name.startswith("backbone.norms."):
            continue  # SimMIM has one norm, behind the last block
        official = name.removeprefix("backbone.").replace("stages.", "layers.")
        number = layer_number(name, DEPTHS)
        assert number == simmim(official if name.startswith("backbone.") else "head", DEPTHS), name
        numbers.add(number)
    assert numbers == set(range(14))
    assert [layer_number(f"backbone.norms.{stage}.weight", DEPTHS) for stage in range(4)] == [2, 4, 10, 12]


def test_each_block_learns_slower_than_the_next() -> None:
    model = tiny_model()
    recipe = Recipe(layer_decay=0.5, learning_rate=1.0, warmup_iters=0, batch_size=2)
    step = TrainStep(model, recipe, DistributedContext())
    noise = TensorSample(torch.randn(2, 3, 32, 32), torch.randint(0, 3, (2, 32, 32)), "noise")
    step.run(0, iter([noise]))
    rates = {name: group["lr"] for group in step.optimizer.param_groups for name in group["names"]}
    assert rates["head.classifier.weight"] == 1.0
    blocks = sum(model.config.backbone.depths)
    assert rates["backbone.patch_embed.proj.weight"] == pytest.approx(0.5 ** (blocks + 1))
    last = len(model.config.backbone.depths) - 1
    final = f"backbone.stages.{last}.blocks.{model.config.backbone.depths[last] - 1}.mlp.fc1.weight"
    assert rates[final] == pytest.approx(0.5)
    everything = {name for name, _ in model.named_parameters()}
    assert set(rates) == everything


@pytest.mark.parametrize("count", [-1, 0, 2])
def test_frozen_stages_keep_their_weights_and_have_no_gradient(count: int) -> None:
    model = SwinUPerNet(ModelConfig.tiny(("a", "b", "c"), depths=(1, 1, 1)))
    before = copy.deepcopy(model.state_dict())
    recipe = Recipe(frozen_stages=count, learning_rate=0.1, warmup_iters=0, batch_size=2, weight_decay=0.1)
    step = TrainStep(model, recipe, DistributedContext())
    step.run(0, iter([TensorSample(torch.randn(2, 3, 32, 32), torch.randint(0, 3, (2, 32, 32)), "noise")]))
    step.train_mode()  # as after a validation
    for name, parameter in model.named_parameters():
        frozen = count >= 0 and name.startswith(
            (
                "backbone.patch_embed.",
                *(f"backbone.{kind}.{i}." for i in range(count) for kind in ("stages", "norms")),
            )
        )
        assert bool((parameter == before[name]).all()) == frozen, name
        assert (parameter.grad is None) == frozen or parameter.grad is None
    assert model.backbone.stages[1].training == (count < 2)
    assert model.head.training


def test_more_frozen_stages_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="backbone has 4"):
        freeze_stages(tiny_model(), 5)


def test_clipping_scales_all_gradients_to_the_norm() -> None:
    """AdamW's first step does not see the scale of a gradient, its moments do."""
    noise = TensorSample(torch.randn(2, 3, 32, 32), torch.randint(0, 3, (2, 32, 32)), "noise")
    moments = []
    for clip in (0.0, 1e-3):
        torch.manual_seed(0)
        step = TrainStep(tiny_model(), Recipe(clip_norm=clip, batch_size=2), DistributedContext())
        step.run(0, iter([noise]))
        states = step.optimizer.state.values()
        moments.append(math.sqrt(sum(float((state["exp_avg"] / 0.1).square().sum()) for state in states)))
    assert moments[0] > 0.01
    assert moments[1] == pytest.approx(1e-3, rel=1e-4)


def test_the_fused_kernel_takes_the_same_step() -> None:
    noise = TensorSample(torch.randn(2, 3, 32, 32), torch.randint(0, 3, (2, 32, 32)), "noise")
    after = []
    for fused in (False, True):
        torch.manual_seed(0)
        model = tiny_model()
        TrainStep(model, Recipe(fused=fused, batch_size=2), DistributedContext()).run(1499, iter([noise]))
        after.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.allclose(*after, atol=1e-7)


def test_without_layer_decay_there_are_two_groups_at_the_full_rate() -> None:
    groups = parameter_groups(tiny_model(), 0.01)
    assert [group["lr_scale"] for group in groups] == [1.0, 1.0]
    optimizer = make_optimizer(tiny_model(), Recipe())
    assert len(optimizer.param_groups) == 2


def test_a_run_goes_on_from_a_state_that_does_not_know_the_newer_options() -> None:
    from dataclasses import asdict

    from swinviz.training.state import TrainingState

    recipe = Recipe(batch_size=2)
    older = {name: value for name, value in asdict(recipe).items() if name not in ("loss", "clip_norm")}
    TrainingState(recipe, {})._load({"recipe": older}, "state")
    with pytest.raises(ValueError, match=r"clip_norm 0\.0 -> 1\.0"):
        TrainingState(Recipe(batch_size=2, clip_norm=1.0), {})._load({"recipe": older}, "state")
