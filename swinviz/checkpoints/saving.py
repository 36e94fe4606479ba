"""Writing models: `.safetensors` in our names, with everything needed to build the model inside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file

from swinviz.checkpoints.loading import load
from swinviz.checkpoints.metadata import METADATA_KEY, encode_config
from swinviz.errors import CheckpointError
from swinviz.files import replacing
from swinviz.segmenter import SwinUPerNet

__all__ = ["convert", "save"]


def save(model: SwinUPerNet, path: str | os.PathLike[str], *, notes: Mapping[str, str] | None = None) -> Path:
    """Write a model's weights, configuration, classes and palette to one file, which `load` reads.

    Args:
        model: any model, on any device.
        path: where to, ending in `.safetensors`; an older file of that name is replaced in one step.
        notes: further entries of the file's metadata, such as its license; `load` passes them over.

    Returns:
        The path that was written.

    Raises:
        CheckpointError: another suffix than `.safetensors`.
        OSError: the folder is missing, full, or not writable.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise CheckpointError(f"Models are saved as .safetensors, not as {path.name}: give it that suffix.")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    metadata = {**(notes or {}), "format": "pt", METADATA_KEY: encode_config(model.config)}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)
    return path


def convert(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> SwinUPerNet:
    """Rewrite any checkpoint that `load` reads as `.safetensors` in our names; return the model.

    Raises:
        CheckpointError, DownloadError, FileNotFoundError: as `load` and `save` do.
    """
    model = load(source)
    save(model, path)
    return model
