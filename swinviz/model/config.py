"""Configuration of a model: frozen dataclasses, validated on construction."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field
from numbers import Integral

__all__ = ["HeadConfig", "ModelConfig", "SwinConfig", "distinct_palette"]

Color = tuple[int, int, int]

# Far beyond anything useful, but small enough that no product of two overflows and no message is a page.
_WIDEST = 2**24
_LONGEST_SIDE = 2**16  # pixels
_MOST_GRIDS, _LARGEST_GRID = 16, 256


@dataclass(frozen=True)
class SwinConfig:
    """Shape of a Swin Transformer backbone (Liu et al. 2021, table 7).

    Attributes:
        embed_dim: channels C of the first stage; stage s has C * 2**s.
        depths: blocks in each stage.
        num_heads: attention heads in each stage; each must divide that stage's channels.
        window_size: side M of a window, in tokens.
        mlp_ratio: width of the MLP's hidden layer over the block's channels.
        drop_path_rate: stochastic depth of the last block, 0 to below 1; it grows linearly from 0.
        shifted: whether every second block of a stage shifts its windows by M // 2; without, nothing passes
            from window to window inside a stage, which is the ablation of table 4.

    Raises:
        ValueError: a shape that no Swin can have; the message says which number to change.
    """

    embed_dim: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    window_size: int = 7
    mlp_ratio: float = 4.0
    drop_path_rate: float = 0.3
    shifted: bool = True

    def __post_init__(self) -> None:
        _check_whole("embed_dim", self.embed_dim, 1, _WIDEST)
        _check_whole("window_size", self.window_size, 1, _WIDEST)
        if not self.depths or len(self.depths) != len(self.num_heads):
            raise ValueError(
                f"depths has {len(self.depths)} stages and num_heads {len(self.num_heads)}: "
                "give one number per stage in both."
            )
        for depth, heads in zip(self.depths, self.num_heads, strict=True):
            _check_whole("depths", depth, 1, _WIDEST)
            _check_whole("num_heads", heads, 1, _WIDEST)
        if not 0.0 < self.embed_dim * self.mlp_ratio < _WIDEST or int(self.embed_dim * self.mlp_ratio) < 1:
            raise ValueError(f"mlp_ratio is {self.mlp_ratio}: the hidden layer needs at least one channel.")
        if not 0.0 <= self.drop_path_rate < 1.0:
            raise ValueError(
                f"drop_path_rate is {self.drop_path_rate}: choose it from 0 up to, not including, 1."
            )
        for stage, (channels, heads) in enumerate(zip(self.channels, self.num_heads, strict=True)):
            if channels % heads:
                raise ValueError(
                    f"stage {stage} has {channels} channels, which {heads} heads do not divide: "
                    "change embed_dim or num_heads."
                )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each stage's output."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.depths)))

    @property
    def strides(self) -> tuple[int, ...]:
        """Input pixels per token of each stage: 4, 8, 16, 32."""
        return tuple(4 * 2**stage for stage in range(len(self.depths)))


@dataclass(frozen=True)
class HeadConfig:
    """Shape of the UPerNet decode head and of the auxiliary FCN head.

    Attributes:
        channels: width of the decode head.
        pool_scales: sides of the pyramid pooling grids.
        aux_channels: width of the auxiliary head; 0 leaves the auxiliary head out.
        aux_stage: backbone stage that the auxiliary head reads.
        dropout: probability that a channel is dropped before each classifier while training.

    Raises:
        ValueError: a width or scale below what a head needs.
    """

    channels: int = 512
    pool_scales: tuple[int, ...] = (1, 2, 3, 6)
    aux_channels: int = 256
    aux_stage: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        _check_whole("head channels", self.channels, 1, _WIDEST)
        _check_whole("aux_channels", self.aux_channels, 0, _WIDEST)
        _check_whole("aux_stage", self.aux_stage, 0, _WIDEST)
        if len(self.pool_scales) > _MOST_GRIDS:
            raise ValueError(f"pool_scales has {len(self.pool_scales)} grids: give at most {_MOST_GRIDS}.")
        for scale in self.pool_scales:
            _check_whole("pool_scales", scale, 1, _LARGEST_GRID)
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}: choose it from 0 up to, not including, 1.")


@dataclass(frozen=True)
class ModelConfig:
    """A whole segmentation model: backbone, heads, and the classes they name.

    Attributes:
        classes: class names, in the order of the logits.
        palette: one RGB color (0..255) a class; made up, and well apart, where none is given.
        backbone: shape of the Swin Transformer.
        head: shape of the heads.
        scale: (long, short) side in pixels that an image is resized to, keeping its ratio, before it is
            segmented; the published models use (2048, 512).
        unsure_below: confidence (0..1) below which the model does not claim to know a pixel's class; 0 where
            nobody has calibrated it.

    Raises:
        ValueError: no class, a threshold outside 0 to 1, a palette of another length, or an auxiliary head on
            a stage that is not there.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...] = ()
    backbone: SwinConfig = field(default_factory=SwinConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    scale: tuple[int, int] = (2048, 512)
    unsure_below: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.unsure_below <= 1.0:
            raise ValueError(f"unsure_below is {self.unsure_below}: choose a confidence from 0 to 1.")
        if not self.classes:
            raise ValueError("a model needs at least one class: name them in classes.")
        if len(self.scale) != 2:
            raise ValueError(f"scale has {len(self.scale)} numbers: give the long side and the short one.")
        for side in self.scale:
            _check_whole("scale", side, 1, _LONGEST_SIDE)
        if not self.palette:
            object.__setattr__(self, "palette", distinct_palette(len(self.classes)))
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"palette has {len(self.palette)} colors for {len(self.classes)} classes: "
                "give one color each, or none."
            )
        if self.head.aux_channels and not 0 <= self.head.aux_stage < len(self.backbone.depths):
            raise ValueError(
                f"aux_stage is {self.head.aux_stage}, but the backbone has stages 0 to "
                f"{len(self.backbone.depths) - 1}: choose one of them, or aux_channels=0."
            )

    @classmethod
    def tiny(
        cls,
        classes: tuple[str, ...] = ("sky", "sea", "ship"),
        *,
        depths: tuple[int, ...] = (2, 2, 2, 2),
        num_heads: tuple[int, ...] | None = None,
        window_size: int = 4,
        aux_channels: int = 4,
        scale: tuple[int, int] = (64, 32),
    ) -> ModelConfig:
        """Make the shape of a model of a few thousand weights, for examples and tests.

        Stages of 8, 16, 32 ... channels, so that every stage can have a different number of heads; two blocks
        a stage, so that every stage has a shifted one.

        Args:
            classes: class names, in the order of the logits.
            depths: blocks in each stage.
            num_heads: heads in each stage; 1, 2, 4 ... by default.
            window_size: side M of a window, in tokens.
            aux_channels: width of the auxiliary head; 0 leaves the auxiliary head out.
            scale: (long, short) side in pixels that images are resized to.

        >>> ModelConfig.tiny(("sky", "sea"), depths=(1, 2)).backbone.num_heads
        (1, 2)
        """
        heads = num_heads or tuple(2**stage for stage in range(len(depths)))
        backbone = SwinConfig(8, depths, heads, window_size)
        head = HeadConfig(channels=8, aux_channels=aux_channels, aux_stage=min(2, len(depths) - 1))
        return cls(classes, backbone=backbone, head=head, scale=scale)

    @property
    def num_classes(self) -> int:
        """Number K of classes."""
        return len(self.classes)


def distinct_palette(count: int) -> tuple[Color, ...]:
    """Make `count` RGB colors (0..255) that stay apart: hues a golden ratio apart, three lightnesses.

    >>> distinct_palette(2)
    ((224, 78, 78), (86, 116, 190))
    """
    colors = []
    for index in range(count):
        hue = (index * 0.6180339887498949) % 1.0
        lightness, saturation = ((0.592, 0.70), (0.541, 0.444), (0.38, 0.60))[index % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return tuple(colors)


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse what is no whole number from `low` to `high`, saying which field it is."""
    if not isinstance(value, Integral) or not low <= int(value) <= high:
        raise ValueError(f"{name} is {value!r:.60}: choose a whole number from {low} to {high}.")
