"""Attention tab: the explorer on the picture of the Image tab. The work is in swinviz.explorer."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from swinviz.demo.links import read_link
from swinviz.demo.refusal import refusals_shown
from swinviz.demo.sessions import EXPLORE_PATH
from swinviz.demo.state import DemoState
from swinviz.demo.widget import widget
from swinviz.explorer import Session

__all__ = ["attention_tab"]


def attention_tab(
    state: DemoState, page: gr.Blocks, active: gr.State, picture: gr.Image, chosen: gr.State
) -> None:
    """Lay out the tab inside the current `gr.Tab`.

    Args:
        state: models and limits.
        page: the page, for what happens when it is opened.
        active: name of the visitor's model.
        picture: the picture of the Image tab.
        chosen: its id.
    """
    ticket = gr.State("", delete_callback=state.sessions.close)
    viewer = widget("attention", elem_id="attention")

    def open_session(path: str | None, name: str, previous: str) -> tuple[str, str]:
        state.sessions.close(previous)
        if path is None:
            return "", ""
        with refusals_shown():
            opened = state.pictures.open(path)
            session = Session(state.model(name), opened.pixels, title=f"{name} on {opened.name}")
        identity = state.sessions.open(session)
        address = EXPLORE_PATH.format(ticket=identity)
        return json.dumps({"path": address, "picture": opened.id, "size": session.size}), identity

    def begin(path: str | None, name: str, previous: str, request: gr.Request) -> Any:
        link = read_link(dict(request.query_params), state)
        if link.picture or link.model:
            return gr.skip(), gr.skip()  # another picture or model is on its way
        return open_session(path, name, previous)

    settings: dict[str, Any] = {
        "inputs": [picture, active, ticket],
        "outputs": [viewer, ticket],
        "api_visibility": "private",
        "trigger_mode": "always_last",
    }
    page.load(begin, **settings)
    gr.on([chosen.change, active.change], open_session, **settings)
