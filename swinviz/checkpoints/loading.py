"""From a name, a path or a hub id to a model that is ready to use."""

from __future__ import annotations

import difflib
import logging
import os
import re
from pathlib import Path

import torch
from torch import Tensor

from swinviz.checkpoints.architecture import build_from_state_dict, read_backbone, read_heads
from swinviz.checkpoints.cache import cache_folder, find_cached, packaged_weights
from swinviz.checkpoints.download import Published, fetch, is_intact
from swinviz.checkpoints.errors import naming_file
from swinviz.checkpoints.foreign import refuse_foreign
from swinviz.checkpoints.hub import cached_on_hub, fetch_from_hub
from swinviz.checkpoints.keys import translate
from swinviz.checkpoints.options import refuse_options
from swinviz.checkpoints.reading import Contents, read
from swinviz.errors import CheckpointError
from swinviz.files import is_there
from swinviz.model.config import ModelConfig
from swinviz.presets import PRESETS, Preset
from swinviz.segmenter import SwinUPerNet

__all__ = ["best_cached", "find_intact", "load", "locate"]

logger = logging.getLogger(__name__)

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")


def load(
    name: str | os.PathLike[str] = "auto",
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: bool = True,
) -> SwinUPerNet:
    """Load a model, in evaluation mode.

    Args:
        name: a preset of `swinviz.presets.PRESETS`, fetched if it is not in the cache; a path to a `.pth`,
            `.bin` or `.safetensors` file, or to a folder that transformers saved; a hub id such as
            "openmmlab/upernet-swin-tiny"; or "auto", the best published model that is in the cache already,
            else outdoor, which comes with the package; it never fetches anything.
        device: where the model should be; the CPU by default.
        dtype: floating-point type of the weights; float32 by default.
        progress: whether a download shows a bar.

    Returns:
        The model, with the classes and colors that its file names.

    Raises:
        CheckpointError: the file is damaged, unsafe, or no Swin-UPerNet; the message says which.
        DownloadError: the file could not be fetched; the message says what to do.
        FileNotFoundError: there is no such file or name.
    """
    path = locate(name, progress=progress)
    contents = read(path)
    with naming_file(path):
        refuse_foreign(contents.tensors, contents.model_type)
        tensors = translate(contents.tensors)
        refuse_options(tensors, contents.options)
        model = build_from_state_dict(contents.config or _deduce_config(tensors, contents), tensors)
    return model.to(device=device, dtype=dtype or torch.float32).eval()


def locate(name: str | os.PathLike[str], *, progress: bool = True) -> Path:
    """Find the weights that a name stands for, fetching them if they are not on this machine.

    Args:
        name: as for `load`.
        progress: whether a download shows a bar.

    Raises:
        DownloadError, FileNotFoundError: as `load`.
    """
    if name == "auto":
        return best_cached()[1]
    if isinstance(name, str) and name in PRESETS:
        return _locate_preset(PRESETS[name], progress)
    path = Path(name).expanduser()
    if path.exists():
        return path
    if isinstance(name, str) and _HUB_ID.fullmatch(name) and not name.endswith(_SUFFIXES):
        return fetch_from_hub(name, progress=progress)
    close = difflib.get_close_matches(str(name), PRESETS, n=1)
    hint = (
        f"did you mean {close[0]!r}?"
        if close
        else f"name one of {', '.join(PRESETS)}, or a file that exists."
    )
    raise FileNotFoundError(f"There is no model {str(name)!r}: {hint}")


def _locate_preset(preset: Preset, progress: bool) -> Path:
    if preset.shipped:
        path = packaged_weights(preset.name)
        if not path.is_file():
            raise CheckpointError(f"The package lacks its own weights, {path}: install it again.")
        return path
    if not preset.file or not is_there(cache_folder() / preset.file):
        if preset.hub_id and (found := cached_on_hub(preset.hub_id)):
            return found  # the same weights, fetched for another program
        if not preset.file:
            return fetch_from_hub(preset.hub_id, progress=progress)
    published = Published(preset.url, preset.sha256_start, preset.download_bytes)
    return fetch(published, cache_folder(), progress=progress)


def find_intact(preset: Preset) -> Path | None:
    """Find a preset's weights on this machine; a published file whose hash is wrong does not count.

    Args:
        preset: a row of `PRESETS`.
    """
    path = find_cached(preset)
    if path and path.name == preset.file and not is_intact(path, preset.sha256_start):
        logger.warning("%s is damaged and left aside; swinviz.load(%r) fetches it again.", path, preset.name)
        return None
    return path


def best_cached() -> tuple[Preset, Path]:
    """Choose the most accurate published model on this machine, else outdoor, and find its weights."""
    for preset in sorted(PRESETS.values(), key=lambda row: row.miou or 0.0, reverse=True):
        if not preset.shipped and (path := find_intact(preset)):
            logger.info("Using %s, the best model in the cache.", preset.name)
            return preset, path
    return PRESETS["outdoor"], _locate_preset(PRESETS["outdoor"], progress=False)


def _deduce_config(tensors: dict[str, Tensor], contents: Contents) -> ModelConfig:
    """Read the configuration from the shapes, and the names of the classes from the file."""
    backbone = read_backbone(tensors)
    num_classes, head = read_heads(tensors, backbone, contents.pool_scales)
    classes, palette = contents.classes, contents.palette
    if num_classes == 1 and len(classes) == 2:
        raise CheckpointError(
            "it decides between two classes with one logit (out_channels=1), which swinviz does not do: "
            "train it with one logit a class."
        )
    if len(classes) != num_classes:
        if classes:
            logger.warning("The file names %d classes but decides among %d.", len(classes), num_classes)
        classes, palette = tuple(f"class_{index}" for index in range(num_classes)), ()
    return ModelConfig(classes, palette, backbone, head)
