"""The cache of fetched weights: its folder, and the files in it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from swinviz.checkpoints.hub import cached_on_hub
from swinviz.files import is_there
from swinviz.presets import PRESETS, Preset

__all__ = ["Available", "available", "cache_folder", "find_cached", "packaged_weights"]


@dataclass(frozen=True)
class Available:
    """One line of a menu of models.

    Attributes:
        preset: the model.
        path: its weights on this machine, or None where they are not.
        download_bytes: about how much loading it would download; 0 if nothing.
    """

    preset: Preset
    path: Path | None
    download_bytes: int


def cache_folder() -> Path:
    """Return the folder of fetched weights: $SWINVIZ_CACHE, or the one the system keeps for caches.

    The folder need not exist.
    """
    if chosen := os.environ.get("SWINVIZ_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "swinviz" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "swinviz"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swinviz"


def packaged_weights(name: str = "nano") -> Path:
    """Return where the package carries the weights of a shipped preset."""
    return Path(__file__).parent.parent / "weights" / f"{name}.safetensors"


def find_cached(preset: Preset) -> Path | None:
    """Find a preset's weights on this machine: in the package, our cache, or the hub's.

    Args:
        preset: a row of `PRESETS`.
    """
    if preset.shipped:
        return path if (path := packaged_weights(preset.name)).is_file() else None
    path = cache_folder() / preset.file
    if preset.file and is_there(path):
        return path
    return cached_on_hub(preset.hub_id) if preset.hub_id else None


def available() -> list[Available]:
    """List every preset, and what loading it would download, without touching the network.

    >>> [line.preset.name for line in available()][:3]
    ['nano', 'outdoor', 'swin-t']
    """
    lines = []
    for preset in PRESETS.values():
        path = find_cached(preset)
        here = path is not None or preset.shipped
        lines.append(Available(preset, path, 0 if here else preset.download_bytes))
    return lines
