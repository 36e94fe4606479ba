"""The viewer in a notebook: an anywidget that answers the viewer's requests from the kernel."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from PIL import Image

from swinviz.explorer import html
from swinviz.explorer.requests import answer
from swinviz.explorer.session import Session
from swinviz.model.hooks import BlockId

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
        except (ValueError, RuntimeError) as error:  # RuntimeError: torch has no memory left, for example
            self.send({"id": content.get("id"), "error": str(error)})
        else:
            self.send({"id": content.get("id")}, buffers=[message])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and for pages that run no widgets (a saved notebook on the web) the picture alone."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        picture = io.BytesIO()
        Image.fromarray(self.session.image).save(picture, "PNG", compress_level=1)
        if data is not None:
            data["image/png"] = base64.b64encode(picture.getvalue()).decode("ascii")
        return bundle

    def save_html(self, path: str | Path, *, budget: int = html.DEFAULT_BUDGET) -> list[BlockId]:
        """Write this viewer into one offline file; see `swinviz.explorer.html.save_html`."""
        return html.save_html(self.session, path, state=self.state, budget=budget)
