"""Every public name says what it takes, gives and raises; the rule is in docstrings.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.docstrings import Source, complaints


@pytest.fixture(scope="module")
def sources(repository: Path) -> dict[str, Source]:
    files = (repository / "swinviz").rglob("*.py")
    return {source.name: source for source in (Source.read(file, repository) for file in files)}


def test_every_public_name_says_shapes_units_and_errors(sources: dict[str, Source]) -> None:
    assert list(complaints(sources)) == []


def test_docstrings_begin_with_a_noun_or_a_verb(sources: dict[str, Source]) -> None:
    asking = re.compile(r"(What|How|Whether|Which)\b")
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for name, source in sources.items():
        for node in ast.walk(source.tree):
            if isinstance(node, nodes):
                assert not asking.match(ast.get_docstring(node) or ""), (name, ast.get_docstring(node))


def test_only_the_parts_of_the_scenes_leave_it_to_their_package_what_is_public(
    sources: dict[str, Source],
) -> None:
    silent = {name for name, source in sources.items() if not source.published}
    assert {name.rpartition(".")[0] for name in silent - {"swinviz.__main__", "swinviz.data"}} == {
        "swinviz.data.scenes"
    }
    assert sources["swinviz.data.scenes"].published


BAD = '''
def says_nothing(): ...

class Class:
    def method(self): ...

def no_shape(x: Tensor):
    """Take a map (Liu et al. 2021, eq. 4)."""

def no_shape_in_quotes(x: "NDArray[np.uint8] | None"):
    """Take an image."""

def one_shape_of_two(x: Tensor, y: Tensor):
    """Take maps.

    Args:
        x: (B, C).
        y: a map.
    """

def no_shape_of_result(x: Tensor) -> list[Tensor]:
    """Make maps.

    Args:
        x: (B, C).

    Returns:
        Maps.
    """

def no_unit(wait: float) -> float | None:
    """Wait."""

class Fields:
    """Contents of fields.

    Attributes:
        x: a map.
        y: how long.
    """

    x: Tensor
    y: float = 1.0

def raises_in_secret():
    """Try it."""
    try:
        attempt()
    except OSError as error:
        raise ValueError("no") from error

def raises_another():
    """Try it.

    Raises:
        KeyError: never.
    """
    if unlucky:
        raise ValueError("no")

constant = 3
'''

COMPLAINTS = """
says_nothing has no docstring
Class has no docstring
Class.method has no docstring
no_shape gives no shape of x
no_shape_in_quotes gives no shape of x
one_shape_of_two gives no shape of y
no_shape_of_result gives no shape of the result
no_unit gives neither unit nor range of wait
no_unit gives neither unit nor range of the result
Fields.x has no shape
Fields.y has neither unit nor range
raises_in_secret does not name ValueError under Raises
raises_another does not name ValueError under Raises
constant has no sentence beneath it
"""

GOOD = '''
def maps(x: Tensor) -> Tensor:
    """Turn maps (B, C, H / (4 * 2**s), W) around."""

def table(x: Tensor, state: dict[str, Tensor]):
    """Put a table into a state.

    Args:
        x: ((2M-1)**2, nH), as it is in
            every block.
        state: all tensors by name.
    """

def unit_in_the_name(seconds: float):
    """Wait."""

def unit_in_words(opacity: float) -> float:
    """Return a share.

    Args:
        opacity: 0 to 1.
    """

def raises():
    """Never succeed.

    Raises:
        ValueError: always.
    """
    raise ValueError("no")

def catches():
    """Always succeed."""
    try:
        raise ValueError("no")
    except ValueError:
        return

def raises_later():
    """Make something that fails."""
    def fail():
        raise ValueError("no")
    return fail

class Class:
    """A class whose methods are its own affair."""

    def _method(self): ...

constant = 3
"""The number of things."""
'''


def complaints_about(code: str, **more: str) -> set[str]:
    sources = {name: Source(name, ast.parse(text)) for name, text in {"sample": code, **more}.items()}
    return set(complaints(sources))


def publishing_all(code: str) -> str:
    return code + f"__all__ = {list(Source('sample', ast.parse(code)).definitions)}"


def test_what_is_missing_is_seen() -> None:
    expected = {f"sample.{line}" for line in COMPLAINTS.strip().splitlines()}
    assert complaints_about(publishing_all(BAD)) == expected


def test_good_docstrings_are_left_alone() -> None:
    assert complaints_about(publishing_all(GOOD)) == set()


def test_a_name_is_followed_to_the_module_that_defines_it() -> None:
    package = 'from home import f\n__all__ = ["f", "missing"]'
    assert complaints_about(package, home="def f(): ...") == {
        "home.f has no docstring",
        "sample.missing is published but not defined",
    }
