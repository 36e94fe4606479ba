"""Small models that the tests share."""

from __future__ import annotations

import torch

from swinviz import ModelConfig, SwinUPerNet


def tiny_config(window_size: int = 4, classes: int = 3) -> ModelConfig:
    """`ModelConfig.tiny` with numbered classes, at the scale of the published models."""
    return ModelConfig.tiny(
        tuple(f"class {k}" for k in range(classes)),
        num_heads=(1, 2, 2, 4),
        window_size=window_size,
        scale=(2048, 512),
    )


def tiny_model(window_size: int = 4, classes: int = 3, seed: int = 0) -> SwinUPerNet:
    """The model of `tiny_config` in evaluation mode, with weights large enough that attention is not flat."""
    torch.manual_seed(seed)
    model = SwinUPerNet(tiny_config(window_size, classes)).eval()
    for name, weight in model.named_parameters():
        if "qkv" in name or "bias_table" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return model
