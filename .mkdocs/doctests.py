"""Doctests in docstrings as code blocks: Markdown would read their results as links."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Object

__all__ = ["Doctests"]


class Doctests(Extension):
    """Puts a fence around every run of lines that begins with a prompt."""

    def on_instance(self, *, obj: Object, **kwargs: Any) -> None:
        """Change the docstring of whatever was read."""
        if obj.docstring and ">>>" in obj.docstring.value:
            blocks = obj.docstring.value.split("\n\n")
            obj.docstring.value = "\n\n".join(map(_fenced, blocks))


def _fenced(block: str) -> str:
    start = block.find(">>>")
    if start < 0:
        return block
    start = block.rfind("\n", 0, start) + 1
    indent = " " * (len(block[start:]) - len(block[start:].lstrip(" ")))
    before = block[:start] + ("\n" if block[:start].strip() else "")
    return f"{before}{indent}```pycon\n{block[start:]}\n{indent}```"
