"""mmsegmentation's model with the same weights, to be measured beside ours where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import types
import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from swinviz.benchmark.measurement import Run
from swinviz.errors import SwinvizError
from swinviz.segmenter import SwinUPerNet

__all__ = ["mmsegmentation_run", "to_mmsegmentation"]

_RULES = (
    (r"^backbone\.patch_embed\.proj\.", "backbone.patch_embed.projection."),
    (r"^backbone\.norms\.(\d)\.", r"backbone.norm\1."),
    (r"\.attn\.", ".attn.w_msa."),
    (r"\.mlp\.fc1\.", ".ffn.layers.0.0."),
    (r"\.mlp\.fc2\.", ".ffn.layers.1."),
    (r"^head\.ppm\.(\d+)\.", r"decode_head.psp_modules.\1.1."),
    (r"^head\.lateral\.", "decode_head.lateral_convs."),
    (r"^head\.fpn\.", "decode_head.fpn_convs."),
    (r"^head\.fusion\.", "decode_head.fpn_bottleneck."),
    (r"^head\.classifier\.", "decode_head.conv_seg."),
    (r"^head\.", "decode_head."),
    (r"^aux\.conv\.", "auxiliary_head.convs.0."),
    (r"^aux\.classifier\.", "auxiliary_head.conv_seg."),
)


def mmsegmentation_run(model: SwinUPerNet, images: Tensor) -> Run | None:
    """Make a forward pass of mmsegmentation's model with the same weights; None where it is not installed.

    Args:
        model: ours, in evaluation mode.
        images: (B, 3, H, W), what it shall segment; a turn gives logits (B, K, H, W).

    Raises:
        SwinvizError: it is installed, but cannot be imported or built.
    """
    if not all(importlib.util.find_spec(name) for name in ("mmseg", "mmcv", "mmengine")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = _build(model)
    except Exception as error:  # of four packages, each with its own ways to fail
        raise SwinvizError(
            f"mmsegmentation is installed but does not build ({type(error).__name__}: {error}): "
            "install 1.2.2 with mmcv-lite 2.1.0, or use --no-baseline."
        ) from error
    theirs.load_state_dict(to_mmsegmentation(model.state_dict()), strict=False)
    theirs.to(model.device).eval()
    metas = [{"img_shape": tuple(images.shape[-2:])}] * len(images)
    return lambda: theirs.encode_decode(images, metas)


def to_mmsegmentation(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a state dict mmsegmentation's names, and its order of patch merging."""
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in _RULES:
            name = re.sub(pattern, replacement, name)
        if ".downsample." in name:  # ours is (column, row, channel), that of nn.Unfold (channel, row, column)
            tensor = tensor.reshape(*tensor.shape[:-1], 2, 2, -1).transpose(-3, -1).flatten(-3)
        renamed[name] = tensor
    return renamed


class _CompiledParts(types.ModuleType):
    """Stand-in for what mmcv-lite lacks and a Swin-UPerNet does not need: every name is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _build(model: SwinUPerNet) -> Any:
    try:
        importlib.import_module("mmcv.ops")
    except ImportError:
        sys.modules["mmcv.ops"] = _CompiledParts("mmcv.ops")
    importlib.import_module("mmseg.utils").register_all_modules()
    backbone, head = model.config.backbone, model.config.head
    common = {
        "num_classes": model.config.num_classes,
        "norm_cfg": {"type": "BN"},
        "align_corners": False,
        "loss_decode": {"type": "CrossEntropyLoss", "avg_non_ignore": True},
    }
    config: dict[str, Any] = {
        "type": "EncoderDecoder",
        "backbone": {
            "type": "SwinTransformer",
            "embed_dims": backbone.embed_dim,
            "depths": backbone.depths,
            "num_heads": backbone.num_heads,
            "window_size": backbone.window_size,
            "mlp_ratio": backbone.mlp_ratio,
            "norm_cfg": {"type": "LN"},
        },
        "decode_head": {
            "type": "UPerHead",
            "in_channels": list(backbone.channels),
            "in_index": list(range(len(backbone.channels))),
            "pool_scales": head.pool_scales,
            "channels": head.channels,
            **common,
        },
        "test_cfg": {"mode": "whole"},
    }
    return importlib.import_module("mmseg.registry").MODELS.build(config)
