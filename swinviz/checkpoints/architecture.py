"""Configuration of a model read from the shapes of its weights, and the model built around them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from swinviz.checkpoints.errors import first_line
from swinviz.checkpoints.shapes import expected_shapes
from swinviz.errors import CheckpointError
from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.model.fast import accelerate
from swinviz.segmenter import SwinUPerNet

__all__ = ["build_from_state_dict", "check_shapes", "check_values", "read_backbone", "read_heads"]

_SHOWN = 6
_LARGEST_TABLES = 2**28  # bytes of all blocks' position indices, 8 * M**4 each; published models need 4 MB


def read_backbone(tensors: Mapping[str, Tensor]) -> SwinConfig:
    """Read widths, depths, heads and window from a state dict under our names.

    Raises:
        CheckpointError: a tensor that decides the shape is missing, or the shapes are no Swin's.
    """
    depths = []
    for stage in range(_count(tensors, r"^backbone\.stages\.(\d+)\.", "stages")):
        pattern = rf"^backbone\.stages\.{stage}\.blocks\.(\d+)\."
        depths.append(_count(tensors, pattern, f"blocks of stage {stage}"))
    table = ".attn.relative_position_bias_table"
    tables = [_shape(tensors, f"backbone.stages.{stage}.blocks.0{table}", 2) for stage in range(len(depths))]
    windows = {(math.isqrt(rows) + 1) // 2 for rows, _ in tables}
    if len(windows) != 1:
        raise CheckpointError(
            f"its stages have different window sizes, {sorted(windows)}, which swinviz cannot build: "
            "load it as a backbone, which resizes the bias tables to one window."
        )
    if 8 * max(windows) ** 4 * sum(depths) > _LARGEST_TABLES:
        raise CheckpointError(f"its windows of {max(windows)} tokens a side are too large to attend in.")
    (embed_dim, _, _, _) = _shape(tensors, "backbone.patch_embed.proj.weight", 4)
    hidden, channels = _shape(tensors, "backbone.stages.0.blocks.0.mlp.fc1.weight", 2)
    mlp_ratio = hidden / channels
    if int(channels * mlp_ratio) < hidden:  # a third times three may fall below one
        mlp_ratio = math.nextafter(mlp_ratio, math.inf)
    try:
        return SwinConfig(
            embed_dim=embed_dim,
            depths=tuple(depths),
            num_heads=tuple(heads for _, heads in tables),
            window_size=windows.pop(),
            mlp_ratio=mlp_ratio,
        )
    except ValueError as error:
        raise CheckpointError(
            f"its tensors have the shapes of no Swin Transformer: {first_line(error)}"
        ) from error


def read_heads(
    tensors: Mapping[str, Tensor], backbone: SwinConfig, pool_scales: tuple[int, ...] = ()
) -> tuple[int, HeadConfig]:
    """Read the number of classes and the heads' widths from a state dict under our names.

    Args:
        tensors: the state dict.
        backbone: shape of its backbone, which tells the stage that the auxiliary head reads.
        pool_scales: sides of the pooling grids where the file tells them; no weight depends on them, so
            otherwise the usual (1, 2, 3, 6) are taken, if there are four.

    Raises:
        CheckpointError: there is no decode head, or its shapes are no UPerNet's.
    """
    if not any(name.startswith(("head.", "decode_head.")) for name in tensors):
        raise CheckpointError(
            "it holds a backbone without a segmentation head: "
            "load it with swinviz.load_backbone(), which adds fresh heads to be trained."
        )
    if not any(name.startswith("head.ppm.") for name in tensors):
        raise CheckpointError(
            "its decode head is no UPerHead, the only one that swinviz has: run it with the program that "
            "wrote it, or take its backbone with swinviz.load_backbone(), which adds fresh heads."
        )
    num_classes, channels, _, _ = _shape(tensors, "head.classifier.weight", 4)
    grids = _count(tensors, r"^head\.ppm\.(\d+)\.", "pooling grids")
    pool_scales = pool_scales or HeadConfig().pool_scales
    if len(pool_scales) != grids:
        raise CheckpointError(f"it pools over {grids} grids, but which sizes they have is not known.")
    aux_channels, aux_stage = _read_auxiliary_head(tensors, backbone)
    try:
        return num_classes, HeadConfig(channels, pool_scales, aux_channels, aux_stage)
    except ValueError as error:
        raise CheckpointError(f"its heads are no UPerNet's: {first_line(error)}") from error


def _read_auxiliary_head(tensors: Mapping[str, Tensor], backbone: SwinConfig) -> tuple[int, int]:
    """Read width and stage of the auxiliary head; width 0 if there is none."""
    if not any(name.startswith("aux.") for name in tensors):
        return 0, HeadConfig().aux_stage
    channels, reads, _, _ = _shape(tensors, "aux.conv.conv.weight", 4)
    if reads not in backbone.channels:
        raise CheckpointError(
            f"its auxiliary head reads {reads} channels, but the stages have {backbone.channels}."
        )
    return channels, backbone.channels.index(reads)


def check_shapes(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, Tensor]) -> None:
    """Check that a state dict holds exactly the tensors of a model, in their shapes.

    Raises:
        CheckpointError: lists what is missing, unexpected and of the wrong shape.
    """
    errors = [
        _list("missing", expected.keys() - found.keys()),
        _list("unexpected", found.keys() - expected.keys()),
        _list(
            "of another shape",
            {
                f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name])}"
                for name in expected.keys() & found.keys()
                if found[name].shape != expected[name]
            },
        ),
    ]
    if any(errors):
        raise CheckpointError(f"its tensors do not fit the model: {'; '.join(filter(None, errors))}.")


def check_values(tensors: Mapping[str, Tensor]) -> None:
    """Check that all weights are finite numbers with a fraction.

    Raises:
        CheckpointError: a weight is NaN, infinite, an integer or complex.
    """
    for name, tensor in tensors.items():
        if name.endswith(".num_batches_tracked"):
            continue
        if not tensor.is_floating_point():
            raise CheckpointError(
                f"its tensor {name} holds {tensor.dtype} instead of floating-point numbers."
            )
        if not torch.isfinite(tensor.float()).all():
            raise CheckpointError(
                f"its tensor {name} holds NaN or infinity: the training that wrote it failed."
            )


class _WeightsWithoutMemory(TorchFunctionMode):
    """While active, weights are made on the meta device; tables that a model computes are made as ever.

    A whole model on the meta device would lack its tables, and computing them there takes seconds of imports.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.normal_, nn.init.normal_):
            tensor: Tensor = args[0] if args else (kwargs or {})["tensor"]
            return tensor  # nothing to fill; asked for all the same, torch would import its compiler
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones):
            kwargs["device"] = kwargs.get("device") or "meta"  # torch's layers pass device=None on
        return func(*args, **kwargs)


def build_from_state_dict(config: ModelConfig, tensors: dict[str, Tensor]) -> SwinUPerNet:
    """Make a model whose parameters are these tensors, not copies of them.

    Args:
        config: shape of the model.
        tensors: its complete state dict under our names.

    Raises:
        CheckpointError: they do not fit the configuration, or are no finite numbers.
    """
    # All before anything is built, as a false description could be of a model too large for any machine.
    stored = read_backbone(tensors)
    untold = ("mlp_ratio", "drop_path_rate", "shifted")  # no shape of a tensor tells these, or not exactly
    described = replace(config.backbone, **{name: getattr(stored, name) for name in untold})
    if described != stored:
        raise CheckpointError(f"it describes {config.backbone}, but holds the tensors of {stored}.")
    expected = expected_shapes(config)
    counters = {name: torch.tensor(0) for name in expected if name.endswith(".num_batches_tracked")}
    tensors = counters | tensors  # files of before torch 0.4.1 have none, and evaluation needs none
    check_shapes(expected, tensors)
    check_values(tensors)
    with _WeightsWithoutMemory():
        model = accelerate(SwinUPerNet(config))
    model.load_state_dict(tensors, strict=True, assign=True)
    return model


def _count(tensors: Mapping[str, Tensor], pattern: str, what: str) -> int:
    """Count the different numbers that group 1 of a pattern takes in the names; they must be 0, 1, 2, ..."""
    found = {int(match[1][:4]) for name in tensors if (match := re.match(pattern, name))}
    if found != set(range(len(found))) or not found:
        raise CheckpointError(
            f"its {what} are numbered {sorted(found)[:_SHOWN]}: some of its tensors are missing."
        )
    return len(found)


def _shape(tensors: Mapping[str, Tensor], name: str, ndim: int) -> tuple[int, ...]:
    if name not in tensors:
        raise CheckpointError(f"it lacks the tensor {name}: it is incomplete, or no Swin-UPerNet.")
    shape = tuple(tensors[name].shape)
    if len(shape) != ndim or 0 in shape:  # an empty tensor costs nothing to store, whatever it claims
        raise CheckpointError(
            f"its tensor {name} has the shape {shape}, but {ndim} axes, none of them empty, are needed."
        )
    return shape


def _list(what: str, names: AbstractSet[str]) -> str:
    if not names:
        return ""
    shown = sorted(names)[:_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{len(names)} {what} ({', '.join(shown)}{more})"
