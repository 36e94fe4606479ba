"""A model as a program of torch.export, of any batch, height and width.

`torch.export` follows one run of the model with sizes as symbols. Where the plain model branches on a size
("pad if the height is no multiple of 4"), or a kernel asks whether a side is 1, the branch that was taken
would become a condition of the program. Here each such step is arithmetic that holds at every size: tokens
are gathered by tables that the program computes, pooling is a matrix. A part is swapped by giving it another
class, as in `swinviz.model.fast`.
"""

from __future__ import annotations

import copy
import json
import os
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from swinviz.exporting.metadata import metadata
from swinviz.exporting.options import ExportOptions, select_outputs
from swinviz.model.fast.folding import FoldedConvBlock, fold_batch_norm
from swinviz.model.geometry import MASK_VALUE, WindowGeometry
from swinviz.model.hooks import capture
from swinviz.model.swin import PatchEmbed, PatchMerging, Stage, WindowAttention
from swinviz.model.upernet import ConvBlock, Fusion, UPerHead
from swinviz.segmenter import SwinUPerNet

__all__ = ["save_program", "trace_program"]

_LONGEST_SIDE = 2**15
_LARGEST_BATCH = 2**10


def trace_program(model: SwinUPerNet, options: ExportOptions) -> ExportedProgram:
    """Trace a model; see `swinviz.exporting.to_program`.

    Raises:
        ValueError: an output that is not there, or an option that a program does not have.
    """
    if options.controls:
        raise ValueError("a PyTorch program has no controls: export .onnx, or leave controls away.")
    if options.int8:
        raise ValueError("a PyTorch program has no eight bits: export .onnx, or leave int8 away.")
    if options.half:
        raise ValueError("a PyTorch program keeps its type: export model.half() without half.")
    names = select_outputs(model, options.outputs)
    module = _Outputs(_dynamic(model), names)
    example = torch.zeros(2, 3, *(options.size or (77, 110)), dtype=model.dtype, device=model.device)
    if options.size:
        return torch.export.export(module, (example[:1],), strict=False)
    # The least side matters: what is known to be at least 1 needs no condition on being 0.
    sides = {
        2: Dim("height", min=1, max=_LONGEST_SIDE),
        3: Dim("width", min=1, max=_LONGEST_SIDE),
    }
    shapes = {"images": {0: Dim("batch", min=1, max=_LARGEST_BATCH), **sides}}
    # Sizes of 1 are sizes like others, here; and NNPACK, which convolves batches below 16 only, is left out.
    with (
        # torch's configuration modules get their functions when they are imported.
        torch.fx.experimental._config.patch(backed_size_oblivious=True),  # type: ignore[attr-defined]
        torch.backends.nnpack.flags(enabled=False),
    ):
        return torch.export.export(
            module,
            (example,),
            dynamic_shapes=shapes,
            strict=False,
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def save_program(program: ExportedProgram, path: str | os.PathLike[str], model: SwinUPerNet) -> None:
    """Write a program with what `metadata` says of its model, in the archive's file `swinviz.json`."""
    described = metadata(model.config, str(model.dtype).removeprefix("torch."))
    torch.export.save(program, path, extra_files={"swinviz.json": json.dumps(described)})


class _Outputs(nn.Module):
    """A model that gives its outputs by name, as a tuple."""

    def __init__(self, model: SwinUPerNet, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        found: dict[str, Any] = {}
        points = [name for name in self.names if "." in name]
        if points:
            with capture(self.model, points) as seen:
                logits = self._logits(images)
            found |= seen
        else:
            logits = self._logits(images)
        found["logits"] = logits
        if "labels" in self.names:
            found["labels"] = logits.argmax(dim=1)
        if "confidence" in self.names:
            found["confidence"] = logits.softmax(dim=1).amax(dim=1)
        return tuple(found[name] for name in self.names)

    def _logits(self, images: Tensor) -> Tensor:
        low_res = self.model.decode(self.model.features(images))
        return _upsample(low_res, images.shape[-2], images.shape[-1])


def _dynamic(model: SwinUPerNet) -> SwinUPerNet:
    """Copy a model with the parts below in the place of those that branch on sizes."""
    model = copy.deepcopy(model).eval().requires_grad_(False)
    swaps: dict[type[nn.Module], type[nn.Module]] = {
        WindowAttention: WindowAttention,  # in place of the fused and the cached one
        Fusion: _Fusion,
        PatchEmbed: _PatchEmbed,
        PatchMerging: _PatchMerging,
        Stage: _Stage,
        UPerHead: _UPerHead,
    }
    for module in model.modules():
        if isinstance(module, ConvBlock):
            if not isinstance(module, FoldedConvBlock):
                fold_batch_norm(module, FoldedConvBlock)
            module.__class__ = FoldedConvBlock
        for plain, other in swaps.items():
            if isinstance(module, plain):
                module.__class__ = other
    return model


class _Geometry:
    """`WindowGeometry`, as far as a forward pass asks, of a map whose sides are symbols."""

    def __init__(self, height: int, width: int, window_size: int, shift_size: int) -> None:
        self.height, self.width = height, width
        self.window_size, self.shift_size = window_size, shift_size
        self.rows, self.columns = (_divide_up(length, window_size) for length in (height, width))

    def to_windows(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, nW, N, C)."""
        rows, columns = self._rolled(x.device)
        rows = _wrapped(rows + self.shift_size, self.rows * self.window_size)
        columns = _wrapped(columns + self.shift_size, self.columns * self.window_size)
        return _take_tokens(x, rows, columns)

    def to_map(self, windows: Tensor) -> Tensor:
        """(B, nW, N, C) -> (B, H, W, C)."""
        side = self.window_size
        rows, columns = (
            _wrapped(
                torch.arange(length, device=windows.device) + (count * side - self.shift_size), count * side
            )
            for length, count in ((self.height, self.rows), (self.width, self.columns))
        )
        rows = rows[:, None]
        window = (rows // side) * self.columns + columns // side
        index = window * side**2 + (rows % side) * side + columns % side  # H W
        x = windows.flatten(1, 2).index_select(1, index.flatten())
        return x.reshape(x.shape[0], self.height, self.width, x.shape[-1])

    def mask(self, device: torch.device | None = None) -> Tensor:
        """(nW, N, N)."""

        def label(at: Tensor, count: int) -> Tensor:
            length = count * self.window_size
            return (at >= length - self.window_size).long() + (at >= length - self.shift_size).long()

        rows, columns = self._rolled(device)
        region = 3 * label(rows, self.rows) + label(columns, self.columns)
        return (region[:, :, None] != region[:, None, :]).float() * (MASK_VALUE if self.shift_size else 0.0)

    def _rolled(self, device: torch.device | None) -> tuple[Tensor, Tensor]:
        """Row and column on the rolled map of each place of each window: (nW, N) each."""
        side = self.window_size
        window = torch.arange(self.rows * self.columns, device=device)[:, None]
        place = torch.arange(side**2, device=device)
        down = window // self.columns
        return down * side + place // side, (window - down * self.columns) * side + place % side


class _Stage(Stage):
    def forward(self, x: Tensor, first_block: int = 0) -> Tensor:
        height, width = x.shape[1], x.shape[2]
        cuts = [_Geometry(height, width, self.window_size, shift) for shift in (0, self.shift_size)]
        for index, block in enumerate(self.blocks):
            x = block(x, cast(WindowGeometry, cuts[index % 2]))
        return x


class _PatchEmbed(PatchEmbed):
    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        missing = (0, _divide_up(width, 4) * 4 - width, 0, _divide_up(height, 4) * 4 - height)
        x = self.proj(F.pad(images, missing)).permute(0, 2, 3, 1)  # B H W C
        return self.output(self.norm(x))


class _PatchMerging(PatchMerging):
    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[1], x.shape[2]
        rows, columns = (
            2 * torch.arange(_divide_up(length, 2), device=x.device)[:, None] for length in (height, width)
        )
        rows = rows[:, None] + torch.tensor([0, 1, 0, 1], device=x.device)  # h 1 4
        columns = columns + torch.tensor([0, 0, 1, 1], device=x.device)  # w 4
        return self.output(self.reduction(self.norm(_take_tokens(x, rows, columns).flatten(3))))


class _Fusion(Fusion):
    def fuse(self, levels: list[Tensor]) -> Tensor:
        size = levels[0].shape[-2:]
        levels = [levels[0], *(_upsample(level, *size) for level in levels[1:])]
        if not any(point.active for point in self.points):
            return self.conv(torch.cat(levels, dim=1))
        kernels = self.conv.weight.chunk(len(levels), dim=1)
        shares = [
            point(F.conv2d(level, kernel, padding=1))
            for point, level, kernel in zip(self.points, levels, kernels, strict=True)
        ]
        return torch.stack(shares).sum(dim=0)


class _UPerHead(UPerHead):
    def forward(self, features: list[Tensor]) -> Tensor:
        features = [_in_order(x) for x in features]
        laterals = [block(x) for block, x in zip(self.lateral, features, strict=False)]
        laterals.append(self.pool_pyramid(features[-1]))
        for finer in reversed(range(len(laterals) - 1)):
            height, width = laterals[finer].shape[-2:]
            laterals[finer] = laterals[finer] + _upsample(laterals[finer + 1], height, width)
        levels = [block(x) for block, x in zip(self.fpn, laterals, strict=False)]
        return self.logits(self.classifier(self.fusion([*levels, laterals[-1]])))

    def pool_pyramid(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        parts = [x]
        for block, side in zip(self.ppm, self.pool_scales, strict=True):
            across = F.linear(x, _pooling(width, side, x))  # B C h k
            pooled = F.linear(_in_order(across.mT), _pooling(height, side, x))  # B C k k, turned
            parts.append(_upsample(block(_in_order(pooled.mT)), height, width))
        return self.bottleneck(torch.cat(parts, dim=1))


def _divide_up(length: int, by: int) -> int:
    return (length + by - 1) // by


def _wrapped(at: Tensor, length: int) -> Tensor:
    """Positions below twice a length, as positions below it."""
    return torch.where(at >= length, at - length, at)


def _take_tokens(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Tokens of (B, H, W, C) at rows and columns of one shape (...): (B, ..., C), zeros outside the map."""
    batch, height, width, channels = x.shape
    index = torch.where((rows < height) & (columns < width), rows * width + columns, height * width)
    tokens = torch.cat([x.reshape(batch, height * width, channels), x.new_zeros(batch, 1, channels)], dim=1)
    return tokens.index_select(1, index.flatten()).reshape(batch, *index.shape, channels)


def _upsample(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, size=(height, width), mode="bilinear", align_corners=False)


def _pooling(length: int, side: int, like: Tensor) -> Tensor:
    """Matrix (side, length) that averages one axis as adaptive pooling does."""
    cells = torch.arange(side, device=like.device)[:, None]
    start, stop = cells * length // side, ((cells + 1) * length + side - 1) // side
    at = torch.arange(length, device=like.device)
    return ((at >= start) & (at < stop)).to(like.dtype) / (stop - start)


def _in_order(x: Tensor) -> Tensor:
    """Copy in row-major order; `contiguous()` would ask which sides are 1."""
    return x.clone(memory_format=torch.contiguous_format)
