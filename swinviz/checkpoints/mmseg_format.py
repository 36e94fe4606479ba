"""Models for people who use mmsegmentation: a `.pth` with its names, and the configuration that builds it.

The file also carries our own configuration, so that `load` reads it back with palette, scale and threshold.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swinviz.checkpoints.metadata import METADATA_KEY, encode_config
from swinviz.errors import CheckpointError
from swinviz.files import replacing
from swinviz.images import MEAN, STD
from swinviz.model.config import ModelConfig
from swinviz.model.geometry import relative_position_index
from swinviz.segmenter import SwinUPerNet

__all__ = ["HEAD_RULES", "to_mmsegmentation"]

HEAD_RULES = (
    (r"^head\.ppm\.(\d+)\.", r"decode_head.psp_modules.\1.1."),
    (r"^head\.lateral\.", "decode_head.lateral_convs."),
    (r"^head\.fpn\.", "decode_head.fpn_convs."),
    (r"^head\.fusion\.", "decode_head.fpn_bottleneck."),
    (r"^head\.", "decode_head."),
    (r"^aux\.conv\.", "auxiliary_head.convs.0."),
    (r"^aux\.", "auxiliary_head."),
)
"""From our names of the heads to mmsegmentation's, which transformers took over."""

_RULES = (
    (r"^backbone\.patch_embed\.proj\.", "backbone.patch_embed.projection."),
    (r"^backbone\.norms\.(\d+)\.", r"backbone.norm\1."),
    (r"\.attn\.", ".attn.w_msa."),
    (r"\.mlp\.fc1\.", ".ffn.layers.0.0."),
    (r"\.mlp\.fc2\.", ".ffn.layers.1."),
    *HEAD_RULES,
    (r"_head\.classifier\.", "_head.conv_seg."),
)


def to_mmsegmentation(model: SwinUPerNet, path: str | os.PathLike[str]) -> Path:
    """Write a model as mmsegmentation has it: names, order of patch merging, classes, and configuration.

    Args:
        model: any model whose windows are shifted.
        path: where to, ending in `.pth`; an older file of that name is replaced in one step.

    Returns:
        The path that was written. Its `meta["cfg"]` is the configuration, as mmengine reads it.

    Raises:
        CheckpointError: another suffix than `.pth`, or windows that are never shifted.
        OSError: the folder is missing, full, or not writable.

    Source:
        mmsegmentation 1.2.2, mmseg/models/backbones/swin.py and decode_heads/uper_head.py.
    """
    path = Path(path)
    if path.suffix != ".pth":
        raise CheckpointError(
            f"mmsegmentation's models are .pth files, not {path.name}: give it that suffix."
        )
    if not model.config.backbone.shifted:
        raise CheckpointError(
            "The model never shifts its windows, which mmsegmentation cannot be told: "
            "save the model as .safetensors instead."
        )
    named = {
        "classes": list(model.config.classes),
        "palette": [list(color) for color in model.config.palette],
    }
    meta = {
        "cfg": _configuration(model.config),
        "dataset_meta": named,  # of version 1.x
        "CLASSES": named["classes"],  # of 0.x
        "PALETTE": named["palette"],
        METADATA_KEY: encode_config(model.config),
    }
    tensors = {name: tensor.cpu() for name, tensor in _tensors(model).items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"meta": meta, "state_dict": tensors}, file)
    return path


def _tensors(model: SwinUPerNet) -> dict[str, Tensor]:
    """Rename a state dict, unfold patch merging, and add the tables that mmsegmentation stores too."""
    tensors: dict[str, Tensor] = {}
    index = relative_position_index(model.config.backbone.window_size)
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach()
        if ".downsample." in name:
            # Ours lists the channels of each of the 2 x 2 offsets, column by column; nn.Unfold's order is
            # (channel, row, column).
            tensor = tensor.unflatten(-1, (2, 2, -1)).transpose(-3, -1).flatten(-3)
        renamed = name
        for pattern, replacement in _RULES:
            renamed = re.sub(pattern, replacement, renamed)
        tensors[renamed] = tensor.clone().contiguous()
        if renamed.endswith(".relative_position_bias_table"):
            tensors[renamed.replace("bias_table", "index")] = index.clone()
    return tensors


def _configuration(config: ModelConfig) -> str:
    """Python code from which mmengine's Config builds the model."""
    backbone, head = config.backbone, config.head
    stages = len(backbone.depths)
    common: dict[str, Any] = {
        "num_classes": config.num_classes,
        "dropout_ratio": head.dropout,
        "norm_cfg": {"type": "BN", "requires_grad": True},
        "align_corners": False,
    }
    loss = {"type": "CrossEntropyLoss", "use_sigmoid": False}
    model: dict[str, Any] = {
        "type": "EncoderDecoder",
        "data_preprocessor": {
            "type": "SegDataPreProcessor",
            "mean": list(MEAN),
            "std": list(STD),
            "bgr_to_rgb": True,
            "pad_val": 0,
            "seg_pad_val": 255,
        },
        "backbone": {
            "type": "SwinTransformer",
            "embed_dims": backbone.embed_dim,
            "depths": backbone.depths,
            "num_heads": backbone.num_heads,
            "window_size": backbone.window_size,
            "mlp_ratio": backbone.mlp_ratio,
            "drop_path_rate": backbone.drop_path_rate,
            "out_indices": tuple(range(stages)),
        },
        "decode_head": {
            "type": "UPerHead",
            "in_channels": list(backbone.channels),
            "in_index": list(range(stages)),
            "pool_scales": head.pool_scales,
            "channels": head.channels,
            "loss_decode": {**loss, "loss_weight": 1.0},
            **common,
        },
        "train_cfg": {},
        "test_cfg": {"mode": "whole"},
    }
    if head.aux_channels:
        model["auxiliary_head"] = {
            "type": "FCNHead",
            "in_channels": backbone.channels[head.aux_stage],
            "in_index": head.aux_stage,
            "channels": head.aux_channels,
            "num_convs": 1,
            "concat_input": False,
            "loss_decode": {**loss, "loss_weight": 0.4},
            **common,
        }
    return f"model = {model!r}\n"
