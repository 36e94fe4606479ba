"""The viewer in a notebook: an anywidget that answers the viewer's requests from the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from swinviz.explorer import html
from swinviz.explorer.payload import answer
from swinviz.explorer.session import BlockKey, Session

__all__ = ["Explorer"]


class Explorer(anywidget.AnyWidget):
    """The attention viewer of one model and one image, for JupyterLab, VS Code and Colab.

    Args:
        session: answers the viewer's requests.
        state: permalink that the viewer opens with.
    """

    _esm = html.script()
    _css = html.style()
    state = traitlets.Unicode("").tag(sync=True)

    def __init__(self, session: Session, state: str = "") -> None:
        super().__init__(state=state)
        self.session = session
        self.on_msg(self._answer)

    def _answer(self, _widget: Explorer, content: dict[str, Any], _buffers: list[bytes]) -> None:
        try:
            message = answer(self.session, str(content.get("name")), content.get("args"))
        except ValueError as error:
            self.send({"id": content.get("id"), "error": str(error)})
        else:
            self.send({"id": content.get("id")}, buffers=[message])

    def save_html(self, path: str | Path, *, budget: int = html.DEFAULT_BUDGET) -> list[BlockKey]:
        """Write this viewer into one offline file; see `swinviz.explorer.html.save_html`."""
        return html.save_html(self.session, path, state=self.state, budget=budget)
