"""The packages that `pip install swinviz[EXTRAS]` brings to an empty environment: nothing else imports.

    python -c "import declared_only; declared_only.enforce('demo'); ..."

A wheel is tried so without downloading gigabytes into a second environment.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.abc import MetaPathFinder

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class Absent(MetaPathFinder):
    """Finds that some modules are not installed."""

    def __init__(self, modules: set[str]) -> None:
        self.modules = modules

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> None:
        if fullname.partition(".")[0] in self.modules:
            raise ModuleNotFoundError(f"no declared requirement brings {fullname}", name=fullname)


def brought_by(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """The distributions that installing one brings, itself included."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    found = {name}
    try:
        required = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return set()  # for another platform
    for requirement in map(Requirement, required):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            found |= brought_by(canonicalize_name(requirement.name), frozenset(requirement.extras), seen)
    return found


def enforce(*extras: str) -> None:
    """Make every module of other distributions than the declared ones unavailable from now on."""
    declared = brought_by("swinviz", frozenset(extras), set())
    providers = metadata.packages_distributions()
    absent = {
        module for module, names in providers.items() if not declared & set(map(canonicalize_name, names))
    }
    for module in [name for name in sys.modules if name.partition(".")[0] in absent]:
        del sys.modules[module]
    sys.meta_path.insert(0, Absent(absent - set(sys.stdlib_module_names) - {"declared_only"}))
