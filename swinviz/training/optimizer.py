"""AdamW over the recipe's parameter groups: which weights decay, which learn slower, which not at all."""

from __future__ import annotations

import re

import torch
from torch import nn

from swinviz.segmenter import SwinUPerNet
from swinviz.training.recipe import Recipe

__all__ = ["freeze_stages", "layer_number", "make_optimizer", "parameter_groups"]

_UNDECAYED = ("norm", "relative_position_bias_table", "absolute_pos_embed")


def parameter_groups(
    model: nn.Module, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, object]]:
    """Split the parameters that are trained into those that decay and those that do not, layer by layer.

    Backbone parameters whose names hold `norm`, `relative_position_bias_table` or `absolute_pos_embed` do not
    decay. The heads' batch normalization does: its name holds `bn`, and the published recipe left it so.

    Args:
        model: whose parameters.
        weight_decay: AdamW's for those that decay, at least 0.
        layer_decay: factor of the rate from each block to the one before it; 1 for one rate everywhere.

    Returns:
        Groups for AdamW, each with the `names` of its `params` and the `lr_scale` (0..1) of its rate; two of
        them where there is one rate.

    Raises:
        ValueError: layers learn at rates of their own, but the model is no `SwinUPerNet`.
    """
    if layer_decay != 1 and not isinstance(model, SwinUPerNet):
        raise ValueError("layer_decay needs a SwinUPerNet, whose blocks it can count: leave it at 1.")
    groups: dict[tuple[int, bool], dict[str, nn.Parameter]] = {}
    last = 0
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        spared = name.startswith("backbone.") and any(part in name for part in _UNDECAYED)
        number = 0
        if layer_decay != 1 and isinstance(model, SwinUPerNet):
            number = layer_number(name, model.config.backbone.depths)
            last = max(last, number)
        groups.setdefault((number, spared), {})[name] = parameter
    return [
        {
            "params": list(group.values()),
            "names": list(group),
            "weight_decay": 0.0 if spared else weight_decay,
            "lr_scale": layer_decay ** (last - number),
        }
        for (number, spared), group in sorted(groups.items(), key=lambda item: item[0])
    ]


def layer_number(name: str, depths: tuple[int, ...]) -> int:
    """Number the layers for layer-wise decay: 0 the patch embedding, then the blocks, then the heads.

    A merging, and the norm of a stage's output, count with the last block of the stage before them.

    Args:
        name: of a parameter.
        depths: blocks in each stage.

    Source: SimMIM, utils.py, get_swin_layer (Xie et al. 2022).

    >>> [layer_number(f"backbone.{name}", (2, 2)) for name in ("patch_embed.proj.weight", "norms.0.bias")]
    [0, 2]
    """
    if name.startswith("backbone.patch_embed."):
        return 0
    if found := re.match(r"backbone\.stages\.(\d+)\.blocks\.(\d+)\.", name):
        return sum(depths[: int(found[1])]) + int(found[2]) + 1
    if found := re.match(r"backbone\.(?:stages|norms)\.(\d+)\.", name):
        return sum(depths[: int(found[1]) + 1])
    return sum(depths) + 1


def freeze_stages(model: SwinUPerNet, count: int) -> None:
    """Stop training the patch embedding and the first `count` stages; -1 leaves everything trained.

    Their stochastic depth is off too, as mmsegmentation has it (mmseg/models/backbones/swin.py).

    Raises:
        ValueError: the backbone has fewer stages.
    """
    stages = model.backbone.stages
    if count > len(stages):
        raise ValueError(f"frozen_stages is {count}, but the backbone has {len(stages)}: choose fewer.")
    if count < 0:
        return
    for module in (model.backbone.patch_embed, *stages[:count], *model.backbone.norms[:count]):
        module.requires_grad_(False).eval()


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Make AdamW over the recipe's parameter groups; the loop sets the rate at every step."""
    groups = parameter_groups(model, recipe.weight_decay, recipe.layer_decay)
    fused = True if recipe.fused else None  # None: torch chooses
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=fused)
