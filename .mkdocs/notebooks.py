"""Notebooks as Markdown pages: run if asked, explorers alive, formulas as MathML, figures beside the page."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import nbformat
from interactive import EXPLORERS, explorers_as_pages, without_kernel
from latex2mathml.converter import convert
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbformat import NotebookNode

__all__ = ["render"]

# A figure's file before the HTML that it is, too, with its data inside.
_PRIORITY = ["image/svg+xml", "image/png", "text/html", "text/markdown", "text/latex", "text/plain"]
_HEADING = re.compile(r"^#+ (.+)$")
_FENCE = re.compile(r"^(```|~~~)")
_BLOCK = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_INLINE = re.compile(r"(?<![\\$\w])\$(?! )([^$\n]+?)(?<! )\$(?!\w)")
_FIGURE = re.compile(r"!\[(?:png|jpeg|svg)\]\(\./([^)]+)\)")


def render(path: Path, *, execute: bool = False) -> tuple[str, dict[str, bytes]]:
    """Turn a notebook into Markdown.

    Args:
        path: the notebook, stored without outputs.
        execute: run it first, in its own folder, so that the page has its figures and explorers.

    Returns:
        The text, and the figures and explorers by the file names that it refers to.
    """
    notebook = nbformat.read(path, as_version=4)
    beside = _execute(notebook, path) if execute else {}
    exporter = MarkdownExporter(config={"NbConvertBase": {"display_data_priority": _PRIORITY}})
    text, resources = exporter.from_notebook_node(
        notebook, resources={"unique_key": path.stem, "output_files_dir": "."}
    )
    figures = {name.removeprefix("./"): content for name, content in resources.get("outputs", {}).items()}
    return _described(text, _descriptions(notebook, path.stem)), figures | beside


def _execute(notebook: NotebookNode, path: Path) -> dict[str, bytes]:
    """Run a notebook's cells; return the pages of its explorers."""
    with tempfile.TemporaryDirectory() as folder:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(explorers_as_pages(folder, path.stem)))
        client = NotebookClient(
            notebook,
            timeout=900,
            resources={"metadata": {"path": str(path.parent)}},
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        # Its stand-in for ipywidgets' Output sends to the kernel while it waits for an answer, and the answer
        # is lost on a loaded machine.
        client.widget_registry = {}
        client.execute()
        del notebook.cells[0]
        without_kernel(notebook)
        return {page.name: page.read_bytes() for page in Path(folder).glob(EXPLORERS)}


def _descriptions(notebook: NotebookNode, stem: str) -> dict[str, str]:
    """Descriptions of the figures, from the notebook, by the names of their files."""
    return {
        f"{stem}_{cell_index}_{index}.png": output.metadata["image/png"]["alt"]
        for cell_index, cell in enumerate(notebook.cells)
        for index, output in enumerate(cell.get("outputs", []))
        if "alt" in output.get("metadata", {}).get("image/png", {})
    }


def _described(text: str, descriptions: dict[str, str]) -> str:
    """Draw formulas; let figures say what they show, or under which heading they stand. Code stays."""
    lines, heading = [], ""

    def describe(found: re.Match[str]) -> str:
        return f"![{descriptions.get(found[1], f'Figure: {heading}')}]({found[1]})"

    for part in re.split(r"((?:^```.*?^```$\n?))", text, flags=re.DOTALL | re.MULTILINE):
        if _FENCE.match(part):
            lines.append(part)
            continue
        part = _BLOCK.sub(lambda found: "\n\n" + convert(found[1].strip(), display="block") + "\n\n", part)
        part = _INLINE.sub(lambda found: convert(found[1]), part)
        for line in part.splitlines(keepends=True):
            if found := _HEADING.match(line):
                heading = re.sub(r"<[^>]*>|[`*\[\]]", "", found[1])
            lines.append(_FIGURE.sub(describe, line))
    return "".join(lines)
