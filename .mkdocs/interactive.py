"""Widgets on a page without a kernel: explorers live on as offline files, sliders show what they drew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

__all__ = ["EXPLORERS", "explorers_as_pages", "without_kernel"]

EXPLORERS = "*_explorer_*.html"
"""Names of the files that explorers become."""

_STATE = "application/vnd.jupyter.widget-state+json"
_VIEW = "application/vnd.jupyter.widget-view+json"

_CELL = """
def _as_pages():
    from itertools import count
    from pathlib import Path

    from ipywidgets.widgets import interaction

    from swinviz.explorer.widget import Explorer

    numbers = count(1)

    def page(explorer, **kwargs):
        name = f"{stem}_explorer_{{next(numbers)}}.html"
        explorer.save_html(Path({folder!r}, name))
        return {{"text/html": (
            f'<div class="explorer">'
            f'<iframe src="{{name}}" title="Attention explorer" loading="lazy"></iframe>'
            f'<p><a href="{{name}}">This explorer on a page of its own</a></p></div>'
        )}}

    Explorer._repr_mimebundle_ = page
    # Sliders draw into the cell's own output here, and shall not clear what stands above.
    interaction.clear_output = lambda **kwargs: None

_as_pages()
del _as_pages
"""


def explorers_as_pages(folder: str, stem: str) -> str:
    """Code that lets a notebook's explorers be written as offline files, shown in a frame.

    Args:
        folder: where the files are written.
        stem: beginning of their names.
    """
    return _CELL.format(folder=folder, stem=stem)


def without_kernel(notebook: NotebookNode) -> None:
    """Leave of sliders what they drew first, once, and say what can be moved in Jupyter."""
    state = notebook.metadata.get("widgets", {}).get(_STATE, {}).get("state", {})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            stills = {_picture(output) for output in cell.outputs if _VIEW in output.get("data", {})} - {""}
            cell.outputs = [
                shown
                for output in cell.outputs
                if _VIEW in output.get("data", {}) or _picture(output) not in stills
                for shown in _without_view(output, state)
            ]


def _picture(output: NotebookNode) -> str:
    """The picture of an output, which a control leaves a second time beside its view."""
    return str(output.get("data", {}).get("image/png", "")).replace("\n", "")


def _without_view(output: NotebookNode, state: dict[str, Any]) -> Iterator[NotebookNode]:
    view = output.get("data", {}).pop(_VIEW, None)
    if view is None or "image/png" in output.data:
        yield output
    inside = _models(view["model_id"], state) if view else ()
    names = [model["description"] for model in inside if model.get("description")]
    if names:
        note = f"*In Jupyter you can move this: {', '.join(names)}.*"
        yield new_output("display_data", {"text/markdown": note})


def _models(number: str, state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """State of a widget and of the widgets inside it."""
    found = state[number]["state"]
    yield found
    for child in found.get("children", []):
        yield from _models(child.removeprefix("IPY_MODEL_"), state)
