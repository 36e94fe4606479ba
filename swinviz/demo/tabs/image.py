"""Image tab: a picture, segmented, with a legend that answers to clicks."""

from __future__ import annotations

from typing import Any

import gradio as gr

from swinviz.demo.encoding import encode_result
from swinviz.demo.examples import example_files, thumbnails
from swinviz.demo.links import read_link
from swinviz.demo.pictures import picture_input
from swinviz.demo.refusal import Refusal
from swinviz.demo.state import MODES, DemoState, describe
from swinviz.demo.widget import widget
from swinviz.devices import PRECISIONS

__all__ = ["image_tab"]


def image_tab(state: DemoState, page: gr.Blocks, active: gr.State) -> tuple[gr.Image, gr.State, gr.HTML]:
    """Lay out the tab inside the current `gr.Tab`.

    Args:
        state: models and limits.
        page: the page, for what happens when it is opened.
        active: name of the visitor's model.

    Returns:
        The visitor's picture, which the other tabs look at too; the state that holds its id, which changes
        when another picture was found to be readable; and the viewer, whose `select` event carries the
        fields of an address that the visitor went back to.
    """
    chosen = gr.State(state.picture)
    with gr.Row(elem_classes="sv-split"):
        with gr.Column(scale=1, min_width=280):
            picture = picture_input(
                value=state.pictures.find(state.picture),
                label="Your picture",
                sources=["upload", "clipboard", "webcam"],
                height=240,
                elem_id="picture",
            )
            tray = widget("examples", elem_id="examples", value=thumbnails())
            with gr.Accordion("Inference options", open=False):
                mode = gr.Radio(
                    list(MODES),
                    value=MODES[0],
                    label="Views",
                    info="Slide uses overlapping crops; multi-scale + flip averages twelve views.",
                )
                asked = state.options.precision or "float32"
                precision = gr.Radio(list(PRECISIONS), value=asked, label="Precision")
        with gr.Column(scale=3, min_width=320):
            viewer = widget("viewer", elem_id="viewer")

    def choose(event: gr.EventData) -> Any:
        file = example_files().get(str(event._data.get("name")))  # the name comes from a browser
        return gr.skip() if file is None else str(file)

    def accept(path: str | None) -> tuple[str, Any]:
        if path is None:
            return "", gr.skip()
        try:
            opened = state.pictures.open(path)
        except Refusal as refusal:  # said once, here; the other tabs never hear of the picture
            gr.Warning(refusal.message, title=refusal.title)
            return "", None
        # Browsers show no TIFF: the box gets the same pixels in a file that they do show.
        return opened.id, gr.skip() if opened.shown else opened.pixels

    def segment(path: str | None, name: str, mode: str, precision: str) -> str:
        if path is None:
            return ""
        result = state.segment(path, name, mode, precision)
        opened = state.pictures.open(path)
        note = describe(result, name, state.model(name).device)
        return encode_result(result, note, opened.name, picture=opened.id, model=name)

    def begin(path: str | None, name: str, mode: str, precision: str, request: gr.Request) -> Any:
        link = read_link(dict(request.query_params), state)
        if link.picture or link.model:
            return gr.skip()  # another picture or model is on its way
        return segment(path, name, mode, precision)

    tray.select(choose, None, picture, api_visibility="private", queue=False)
    picture.change(
        accept,
        picture,
        [chosen, picture],
        api_visibility="private",
        trigger_mode="always_last",
        show_progress="hidden",
    )
    settings: dict[str, Any] = {
        "inputs": [picture, active, mode, precision],
        "outputs": viewer,
        "show_progress_on": viewer,
        "trigger_mode": "always_last",
    }
    page.load(begin, api_visibility="private", **settings)
    changes = [chosen.change, active.change, mode.change, precision.change]
    gr.on(changes, segment, api_name="segment", **settings)
    return picture, chosen, viewer
