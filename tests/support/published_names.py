"""State dicts as other publishers write them, spelled out independently of swinviz.checkpoints.keys."""

from __future__ import annotations

import torch
from torch import Tensor

EMBED, DEPTHS, HEADS = 8, (2, 1, 2, 1), (1, 2, 2, 4)


def official_backbone(window_size: int = 7, seed: int = 0) -> dict[str, Tensor]:
    """Tensors that microsoft/Swin-Transformer saves as `model`, ImageNet's classifier and all."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (EMBED, 3, 4, 4),
        "patch_embed.proj.bias": (EMBED,),
        "patch_embed.norm.weight": (EMBED,),
        "patch_embed.norm.bias": (EMBED,),
    }
    for stage, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
        width = EMBED * 2**stage
        for block in range(depth):
            start = f"layers.{stage}.blocks.{block}"
            shapes |= {
                f"{start}.norm1.weight": (width,),
                f"{start}.norm1.bias": (width,),
                f"{start}.attn.relative_position_bias_table": ((2 * window_size - 1) ** 2, heads),
                f"{start}.attn.relative_position_index": (window_size**2, window_size**2),
                f"{start}.attn.qkv.weight": (3 * width, width),
                f"{start}.attn.qkv.bias": (3 * width,),
                f"{start}.attn.proj.weight": (width, width),
                f"{start}.attn.proj.bias": (width,),
                f"{start}.norm2.weight": (width,),
                f"{start}.norm2.bias": (width,),
                f"{start}.mlp.fc1.weight": (4 * width, width),
                f"{start}.mlp.fc1.bias": (4 * width,),
                f"{start}.mlp.fc2.weight": (width, 4 * width),
                f"{start}.mlp.fc2.bias": (width,),
            }
            if block % 2:
                shapes[f"{start}.attn_mask"] = (4, window_size**2, window_size**2)
        if stage < 3:
            shapes |= {
                f"layers.{stage}.downsample.reduction.weight": (2 * width, 4 * width),
                f"layers.{stage}.downsample.norm.weight": (4 * width,),
                f"layers.{stage}.downsample.norm.bias": (4 * width,),
            }
    last = EMBED * 8
    shapes |= {"norm.weight": (last,), "norm.bias": (last,), "head.weight": (10, last), "head.bias": (10,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def timm_backbone(window_size: int = 7) -> dict[str, Tensor]:
    """The same as timm 0.9 and later name it: merging opens a stage, and the classifier is a module."""
    renamed = {}
    for name, tensor in official_backbone(window_size).items():
        if "downsample" in name:
            stage = int(name.split(".")[1])
            name = name.replace(f"layers.{stage}.", f"layers.{stage + 1}.")
        renamed[name.replace("head.", "head.fc.")] = tensor
    return renamed
