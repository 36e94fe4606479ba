"""The viewer in a notebook: an anywidget whose kernel handles the viewer's requests."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from swinviz.explorer import html
from swinviz.explorer.requests import handle
from swinviz.explorer.scripts import script, style
from swinviz.explorer.session import Session
from swinviz.explorer.still import ALT, still
from swinviz.model.hooks import BlockId

__all__ = ["Explorer"]


class Explorer(anywidget.AnyWidget):
    """The attention viewer of one model and one image, for JupyterLab, VS Code and Colab.

    Args:
        session: the model and image.
        state: permalink that the viewer opens with.
    """

    _esm = script()
    _css = style()
    state = traitlets.Unicode("").tag(sync=True)

    def __init__(self, session: Session, state: str = "") -> None:
        super().__init__(state=state)
        self.session = session
        self.on_msg(self._handle)

    def _handle(self, _widget: Explorer, content: dict[str, Any], _buffers: list[bytes]) -> None:
        try:
            message = handle(self.session, str(content.get("name")), content.get("args"))
        except (ValueError, RuntimeError) as error:  # RuntimeError: torch has no memory left, for example
            self.send({"id": content.get("id"), "error": str(error)})
        else:
            self.send({"id": content.get("id")}, buffers=[message])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and for pages that run no widgets (a saved notebook on the web) a still picture."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if data is None:
            return bundle
        picture = base64.b64encode(still(self.session, self.state)).decode("ascii")
        return data | {"image/png": picture}, metadata | {"image/png": {"alt": ALT}}

    def save_html(self, path: str | Path, *, budget: int = html.DEFAULT_BUDGET) -> list[BlockId]:
        """Write this viewer into one offline file; see `swinviz.explorer.html.save_html`."""
        return html.save_html(self.session, path, state=self.state, budget=budget)
