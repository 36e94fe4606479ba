"""Files as mmsegmentation writes them for other options than the published ones, and its figures for them.

No weights are stored: they are drawn from a seed, name by name, the same here and where mmsegmentation ran.
Run as a program, where mmsegmentation 1.2.2 and mmcv-lite 2.1.0 are installed, this file writes the figures
to tests/fixtures/mmseg_options.npz.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FIGURES = Path(__file__).parents[1] / "fixtures" / "mmseg_options.npz"
EMBED, DEPTHS, HEADS, WIDTH = 12, (2, 1, 2, 1), (1, 2, 3, 6), 8


@dataclass(frozen=True)
class Options:
    """Settings of a configuration of mmsegmentation; the rest is as published, but narrow.

    Attributes:
        classes: number of classes.
        window_size: side of a window.
        auxiliary: whether there is an auxiliary head.
        pool_scales: sides of the pooling grids.
        backbone: further arguments of SwinTransformer.
        size: (height, width) of the image that the figures are for.
    """

    classes: int = 5
    window_size: int = 7
    auxiliary: bool = True
    pool_scales: tuple[int, ...] = (1, 2, 3, 6)
    backbone: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (52, 77)


CASES = {
    "nineteen_classes_without_auxiliary_head": Options(classes=19, window_size=12, auxiliary=False),
    "other_pooling_grids": Options(pool_scales=(1, 2, 4, 8), size=(150, 131)),
    "two_classes": Options(classes=2, size=(33, 90)),
}


def shapes(options: Options) -> dict[str, tuple[int, ...]]:
    """List the tensors of mmsegmentation's state dict with their shapes, spelled out by hand."""
    found: dict[str, tuple[int, ...]] = {}

    def layer(name: str, *weight: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = weight, weight[:1]

    def conv(name: str, channels: int, width: int, kernel: int) -> None:
        found[f"{name}.conv.weight"] = (width, channels, kernel, kernel)
        layer(f"{name}.bn", width)
        found[f"{name}.bn.running_mean"] = found[f"{name}.bn.running_var"] = (width,)

    said = dict(options.backbone)
    layer("backbone.patch_embed.projection", EMBED, 3, 4, 4)
    if said.get("patch_norm", True):
        layer("backbone.patch_embed.norm", EMBED)
    if said.get("use_abs_pos_embed"):
        found["backbone.absolute_pos_embed"] = (1, (said["pretrain_img_size"] // 4) ** 2, EMBED)
    for stage, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
        width = EMBED * 2**stage
        for block in range(depth):
            name = f"backbone.stages.{stage}.blocks.{block}"
            layer(f"{name}.norm1", width)
            found[f"{name}.attn.w_msa.relative_position_bias_table"] = (
                (2 * options.window_size - 1) ** 2,
                heads,
            )
            layer(f"{name}.attn.w_msa.qkv", 3 * width, width)
            if not said.get("qkv_bias", True):
                del found[f"{name}.attn.w_msa.qkv.bias"]
            layer(f"{name}.attn.w_msa.proj", width, width)
            layer(f"{name}.norm2", width)
            layer(f"{name}.ffn.layers.0.0", 4 * width, width)
            layer(f"{name}.ffn.layers.1", width, 4 * width)
        if stage < 3:
            layer(f"backbone.stages.{stage}.downsample.norm", 4 * width)
            found[f"backbone.stages.{stage}.downsample.reduction.weight"] = (2 * width, 4 * width)
        layer(f"backbone.norm{stage}", width)
    layer("decode_head.conv_seg", options.classes, WIDTH, 1, 1)
    for grid in range(len(options.pool_scales)):
        conv(f"decode_head.psp_modules.{grid}.1", 8 * EMBED, WIDTH, 1)
    conv("decode_head.bottleneck", 8 * EMBED + len(options.pool_scales) * WIDTH, WIDTH, 3)
    for level in range(3):
        conv(f"decode_head.lateral_convs.{level}", EMBED * 2**level, WIDTH, 1)
        conv(f"decode_head.fpn_convs.{level}", WIDTH, WIDTH, 3)
    conv("decode_head.fpn_bottleneck", 4 * WIDTH, WIDTH, 3)
    if options.auxiliary:
        layer("auxiliary_head.conv_seg", options.classes, WIDTH, 1, 1)
        conv("auxiliary_head.convs.0", 4 * EMBED, WIDTH, 3)
    return found


def draw(wanted: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Draw a lively weight for each name, in alphabetical order; RandomState's stream never changes."""
    stream, drawn = np.random.RandomState(seed), {}
    for name in sorted(wanted):
        values = stream.standard_normal(wanted[name])
        if (
            name.endswith("running_var")
            or ("norm" in name and name.endswith("weight"))
            or "bn.weight" in name
        ):
            values = 0.5 + np.abs(values)
        elif len(wanted[name]) > 1 and "table" not in name:
            values /= np.prod(wanted[name][1:]) ** 0.5
        else:
            values *= 0.3
        drawn[name] = torch.from_numpy(values.astype(np.float32))
    return drawn


def image(options: Options) -> Tensor:
    """Draw the normalized image (1, 3, H, W) that the figures are for."""
    values = np.random.RandomState(1).standard_normal((1, 3, *options.size))
    return torch.from_numpy(values.astype(np.float32))


class _CompiledParts(types.ModuleType):
    """Stand-in for what mmcv-lite lacks: every name is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _peer(options: Options, align_corners: bool = False) -> Any:
    """Build mmsegmentation's own model."""
    sys.modules["mmcv.ops"] = _CompiledParts("mmcv.ops")
    from mmseg.models import build_segmentor
    from mmseg.utils import register_all_modules

    register_all_modules()
    norm = {"type": "BN", "requires_grad": True}
    common = {
        "num_classes": options.classes,
        "norm_cfg": norm,
        "align_corners": align_corners,
        "channels": WIDTH,
    }
    config = {
        "type": "EncoderDecoder",
        "backbone": {
            "type": "SwinTransformer",
            "embed_dims": EMBED,
            "depths": DEPTHS,
            "num_heads": HEADS,
            "window_size": options.window_size,
            "norm_cfg": {"type": "LN", "requires_grad": True},
            **options.backbone,
        },
        "decode_head": {
            "type": "UPerHead",
            "in_channels": [EMBED * 2**stage for stage in range(4)],
            "in_index": [0, 1, 2, 3],
            "pool_scales": options.pool_scales,
            "loss_decode": {"type": "CrossEntropyLoss"},
            **common,
        },
        "test_cfg": {"mode": "whole"},
    }
    if options.auxiliary:
        config["auxiliary_head"] = {
            "type": "FCNHead",
            "in_channels": 4 * EMBED,
            "in_index": 2,
            "num_convs": 1,
            "concat_input": False,
            **common,
        }
    return build_segmentor(config).eval()


def main() -> None:
    """Write mmsegmentation's logits (before they are upsampled) for every case."""
    figures = {}
    for name, options in CASES.items():
        model = _peer(options)
        skipped = ("num_batches_tracked", "relative_position_index")
        theirs = {k: tuple(v.shape) for k, v in model.state_dict().items() if not k.endswith(skipped)}
        assert theirs == shapes(options), set(theirs.items()) ^ set(shapes(options).items())
        model.load_state_dict(draw(shapes(options)), strict=False)
        with torch.no_grad():
            figures[name] = model.decode_head(model.backbone(image(options))).numpy()
    np.savez_compressed(FIGURES, **figures)


if __name__ == "__main__":
    main()
