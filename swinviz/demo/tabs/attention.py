"""Attention tab: the explorer on the picture of the Image tab. The work is in swinviz.explorer."""

from __future__ import annotations

import json

import gradio as gr

from swinviz.demo.pictures import open_picture
from swinviz.demo.refusal import refusals_shown
from swinviz.demo.sessions import EXPLORE_PATH
from swinviz.demo.state import DemoState
from swinviz.demo.widget import widget
from swinviz.explorer import Session

__all__ = ["attention_tab"]


def attention_tab(state: DemoState, page: gr.Blocks, active: gr.State, picture: gr.Image) -> None:
    """Lay out the tab inside the current `gr.Tab`.

    Args:
        state: models and limits.
        page: the page, for what happens when it is opened.
        active: name of the visitor's model.
        picture: the picture of the Image tab.
    """
    ticket = gr.State("", delete_callback=state.sessions.close)
    viewer = widget("attention", elem_id="attention")

    def open_session(path: str | None, name: str, previous: str) -> tuple[str, str]:
        state.sessions.close(previous)
        if path is None:
            return "", ""
        with refusals_shown():
            image = open_picture(path, state.options.max_size)
            opened = state.sessions.open(Session(state.model(name), image, title=name))
        return json.dumps({"path": EXPLORE_PATH.format(ticket=opened)}), opened

    gr.on(
        [page.load, picture.change, active.change],
        open_session,
        [picture, active, ticket],
        [viewer, ticket],
        api_visibility="private",
        trigger_mode="always_last",
    )
