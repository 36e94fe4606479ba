"""The Swin Transformer backbone (Liu et al. 2021), as the published segmentation models run it.

Inside, maps are B H W C; at the borders B C H W. Every step a reader may want to see passes through a
`HookPoint`; where windows lie is `WindowGeometry`'s business alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinviz.model.config import SwinConfig
from swinviz.model.geometry import WindowGeometry, relative_position_index, window_geometry
from swinviz.model.hooks import HookPoint

__all__ = [
    "DropPath",
    "PatchEmbed",
    "PatchMerging",
    "Stage",
    "SwinBlock",
    "SwinTransformer",
    "WindowAttention",
]


class DropPath(nn.Module):
    """Stochastic depth: while training, drop a whole residual branch for some samples (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Zero each sample of x (B, ...) with probability `rate`; scale the others to keep the mean."""
        if not self.training or self.rate == 0.0:
            return x
        kept = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * kept.to(x.dtype) / (1.0 - self.rate)


class WindowAttention(nn.Module):
    """Multi-head self-attention inside each window, with a learned bias for each relative position.

    Hook points: q, k, v (B, nW, nH, N, d), bias (nH, N, N), mask (nW, N, N), scores and pattern
    (B, nW, nH, N, N), head_out (B, nW, nH, N, d).
    """

    def __init__(self, channels: int, num_heads: int, window_size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = (channels // num_heads) ** -0.5
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.relative_position_index: Tensor
        self.register_buffer(
            "relative_position_index", relative_position_index(window_size), persistent=False
        )
        self.q, self.k, self.v = (HookPoint("B nW nH N d") for _ in range(3))
        self.bias, self.mask = HookPoint("nH N N"), HookPoint("nW N N")
        self.scores, self.pattern = HookPoint("B nW nH N N"), HookPoint("B nW nH N N")
        self.head_out = HookPoint("B nW nH N d")

    def forward(self, windows: Tensor, geometry: WindowGeometry) -> Tensor:
        """Attend inside each window: (B, nW, N, C) -> (B, nW, N, C)."""
        qkv = self.qkv(windows).view(*windows.shape[:3], 3, self.num_heads, -1)  # B nW N 3 nH d
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)  # 3 of B nW nH N d
        q, k, v = self.q(q, geometry), self.k(k, geometry), self.v(v, geometry)
        bias = self.position_bias(geometry).to(q.dtype)  # nH N N, or nW nH N N when shifted
        out = self.head_out(self.attend(q, k, v, bias, geometry), geometry)  # B nW nH N d
        return self.proj(out.transpose(2, 3).flatten(3))  # B nW N C

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, geometry: WindowGeometry) -> Tensor:
        """Mix the values by attention: q, k, v and the result are (B, nW, nH, N, d)."""
        scores = self.scores((q * self.scale) @ k.transpose(-2, -1) + bias, geometry)  # B nW nH N N
        pattern = self.pattern(scores.softmax(dim=-1), geometry)  # B nW nH N N
        return pattern @ v  # B nW nH N d

    def position_bias(self, geometry: WindowGeometry) -> Tensor:
        """Return what is added to the scores: the learned bias, and the mask where the window is shifted.

        Returns:
            (nH, N, N) for W-MSA, (nW, nH, N, N) for SW-MSA; the query is the axis before the last.
        """
        bias = self.relative_position_bias_table[self.relative_position_index]  # N N nH
        bias = self.bias(bias.permute(2, 0, 1), geometry)  # nH N N
        if geometry.shift_size == 0 and not self.mask.active:
            return bias  # the mask is zero everywhere
        mask = self.mask(geometry.mask(bias.device), geometry)  # nW N N
        return bias + mask.to(bias.dtype)[:, None]  # nW nH N N


class MLP(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform every token by itself: (..., C) -> (..., C)."""
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """Attention in (shifted) windows, then an MLP, each added to the residual stream.

    Hook points: geometry (the block's `WindowGeometry` itself, which an edit may replace), resid_pre,
    resid_mid, resid_post (B, H, W, C).
    """

    def __init__(self, channels: int, num_heads: int, config: SwinConfig, drop_path_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, num_heads, config.window_size)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = MLP(channels, int(channels * config.mlp_ratio))
        self.drop_path = DropPath(drop_path_rate)
        self.geometry = HookPoint("")
        self.resid_pre, self.resid_mid, self.resid_post = (HookPoint("B H W C") for _ in range(3))

    def forward(self, x: Tensor, geometry: WindowGeometry) -> Tensor:
        """Transform a map (B, H, W, C) whose windows `geometry` cuts."""
        geometry = self.geometry(geometry, geometry)
        x = self.resid_pre(x, geometry)
        # Padding comes after norm1: padded tokens are zeros here, get the qkv bias, and are attended.
        windows = geometry.to_windows(self.norm1(x))  # B nW N C
        attended = geometry.to_map(self.attn(windows, geometry))  # B H W C
        x = self.resid_mid(x + self.drop_path(attended), geometry)
        return self.resid_post(x + self.drop_path(self.mlp(self.norm2(x))), geometry)


class PatchEmbed(nn.Module):
    """Cut the image into 4 x 4 patches and project each to a token."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, kernel_size=4, stride=4)
        self.norm = nn.LayerNorm(channels)
        self.output = HookPoint("B H W C")

    def forward(self, images: Tensor) -> Tensor:
        """Embed (B, 3, H, W) as (B, ceil(H/4), ceil(W/4), C); sizes are padded to multiples of 4."""
        height, width = images.shape[-2:]
        if height % 4 or width % 4:
            images = F.pad(images, (0, (4 - width % 4) % 4, 0, (4 - height % 4) % 4))
        x = self.proj(images).permute(0, 2, 3, 1)  # B H W C
        return self.output(self.norm(x))


class PatchMerging(nn.Module):
    """Join each 2 x 2 neighbors into one token with twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        self.output = HookPoint("B H W C")

    def forward(self, x: Tensor) -> Tensor:
        """Halve a map: (B, H, W, C) -> (B, ceil(H/2), ceil(W/2), 2C); sizes are padded to even."""
        height, width = x.shape[1:3]
        if height % 2 or width % 2:
            x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        # The order of (h, w) offsets is the official 00 10 01 11; another order scrambles the weights.
        corners = x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]
        return self.output(self.reduction(self.norm(torch.cat(corners, dim=-1))))


class Stage(nn.Module):
    """Blocks at one resolution, every second one shifted, and the merging that leads to the next stage."""

    def __init__(self, index: int, config: SwinConfig, drop_path_rates: list[float]) -> None:
        super().__init__()
        channels, heads = config.channels[index], config.num_heads[index]
        self.window_size = config.window_size
        self.shift_size = config.window_size // 2 if config.shifted else 0
        self.stride = config.strides[index]
        self.blocks = nn.ModuleList(SwinBlock(channels, heads, config, rate) for rate in drop_path_rates)
        last = index == len(config.depths) - 1
        self.downsample = None if last else PatchMerging(channels)
        self.out = HookPoint("B C H W")

    def geometry(self, block: int, height: int, width: int) -> WindowGeometry:
        """Return the windows of block number `block` on a map of height x width tokens: shifted if odd."""
        shift = self.shift_size if block % 2 else 0
        return window_geometry(height, width, self.window_size, shift, self.stride)

    def forward(self, x: Tensor, first_block: int = 0) -> Tensor:
        """Run the blocks from `first_block` on, without the merging: (B, H, W, C) -> (B, H, W, C)."""
        for index, block in enumerate(self.blocks):
            if index >= first_block:
                x = block(x, self.geometry(index, *x.shape[1:3]))
        return x


class SwinTransformer(nn.Module):
    """Backbone: images to one normalized map per stage.

    Args:
        config: its shape.
    """

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.config = config
        total = sum(config.depths)
        rates = [config.drop_path_rate * i / max(total - 1, 1) for i in range(total)]
        starts = [sum(config.depths[:stage]) for stage in range(len(config.depths))]
        self.patch_embed = PatchEmbed(config.embed_dim)
        self.stages = nn.ModuleList(
            Stage(stage, config, rates[start : start + depth])
            for stage, (start, depth) in enumerate(zip(starts, config.depths, strict=True))
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in config.channels)
        self.apply(_initialize)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the feature maps of normalized images.

        Args:
            images: (B, 3, H, W).

        Returns:
            One map a stage, (B, C * 2**s, H / (4 * 2**s), W / (4 * 2**s)), sizes rounded up.
        """
        return self.resume(self.patch_embed(images))

    def resume(self, x: Tensor, stage: int = 0, block: int = 0) -> list[Tensor]:
        """Run on from the input of a block, to the maps of its stage and all later ones.

        Args:
            x: (B, H, W, C), the block's `resid_pre`.
            stage: stage of that block.
            block: its number inside the stage.

        Returns:
            One map (B, C, H, W) for each stage from `stage` on, as in `forward`.
        """
        outputs = []
        for index, module in enumerate(self.stages):
            if index < stage:
                continue
            assert isinstance(module, Stage)  # for the type checker: a ModuleList forgets what it holds
            x = module(x, block if index == stage else 0)
            outputs.append(module.out(self.norms[index](x).permute(0, 3, 1, 2)))  # B C H W
            if module.downsample is not None:
                x = module.downsample(x)
        return outputs


def _initialize(module: nn.Module) -> None:
    """Truncated normal of width 0.02 for linear layers, as the official code starts from."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
