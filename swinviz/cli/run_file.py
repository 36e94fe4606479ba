"""run.toml: what a training run was asked for, written by every run and read by --config."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import tomli_w

from swinviz.files import replacing
from swinviz.training import Recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_run", "write_run"]

# What is trained on what, beside the recipe.
_CHOICES = ("data", "root", "model", "backbone", "no_shift", "window", "crop", "hold_out", "background")


def write_run(path: Path, arguments: argparse.Namespace, recipe: Recipe) -> None:
    """Write the choices and the whole recipe of a run.

    Raises:
        OSError: the file cannot be written.
    """
    given = {name: getattr(arguments, name) for name in _CHOICES}
    run = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value not in (None, False)
    }
    text = tomli_w.dumps(run | {"recipe": asdict(recipe)})
    with replacing(path) as temporary:
        temporary.write_text(f"# python -m swinviz train --config {path.name} -o FOLDER\n{text}", "utf-8")


def read_run(path: Path, arguments: argparse.Namespace) -> set[str]:
    """Fill in what the command line leaves open.

    Args:
        path: a run.toml.
        arguments: changed in place.

    Returns:
        Names of the arguments that were filled in.

    Raises:
        ValueError: the file is no TOML, or names something that no run has.
        OSError: the file cannot be read.
    """
    try:
        run = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:  # broken TOML or no UTF-8
        raise ValueError(f"{path} is no TOML file ({error}): give the run.toml of an earlier run.") from error
    recipe = run.pop("recipe", {})
    if not isinstance(recipe, dict):
        raise ValueError(f"{path} gives recipe as {recipe!r:.40}: write a table, [recipe].")
    kinds = {field.name: type(field.default) for field in fields(Recipe)}
    unknown = [*run.keys() - set(_CHOICES), *recipe.keys() - kinds.keys()]
    if unknown:
        raise ValueError(f"{path} holds {', '.join(sorted(unknown)):.200}, which no run has: remove it.")
    filled = set()
    for name, value in run.items():
        if getattr(arguments, name) in (None, False):
            setattr(arguments, name, Path(value) if name == "root" else value)
            filled.add(name)
    for name, value in recipe.items():
        if getattr(arguments, name, None) is None:
            setattr(arguments, name, _typed(path, name, value, kinds[name]))
            filled.add(name)
    return filled


def _typed(path: Path, name: str, value: Any, kind: type) -> Any:
    """Give a number of the recipe its type, or refuse it in one sentence."""
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind is tuple and isinstance(value, list) and all(type(part) in (int, float) for part in value):
        return tuple(map(float, value))
    if type(value) is kind:
        return value
    raise ValueError(f"{path} gives {name} as {value!r:.40}: write a value of type {kind.__name__}.")
