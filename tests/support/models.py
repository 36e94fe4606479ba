"""Small models that the tests share."""

from __future__ import annotations

import torch

from swinviz import HeadConfig, ModelConfig, SwinConfig, SwinUPerNet


def tiny_config(window_size: int = 4, classes: int = 3) -> ModelConfig:
    """A model of two blocks a stage, so that every stage has a shifted one, and a few thousand weights."""
    backbone = SwinConfig(embed_dim=8, depths=(2, 2, 2, 2), num_heads=(1, 2, 2, 4), window_size=window_size)
    return ModelConfig(
        tuple(f"class {k}" for k in range(classes)),
        backbone=backbone,
        head=HeadConfig(channels=8, aux_channels=4),
    )


def tiny_model(window_size: int = 4, classes: int = 3, seed: int = 0) -> SwinUPerNet:
    """The model of `tiny_config` in evaluation mode, with weights large enough that attention is not flat."""
    torch.manual_seed(seed)
    model = SwinUPerNet(tiny_config(window_size, classes)).eval()
    for name, weight in model.named_parameters():
        if "qkv" in name or "bias_table" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return model
