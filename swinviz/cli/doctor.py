"""`python -m swinviz doctor`."""

from __future__ import annotations

import argparse
import os
import platform
from importlib import metadata

import torch

import swinviz
from swinviz.checkpoints import available, cache_folder
from swinviz.devices import GB

__all__ = ["add_arguments", "run"]

GROUPS = {
    "core": ("torch", "numpy", "pillow", "safetensors", "huggingface_hub", "tqdm", "matplotlib"),
    "notebook": ("jupyterlab", "ipywidgets", "anywidget"),
    "demo": ("gradio", "websockets"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print versions, devices, models and what is missing.

    Returns:
        0; 1 if a package that swinviz cannot do without is missing, or a shipped model is not there.
    """
    print(f"swinviz {swinviz.__version__}, Python {platform.python_version()}, {platform.platform()}")
    missing = {group: _print_group(group, names) for group, names in GROUPS.items()}
    print("devices")
    for line in _devices():
        print(f"  {line}")
    healthy = not missing["core"] and _print_models()
    for group, names in missing.items():
        if names:
            wish = "swinviz" if group == "core" else f"swinviz[{group}]"
            print(f'missing: {", ".join(names)}; run pip install "{wish}"')
    return 0 if healthy else 1


def _print_group(group: str, names: tuple[str, ...]) -> list[str]:
    """Print the versions of a group of packages; return those that are missing."""
    print(group)
    missing = []
    for name in names:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "not installed"
            missing.append(name)
        print(f"  {name:16s} {version}")
    return missing


def _devices() -> list[str]:
    lines = [f"cpu              {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        lines.append(f"cuda:{index}           {properties.name}, {properties.total_memory / GB:.0f} GB")
    if torch.backends.mps.is_available():
        lines.append("mps              Apple GPU")
    return lines


def _print_models() -> bool:
    """Print what models there are; return whether those that come with the package are there."""
    folder = cache_folder()
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.access(place, os.F_OK))
    state = "writable" if os.access(nearest, os.W_OK) else "not writable"
    print(f"models (cache: {folder}, {state})")
    found = {entry.preset.name: entry for entry in available()}
    for name, entry in found.items():
        size = f"not downloaded, about {entry.download_bytes / 1e6:.0f} MB"
        absent = "missing" if entry.preset.shipped else size
        print(f"  {name:16s} {entry.path or absent} (license of the weights: {entry.preset.license})")
    return all(entry.path is not None for entry in found.values() if entry.preset.shipped)
