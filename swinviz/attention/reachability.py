"""Input pixels that can influence a token at all, by geometry alone: windows, shifts, masks and merges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from swinviz.attention.maps import Pixel
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId
from swinviz.model.swin import Stage, SwinTransformer

__all__ = ["Reach", "block_geometries", "reachable_pixels"]


@dataclass(frozen=True)
class Reach:
    """Pixels that can influence one token after one block.

    Attributes:
        stage: stage of the block.
        block: its number inside the stage.
        pixels: (H, W) bool over the model's input: the pixels that can influence the token.
    """

    stage: int
    block: int
    pixels: Tensor

    @property
    def share(self) -> float:
        """Share of the image that can influence the token, 0..1."""
        return float(self.pixels.float().mean())


def reachable_pixels(
    backbone: SwinTransformer, size: tuple[int, int], pixel: Pixel, *, shift: bool = True
) -> list[Reach]:
    """Find the exact set of input pixels that can influence the token over a pixel, after each block.

    Counted as impossible is what the mask forbids (its factor of e**-100 is 0 for any purpose). The sets are
    of the backbone: in the decode head, pooling over the whole map lets every pixel reach every other.

    Args:
        backbone: gives the windows of each block; its weights do not matter.
        size: (height, width) of the model's input, in pixels.
        pixel: (y, x) of the pixel.
        shift: False asks how far the model would see if no window were ever shifted.

    Returns:
        One set a block, in the order of the forward pass.

    Raises:
        ValueError: the pixel is outside the input.

    >>> from swinviz.model.config import SwinConfig
    >>> backbone = SwinTransformer(SwinConfig(embed_dim=4, depths=(2,), num_heads=(1,), window_size=4))
    >>> [int(reach.pixels.sum()) for reach in reachable_pixels(backbone, (64, 64), (0, 0))]
    [256, 256]
    >>> [int(reach.pixels.sum()) for reach in reachable_pixels(backbone, (64, 64), (31, 31))]
    [256, 1024]
    """
    geometries = block_geometries(backbone, size)
    if not shift:
        geometries = {block: geometry.with_shift(0) for block, geometry in geometries.items()}
    order = sorted(geometries)
    reached = []
    for position, (stage, block) in enumerate(order):
        last = geometries[BlockId(stage, block)]
        if not (0 <= pixel[0] < size[0] and 0 <= pixel[1] < size[1]):
            raise ValueError(f"pixel (y={pixel[0]}, x={pixel[1]}) is outside the {size[0]}x{size[1]} input.")
        support = torch.zeros(last.height, last.width, dtype=torch.bool)
        support[pixel[0] // last.stride, pixel[1] // last.stride] = True
        stage_now = stage
        for before in reversed(order[: position + 1]):
            geometry = geometries[before]
            if before[0] < stage_now:
                stage_now = before[0]
                support = _children(support, 2, (geometry.height, geometry.width))
            support = _attended(support, geometry)
        reached.append(Reach(stage, block, _children(support, geometries[order[0]].stride, size)))
    return reached


def block_geometries(backbone: SwinTransformer, size: tuple[int, int]) -> dict[BlockId, WindowGeometry]:
    """Return every block's geometry for an input size, as the forward pass would make it.

    Args:
        backbone: the model's backbone.
        size: (height, width) of the input, in pixels.

    Returns:
        (stage, block) -> geometry.

    >>> from swinviz.model.config import SwinConfig
    >>> backbone = SwinTransformer(SwinConfig(embed_dim=4, depths=(2,), num_heads=(1,), window_size=4))
    >>> [geometry.shift_size for geometry in block_geometries(backbone, (64, 64)).values()]
    [0, 2]
    """
    geometries = {}
    for number, stage in enumerate(backbone.stages):
        assert isinstance(stage, Stage)
        height, width = (-(-side // stage.stride) for side in size)
        for block in range(len(stage.blocks)):
            geometries[BlockId(number, block)] = stage.geometry(block, height, width)
    return geometries


def _attended(support: Tensor, geometry: WindowGeometry) -> Tensor:
    """Widen a set of tokens (H, W) to all that they attend: the whole of each region of each window."""
    hit = geometry.to_windows(support[None, :, :, None].float())[0, :, :, 0]  # nW N
    regions = geometry.region_index  # nW N
    touched = torch.zeros(geometry.num_windows, 9).scatter_add_(1, regions, hit)  # nW 9
    widened = touched.gather(1, regions)  # nW N
    return geometry.to_map(widened[None, :, :, None])[0, :, :, 0] > 0


def _children(support: Tensor, factor: int, size: tuple[int, int]) -> Tensor:
    return support.repeat_interleave(factor, 0).repeat_interleave(factor, 1)[: size[0], : size[1]]
