"""Requirements on the docstring of a public name, checked on the source: shapes, units, errors.

ruff holds docstrings to Google's form, to the parameters that exist (D417, DOC102) and to results that exist
(DOC202, DOC403). This adds what it cannot know: which names are public, and what a tensor or a number needs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

ARRAYS = {"Tensor", "NDArray", "ndarray", "RGB", "Planes"}
"""Annotations of what has a shape. Images as `Image` (a path, bytes, PIL, an array) are files, not shapes."""

_SIZE = r"(?:\.\.\.|\*?\w+|\([\w+*/ -]+\))"
_AXIS = rf"{_SIZE}(?:\s*(?:\*\*|[-+*/])\s*{_SIZE})*"
SHAPE = re.compile(
    # (B, C, H, W), (*size, 3), ((2M-1)**2, nH), (length,); one number; what has the shape of another
    rf"\({_AXIS},(?:\s*{_AXIS},?)*\)|\b(?:scalars?|any shape|same shapes?)\b"
)
UNIT = re.compile(
    r"\b(?:seconds?|pixels?|tokens?|bytes?|[MG]i?B|gb|gigabytes?|degrees|levels?|logits?|steps?|nats|inches"
    r"|shares?|fractions?|probabilit(?:y|ies)|percent|ratios?|factors?|times|over|from 0"
    r"|-?\d(?:\.\d+)? ?(?:\.\.|to|and) ?-?\d|\d to below \d|at least -?\d|above -?\d)\b",
    re.IGNORECASE,
)
SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):\n((?:[ \t]+\S.*\n?|\s*\n)*)", re.MULTILINE)
ENTRY = re.compile(r"^    (\*{0,2}[\w., ]+?):((?:.*\n?)(?:^     +.*\n?|^\s*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Docstring:
    """A docstring by its parts."""

    text: str

    @cached_property
    def sections(self) -> dict[str, str]:
        return dict(SECTION.findall(self.text + "\n"))

    def entries(self, section: str) -> dict[str, str]:
        """Text of a section on each name in it."""
        found = ENTRY.findall(self.sections.get(section, ""))
        return {name.strip(): said for names, said in found for name in names.replace("*", "").split(",")}

    def about(self, parameter: str) -> str:
        """Text on a parameter; everything, where there is no list of them."""
        return self.entries("Args").get(parameter, self.text)

    @property
    def result(self) -> str:
        """Text on the result; everything, where it has no section of its own."""
        return self.sections.get("Returns") or self.sections.get("Yields") or self.text


def names_in(annotation: ast.expr | None) -> set[str]:
    """The names that an annotation is made of."""
    if annotation is None:
        return set()
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    nodes = list(ast.walk(annotation))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {
        n.attr for n in nodes if isinstance(n, ast.Attribute)
    }


def is_array(annotation: ast.expr | None) -> bool:
    """True where an annotation is an array or several; in a mapping each has a shape of its own."""
    names = names_in(annotation)
    return bool(ARRAYS & names) and not names & {"dict", "Mapping", "Callable"}


def is_number(annotation: ast.expr | None) -> bool:
    """True where an annotation is float, perhaps with None or in a tuple; int is too often a plain count."""
    names = names_in(annotation)
    return "float" in names and names <= {"float", "int", "None", "tuple"}


def words(name: str) -> str:
    """A name as words, for `seconds`, `memory_gb` and `degrees` say their unit themselves."""
    return name.replace("_", " ") + ": "


def raised_by(function: Function) -> set[str]:
    """The exceptions that a function raises in its own body, those it catches itself aside."""
    found: set[str] = set()

    def look(node: ast.AST, caught: set[str]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                continue  # it raises when it is called, and not before
            if isinstance(child, ast.Try):
                handled = {name for handler in child.handlers for name in names_in(handler.type)}
                for statement in child.body:
                    look(ast.Module([statement], []), caught | handled)
                for part in (*child.handlers, *child.orelse, *child.finalbody):
                    look(part if isinstance(part, ast.ExceptHandler) else ast.Module([part], []), caught)
                continue
            if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call):
                found.update(names_in(child.exc.func) - caught)
            look(child, caught)

    look(ast.Module(function.body, []), set())
    return {name for name in found if name.endswith("Error") and not name.startswith("_")}


def is_property(function: Function) -> bool:
    return any(name.endswith("property") for name in map(ast.unparse, function.decorator_list))


def complaints_about_function(function: Function, around: str = "") -> Iterator[str]:
    """Yield what the docstring of a function lacks; `around` is the docstring of its class."""
    text = ast.get_docstring(function)
    if not text:
        yield "has no docstring"
        return
    said = Docstring(text)
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    for parameter in parameters:
        about = said.about(parameter.arg)
        if is_array(parameter.annotation) and not SHAPE.search(about):
            yield f"gives no shape of {parameter.arg}"
        if is_number(parameter.annotation) and not UNIT.search(words(parameter.arg) + about):
            yield f"gives neither unit nor range of {parameter.arg}"
    if is_array(function.returns) and not SHAPE.search(said.result + around):
        yield "gives no shape of the result"
    if is_number(function.returns) and not UNIT.search(words(function.name) + said.result):
        yield "gives neither unit nor range of the result"
    promised = " ".join(said.entries("Raises"))
    for name in sorted(raised_by(function)):
        if name not in promised:
            yield f"does not name {name} under Raises"


def complaints_about_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """(member, what its docstring lacks) for a class, its fields and its public methods."""
    text = ast.get_docstring(node) or ""
    if not text:
        yield "", "has no docstring"
    attributes = Docstring(text).entries("Attributes") | Docstring(text).entries("Args")
    for member in node.body:
        if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if member.name.startswith("_"):
                continue  # the class docstring describes construction
            for complaint in complaints_about_function(member):
                yield f".{member.name}", complaint
        elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            field = member.target.id
            if field.startswith("_"):
                continue
            about = attributes.get(field, text)
            if is_array(member.annotation) and not SHAPE.search(about):
                yield f".{field}", "has no shape"
            if is_number(member.annotation) and not UNIT.search(words(field) + about):
                yield f".{field}", "has neither unit nor range"


@dataclass(frozen=True)
class Source:
    """A module's definitions and what it publishes."""

    name: str
    tree: ast.Module

    @classmethod
    def read(cls, file: Path, root: Path) -> Source:
        parts = file.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return cls(name, ast.parse(file.read_text()))

    @cached_property
    def published(self) -> list[str]:
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return list(ast.literal_eval(node.value))
        return []  # a part of a package, which publishes what is public

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found[node.name] = node
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                found[ast.unparse(target)] = node
        return found

    @cached_property
    def imports(self) -> dict[str, str]:
        """name: module it is imported from."""
        return {
            alias.asname or alias.name: node.module or ""
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def is_described(self, constant: ast.stmt) -> bool:
        """True where a string stands beneath an assignment."""
        following = self.tree.body[self.tree.body.index(constant) + 1 :]
        match following:
            case [ast.Expr(value=ast.Constant(value=str())), *_]:
                return True
        return False


def complaints(sources: dict[str, Source]) -> Iterator[str]:
    """Everything that the docstrings of the public names of some modules lack, as "module.name: what"."""
    public: set[tuple[str, str]] = set()
    for source in sources.values():
        for name in source.published:
            home = source
            while name not in home.definitions and home.imports.get(name) in sources:
                home = sources[home.imports[name]]
            public.add((home.name, name))
    for module, name in sorted(public):
        source = sources[module]
        node = source.definitions.get(name)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for complaint in complaints_about_function(node):
                    yield f"{module}.{name} {complaint}"
            case ast.ClassDef():
                for member, complaint in complaints_about_class(node):
                    yield f"{module}.{name}{member} {complaint}"
            case None:
                if f"{module}.{name}" not in sources:
                    yield f"{module}.{name} is published but not defined"
            case _ if not source.is_described(node):
                yield f"{module}.{name} has no sentence beneath it"
