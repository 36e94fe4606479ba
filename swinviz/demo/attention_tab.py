"""Attention tab: what did this pixel of your picture attend to, in which head?"""

from __future__ import annotations

import io
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swinviz.attention import attention_to_image
from swinviz.demo.pictures import open_picture
from swinviz.demo.studio import Studio, refusals_shown
from swinviz.hooks import capture
from swinviz.images import keep_ratio_size, resize
from swinviz.plots import plot_attention

__all__ = ["attention_tab"]

_MEAN = "mean over heads"
_EACH = "each head"
_DPI = 110


def attention_tab(studio: Studio, page: gr.Blocks, active: gr.State, picture: gr.Image) -> None:
    """Lay out the tab inside the current `gr.Tab`.

    Args:
        studio: models and limits.
        page: the page, for what happens when it is opened.
        active: name of the visitor's model.
        picture: the picture of the Image tab.
    """
    clicked = gr.State(None)
    with gr.Row(elem_classes="sv-split"):
        with gr.Column(scale=1, min_width=300):
            canvas = gr.Image(
                label="Click a pixel",
                interactive=False,
                format="png",
                buttons=[],
                elem_id="click-picture",
            )
            with gr.Row():
                stage = gr.Dropdown([0], value=0, label="Stage", min_width=90)
                block = gr.Dropdown([0], value=0, label="Block", min_width=90)
                head = gr.Dropdown([_EACH], value=_EACH, label="Head", min_width=120)
        with gr.Column(scale=2, min_width=320):
            figure = gr.Image(
                label="Attention", interactive=False, format="png", buttons=["download", "fullscreen"]
            )

    def show(path: str | None, name: str) -> tuple[NDArray[np.uint8] | None, None, None]:
        return (None if path is None else _seen(studio, path, name)), None, None

    def blocks(name: str, stage: int) -> tuple[Any, Any, Any]:
        backbone = studio.model(name).config.backbone
        stage = min(stage, len(backbone.depths) - 1)
        heads: list[Any] = [
            _EACH,
            _MEAN,
            *((f"head {index}", index) for index in range(backbone.num_heads[stage])),
        ]
        return (
            gr.update(choices=list(range(len(backbone.depths))), value=stage),
            gr.update(choices=list(range(backbone.depths[stage])), value=0),
            gr.update(choices=heads, value=_EACH),
        )

    def click(event: gr.SelectData) -> tuple[int, int]:
        return int(event.index[1]), int(event.index[0])

    def attend(
        path: str | None, name: str, pixel: tuple[int, int] | None, stage: int, block: int, head: str | int
    ) -> Image.Image | None:
        if path is None or pixel is None:
            return None
        with refusals_shown():
            return _figure(studio, _seen(studio, path, name), name, pixel, stage, block, head)

    private: dict[str, Any] = {"api_visibility": "private", "trigger_mode": "always_last"}
    gr.on(
        [page.load, picture.change, active.change],
        show,
        [picture, active],
        [canvas, clicked, figure],
        **private,
    )
    gr.on([page.load, active.change, stage.input], blocks, [active, stage], [stage, block, head], **private)
    canvas.select(click, None, clicked, **private)
    asked = [picture, active, clicked, stage, block, head]
    gr.on([clicked.change, block.change, head.change], attend, asked, figure, **private)


def _seen(studio: Studio, path: str, name: str) -> NDArray[np.uint8]:
    """The picture at the size that the model is given, so that its pixels are the model's."""
    with refusals_shown():
        image = open_picture(path, studio.options.max_size)
    return resize(image, keep_ratio_size(image.shape[:2], studio.model(name).config.scale))


def _figure(
    studio: Studio,
    image: NDArray[np.uint8],
    name: str,
    pixel: tuple[int, int],
    stage: int,
    block: int,
    head: str | int,
) -> Image.Image:
    model = studio.model(name)
    point = f"stages.{stage}.blocks.{block}.attn.pattern"
    with studio.slots.taken(), capture(model, point) as seen:
        model.segment(image)
    attention = attention_to_image(
        seen[point], query=pixel, heads="mean" if head == _MEAN else "each", block=(stage, block)
    )
    heads = [head] if isinstance(head, int) else None
    drawing = io.BytesIO()
    plot_attention(image, attention, heads=heads).savefig(drawing, format="png", dpi=_DPI)
    return Image.open(drawing)
