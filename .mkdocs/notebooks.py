"""Notebooks as Markdown pages: run if asked, formulas as MathML, figures beside the page."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

__all__ = ["render"]

_HEADING = re.compile(r"^#+ (.+)$")
_FENCE = re.compile(r"^(```|~~~)")
_BLOCK = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_INLINE = re.compile(r"(?<![\\$\w])\$(?! )([^$\n]+?)(?<! )\$(?!\w)")


def render(path: Path, *, execute: bool = False) -> tuple[str, dict[str, bytes]]:
    """Turn a notebook into Markdown.

    Args:
        path: the notebook, stored without outputs.
        execute: run it first, in its own folder, so that the page has its figures.

    Returns:
        The text, and the figures by the file names that it refers to.
    """
    notebook = nbformat.read(path, as_version=4)
    if execute:
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(path.parent)}}).execute()
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": path.stem, "output_files_dir": "."}
    )
    figures = {name.removeprefix("./"): content for name, content in resources.get("outputs", {}).items()}
    return _described(text), figures


def _described(text: str) -> str:
    """Draw formulas, and let figures say under which heading they stand; leave code as it is."""
    lines, heading = [], ""
    for part in re.split(r"((?:^```.*?^```$\n?))", text, flags=re.DOTALL | re.MULTILINE):
        if _FENCE.match(part):
            lines.append(part)
            continue
        part = _BLOCK.sub(lambda found: "\n\n" + convert(found[1].strip(), display="block") + "\n\n", part)
        part = _INLINE.sub(lambda found: convert(found[1]), part)
        for line in part.splitlines(keepends=True):
            if found := _HEADING.match(line):
                heading = re.sub(r"<[^>]*>|[`*\[\]]", "", found[1])
            lines.append(re.sub(r"!\[(?:png|jpeg|svg)\]\(\./", f"![Figure: {heading}](", line))
    return "".join(lines)
