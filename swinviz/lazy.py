"""Imports at first use: of a package's own names, and of packages that not everybody installs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from swinviz.errors import MissingPackageError

__all__ = ["names_from", "require_package"]


def names_from(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package that imports each of its names when it is asked for.

    `import swinviz` stays light so, and the reader of exported models, which needs one module of a package,
    does without what the others need.

    Args:
        package: the package's `__name__`.
        homes: public name -> module inside the package that holds it.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get


def require_package(module: str, install: str, *, needed: str) -> Any:
    """Import a module of a package that not everybody installs.

    Args:
        module: its full name.
        install: what pip installs, such as "swinviz[video]".
        needed: beginning of the message, such as "videos need PyAV, which".

    Returns:
        The module.

    Raises:
        MissingPackageError: it is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        shown = f'"{install}"' if "[" in install else install
        raise MissingPackageError(f"{needed} is not installed: run `pip install {shown}`.") from error
