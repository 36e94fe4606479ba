"""Image tab: a picture, segmented, with a legend that answers to clicks."""

from __future__ import annotations

import gradio as gr

from swinviz.demo.encoding import encode_result
from swinviz.demo.pictures import examples, picture_input
from swinviz.demo.state import MODES, DemoState, describe
from swinviz.demo.widget import widget
from swinviz.devices import PRECISIONS

__all__ = ["image_tab"]


def image_tab(state: DemoState, page: gr.Blocks, active: gr.State) -> gr.Image:
    """Lay out the tab inside the current `gr.Tab`.

    Args:
        state: models and limits.
        page: the page, for what happens when it is opened.
        active: name of the visitor's model.

    Returns:
        The visitor's picture, which the other tabs look at too.
    """
    choices = examples()
    with gr.Row(elem_classes="sv-split"):
        with gr.Column(scale=1, min_width=280):
            picture = picture_input(
                value=choices[0],
                label="Your picture",
                sources=["upload", "clipboard", "webcam"],
                height=240,
                elem_id="picture",
            )
            gr.Examples(choices, picture, label="Or one of these", examples_per_page=8)
            with gr.Accordion("Inference options", open=False):
                mode = gr.Radio(
                    list(MODES),
                    value=MODES[0],
                    label="Views",
                    info="Slide uses overlapping crops; multi-scale + flip averages twelve views.",
                )
                precision = gr.Radio(list(PRECISIONS), value=state.options.precision, label="Precision")
        with gr.Column(scale=3, min_width=320):
            viewer = widget("viewer", elem_id="viewer")

    def segment(path: str | None, name: str, mode: str, precision: str) -> str:
        if path is None:
            return ""
        result = state.segment(path, name, mode, precision)
        return encode_result(result, describe(result, name, state.model(name).device))

    gr.on(
        [page.load, picture.change, active.change, mode.change, precision.change],
        segment,
        [picture, active, mode, precision],
        viewer,
        api_name="segment",
        trigger_mode="always_last",
        show_progress_on=viewer,
    )
    return picture
