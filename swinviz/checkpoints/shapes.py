"""Shapes of a model's weights, worked out from its configuration without building anything."""

from __future__ import annotations

from collections.abc import Iterator

from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig

__all__ = ["expected_shapes"]

Shape = tuple[int, ...]
Entries = Iterator[tuple[str, Shape]]


def expected_shapes(config: ModelConfig) -> dict[str, Shape]:
    """List every entry of the state dict of a model of this configuration, with its shape.

    A file may claim any size; comparing the claim with its tensors costs nothing, building it might.

    >>> expected_shapes(ModelConfig(("sky", "sea")))["head.classifier.weight"]
    (2, 512, 1, 1)
    """
    channels, classes = config.backbone.channels, config.num_classes
    shapes = dict(_backbone(config.backbone))
    shapes |= _head(channels, classes, config.head)
    if config.head.aux_channels:
        shapes |= _conv_block("aux.conv", channels[config.head.aux_stage], config.head.aux_channels, 3)
        shapes |= _layer("aux.classifier", (classes, config.head.aux_channels, 1, 1))
    return shapes


def _backbone(config: SwinConfig) -> Entries:
    yield from _layer("backbone.patch_embed.proj", (config.embed_dim, 3, 4, 4))
    yield from _layer("backbone.patch_embed.norm", (config.embed_dim,))
    for stage, (channels, depth) in enumerate(zip(config.channels, config.depths, strict=True)):
        prefix = f"backbone.stages.{stage}"
        for block in range(depth):
            yield from _block(f"{prefix}.blocks.{block}", channels, config.num_heads[stage], config)
        if stage < len(config.depths) - 1:
            yield from _layer(f"{prefix}.downsample.norm", (4 * channels,))
            yield f"{prefix}.downsample.reduction.weight", (2 * channels, 4 * channels)
        yield from _layer(f"backbone.norms.{stage}", (channels,))


def _block(prefix: str, channels: int, heads: int, config: SwinConfig) -> Entries:
    hidden = int(channels * config.mlp_ratio)
    yield from _layer(f"{prefix}.norm1", (channels,))
    yield f"{prefix}.attn.relative_position_bias_table", ((2 * config.window_size - 1) ** 2, heads)
    yield from _layer(f"{prefix}.attn.qkv", (3 * channels, channels))
    yield from _layer(f"{prefix}.attn.proj", (channels, channels))
    yield from _layer(f"{prefix}.norm2", (channels,))
    yield from _layer(f"{prefix}.mlp.fc1", (hidden, channels))
    yield from _layer(f"{prefix}.mlp.fc2", (channels, hidden))


def _head(in_channels: tuple[int, ...], classes: int, config: HeadConfig) -> Entries:
    width, grids = config.channels, len(config.pool_scales)
    for grid in range(grids):
        yield from _conv_block(f"head.ppm.{grid}", in_channels[-1], width, 1)
    yield from _conv_block("head.bottleneck", in_channels[-1] + grids * width, width, 3)
    for level, channels in enumerate(in_channels[:-1]):
        yield from _conv_block(f"head.lateral.{level}", channels, width, 1)
        yield from _conv_block(f"head.fpn.{level}", width, width, 3)
    yield from _conv_block("head.fusion", len(in_channels) * width, width, 3)
    yield from _layer("head.classifier", (classes, width, 1, 1))


def _conv_block(prefix: str, in_channels: int, channels: int, kernel_size: int) -> Entries:
    yield f"{prefix}.conv.weight", (channels, in_channels, kernel_size, kernel_size)
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield f"{prefix}.bn.{name}", (channels,)
    yield f"{prefix}.bn.num_batches_tracked", ()


def _layer(prefix: str, weight: Shape) -> Entries:
    yield f"{prefix}.weight", weight
    yield f"{prefix}.bias", weight[:1]
