"""The viewer's scripts: ES modules for pages that fetch them, joined into one for hosts that take a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["STATIC", "join_modules", "script", "style"]

STATIC = Path(__file__).parent / "static"
"""The folder of modules and styles; `explorer.js` is the entry."""

_IMPORT = re.compile(r'import \{([^}]*)\} from "(\.{1,2}/[^"]+)";\n')
_EXPORT = re.compile(r"export (?=(?:async )?(?:const|let|function|class) )")
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_STATEMENT = re.compile(r"^(?:import|export|var|(?:const|let) [\[{]).*", re.MULTILINE)


@cache
def script() -> str:
    """The viewer's JavaScript as one module, which exports `mount` and the transports of pages."""
    return join_modules(STATIC / "explorer.js")


@cache
def style() -> str:
    """The viewer's style sheet; every rule is confined to the viewer."""
    return (STATIC / "explorer.css").read_text(encoding="utf-8")


def join_modules(entry: Path) -> str:
    """Join a module and all that it imports into one module, in the order in which they would run.

    All share one scope, so that names must differ between modules. Understood are
    `import { a, b } from "./c.js"` and `export` before a declaration, each at the beginning of a line; the
    entry may end in any other export. Comments on lines of their own (`/** ... */`, which hold the types) are
    left out.

    Args:
        entry: the module that is run; what it exports, the joined one exports.

    Raises:
        ValueError: two modules declare one name, import each other, or import what is not exported; or an
            import or export has another form.
    """
    owners: dict[str, Path] = {}
    parts = []
    for path in _in_order(entry):
        text = path.read_text(encoding="utf-8")
        for name in _DECLARED.findall(text):
            if name in owners:
                raise ValueError(f"{path.name} and {owners[name].name} both declare {name!r}: rename one.")
            owners[name] = path
        body = _COMMENT.sub("", _IMPORT.sub("", text))
        if path != entry:
            body = _EXPORT.sub("", body)
        _refuse_other_forms(path, body, entry=path == entry)
        parts.append(f"// {path.name}\n{body.strip()}\n")
    return "\n".join(parts)


def _in_order(entry: Path) -> list[Path]:
    """A module after all that it imports."""
    ordered: list[Path] = []
    open_: list[Path] = []

    def visit(path: Path) -> None:
        if path in ordered:
            return
        if path in open_:
            raise ValueError(f"{path.name} and {open_[-1].name} import each other: move what both need.")
        open_.append(path)
        for imported, names in _imports(path):
            exported = set(_EXPORTED.findall(imported.read_text(encoding="utf-8")))
            if not names <= exported:
                missing = ", ".join(sorted(names - exported))
                raise ValueError(f"{path.name} imports {missing}, which {imported.name} does not export.")
            visit(imported)
        ordered.append(open_.pop())

    visit(entry.resolve())
    return ordered


def _imports(path: Path) -> Iterator[tuple[Path, set[str]]]:
    for names, address in _IMPORT.findall(path.read_text(encoding="utf-8")):
        yield (path.parent / address).resolve(), {name.strip() for name in names.split(",") if name.strip()}


def _refuse_other_forms(path: Path, body: str, *, entry: bool) -> None:
    for statement in _STATEMENT.findall(body):
        if not (entry and statement.startswith("export")):
            raise ValueError(f"{path.name}: {statement!r} cannot be joined; see join_modules for the forms.")
