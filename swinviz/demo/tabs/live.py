"""Live tab: a camera or a video, segmented frame by frame. The work is in live.js and swinviz.demo.live."""

from __future__ import annotations

import json

import gradio as gr

from swinviz.demo.live import LIVE_PATH
from swinviz.demo.state import DemoState
from swinviz.demo.widget import widget

__all__ = ["live_tab"]


def live_tab(state: DemoState, active: gr.State) -> None:
    """Lay out the tab inside the current `gr.Tab`; it follows the visitor's model."""
    viewer = widget("live", elem_id="live", value=_describe(state.first))
    active.change(_describe, active, viewer, api_visibility="private", queue=False)


def _describe(name: str) -> str:
    return json.dumps({"model": name, "path": LIVE_PATH})
