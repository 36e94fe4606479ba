"""From a name, a path or a hub id to a model that is ready to use."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch

from swinviz.checkpoints.architecture import fill, read_backbone, read_heads
from swinviz.checkpoints.keys import translate
from swinviz.checkpoints.reading import Contents, blaming, read
from swinviz.config import ModelConfig
from swinviz.segmenter import SwinUPerNet

__all__ = ["load"]

logger = logging.getLogger(__name__)


def load(
    name: str | os.PathLike[str] = "auto",
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: bool = True,
) -> SwinUPerNet:
    """Load a model, in evaluation mode."""
    path = Path(name)
    contents = read(path)
    with blaming(path):
        model = _build(contents)
    return model.to(device=device, dtype=dtype or torch.float32).eval()


def _build(contents: Contents) -> SwinUPerNet:
    tensors = translate(contents.tensors)
    config = contents.config or _deduce_config(tensors, contents)
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        model = SwinUPerNet(config)
    fill(model, tensors)
    return model


def _deduce_config(tensors: dict[str, torch.Tensor], contents: Contents) -> ModelConfig:
    backbone = read_backbone(tensors)
    num_classes, head = read_heads(tensors, backbone, contents.pool_scales)
    classes, palette = contents.classes, contents.palette
    if len(classes) != num_classes:
        if classes:
            logger.warning("The checkpoint names %d classes but decides among %d.", len(classes), num_classes)
        classes, palette = tuple(f"class_{index}" for index in range(num_classes)), ()
    return ModelConfig(classes, palette, backbone, head)
