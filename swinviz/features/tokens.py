"""Feature vectors of tokens at any hook point, laid out as maps whatever windows they were computed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from swinviz.attention import Target, token_weights
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import Captured, capture, hook_points
from swinviz.segmenter import SwinUPerNet

__all__ = ["TokenMap", "read_tokens", "token_map"]


@dataclass(frozen=True)
class TokenMap:
    """Feature vectors of the tokens of a batch of images at one hook point.

    Attributes:
        vectors: (B, H, W, C), in image order (the shift undone, padding left out).
        stride: input pixels per token.
        name: name of the hook point.
        head: the attention head whose share of the channels this is, or None for all channels.
    """

    vectors: Tensor
    stride: int
    name: str
    head: int | None = None

    @property
    def place(self) -> str:
        """Hook point and head in words, for captions."""
        return self.name if self.head is None else f"{self.name}, head {self.head}"

    @property
    def geometry(self) -> WindowGeometry:
        """The map's tokens as a geometry without windows, to turn pixels into tokens."""
        height, width = self.vectors.shape[1:3]
        return WindowGeometry(height, width, window_size=1, shift_size=0, stride=self.stride)

    def at(self, place: Target, batch: int = 0) -> Tensor:
        """Average the vectors over a place.

        Args:
            place: pixel (y, x) of the model's input, or mask (h, w) over it.
            batch: which image.

        Returns:
            (C,), in the type of the vectors.

        Raises:
            ValueError: the pixel is outside the map, or the mask is empty or of another size.

        >>> tokens = TokenMap(torch.arange(4.0).view(1, 2, 2, 1), stride=4, name="stages.0.out")
        >>> tokens.at((7, 0)).tolist()
        [2.0]
        """
        weights = token_weights(place, self.geometry).to(self.vectors)
        return torch.einsum("hw,hwc->c", weights, self.vectors[batch])


def token_map(seen: Captured, name: str, *, head: int | None = None) -> TokenMap:
    """Lay out what was captured at a hook point as one vector a token.

    Args:
        seen: record of a capture of the hook point.
        name: a point that carries a map or windows of vectors: patch_embed,
            stages.{s}.blocks.{b}.{resid_pre, resid_mid, resid_post}, .attn.{q, k, v, head_out},
            stages.{s}.{downsample, out}, head.{lateral, fpn, fusion}.{i}, head.{bottleneck, fusion, logits}.
        head: one attention head, for the points of attention; all heads side by side by default.

    Raises:
        ValueError: the point carries no vectors of tokens, has no heads, or not so many.
        KeyError: the point was not captured.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=1, stride=4)
    >>> seen = Captured()
    >>> seen.put("stages.0.blocks.1.attn.v", torch.arange(4.0).view(1, 1, 1, 4, 1), geometry)
    >>> token_map(seen, "stages.0.blocks.1.attn.v").vectors.flatten().tolist()  # rolled back
    [3.0, 2.0]
    """
    value = seen[name]
    parts = name.split(".")
    if parts[-1] in ("q", "k", "v", "head_out") and name in seen.geometries:
        if head is not None and not 0 <= head < value.shape[2]:
            raise ValueError(f"{name} has heads 0 to {value.shape[2] - 1}: head {head} does not exist.")
        chosen = value if head is None else value[:, :, head : head + 1]
        geometry = seen.geometries[name]
        vectors = geometry.to_map(chosen.transpose(2, 3).flatten(3))  # B nW N nH*d -> B H W nH*d
        return TokenMap(vectors, geometry.stride, name, head)
    if head is not None:
        raise ValueError(f"{name} is not divided into heads: leave head out, or name attn.q, k, v, head_out.")
    if not _is_map(name, value):
        raise ValueError(
            f"{name} carries no vector a token: name resid_post of a block, an attn.v, stages.S.out or alike."
        )
    if name in seen.geometries:  # B H W C inside the blocks
        return TokenMap(value, seen.geometries[name].stride, name)
    if name == "patch_embed" or parts[-1] == "downsample":
        return TokenMap(value, 4 if name == "patch_embed" else 8 * 2 ** int(parts[1]), name)
    return TokenMap(value.permute(0, 2, 3, 1), _stride(parts, seen), name)


@torch.no_grad()
def read_tokens(model: SwinUPerNet, images: Tensor, name: str, *, head: int | None = None) -> TokenMap:
    """Run the model and lay out one hook point's values as one vector a token.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        name: hook point, as for `token_map`.
        head: one attention head; all by default.

    Returns:
        The vectors; nothing else of the run is kept.

    Raises:
        ValueError: no such hook point or head, or one that carries no vectors of tokens.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> read_tokens(model, torch.zeros(2, 3, 33, 48), "stages.1.blocks.1.attn.head_out", head=1).vectors.shape
    torch.Size([2, 5, 6, 8])
    """
    names = [name] if not name.startswith("head.") else [name, "stages.*.out"]
    with capture(model, names) as seen:
        features = model.features(images)
        if name.startswith("head."):
            model.decode(features)
        elif name not in seen and name in hook_points(model):  # the auxiliary head
            raise ValueError(f"{name} is not on the way to the segmentation: name a point of the backbone.")
    return token_map(seen, name, head=head)


def _is_map(name: str, value: Any) -> bool:
    if not isinstance(value, Tensor) or value.ndim != 4:
        return False
    return ".attn." not in name and not name.startswith(("head.ppm.", "aux."))


def _stride(parts: list[str], seen: Captured) -> int:
    """Stride of a (B, C, H, W) map: of its stage, or of the decoder's level."""
    if parts[0] == "stages":
        return 4 * 2 ** int(parts[1])
    if parts[:2] in (["head", "lateral"], ["head", "fpn"]):
        return 4 * 2 ** int(parts[2])
    if parts == ["head", "bottleneck"]:
        stages = [int(name.split(".")[1]) for name in seen if name.startswith("stages.")]
        if not stages:
            raise ValueError(
                "head.bottleneck has the stride of the last stage: capture stages.*.out beside it."
            )
        return 4 * 2 ** max(stages)
    return 4  # fusion and logits are at the finest level
