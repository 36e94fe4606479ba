"""The page: a header with the models' menu, and the tabs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from swinviz.demo.about_tab import about_tab
from swinviz.demo.attention_tab import attention_tab
from swinviz.demo.compare_tab import compare_tab
from swinviz.demo.image_tab import image_tab
from swinviz.demo.live_tab import live_tab
from swinviz.demo.model_menu import model_menu
from swinviz.demo.refusal import Refusal
from swinviz.demo.studio import DemoState
from swinviz.presets import PRESETS

__all__ = ["GuardedBlocks", "build_page"]

_TITLE = "swinviz"
_HEADER = """
<div class="sv-header">
  <h1>swinviz</h1>
  <p>Segment a picture, and see the exact window attention behind it.</p>
</div>
"""
# Uploads are looked for every 10 minutes and deleted when they are half an hour old.
_DELETE_CACHE = (600, 1800)


class GuardedBlocks(gr.Blocks):
    """Blocks that never fetch an address a visitor sends in place of an uploaded file."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Refuse addresses; else as gradio does."""
        if _names_an_address(inputs):
            raise Refusal("Upload the picture as a file: this server fetches nothing from other addresses.")
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def _names_an_address(value: Any) -> bool:
    """True where a file description (a dict with "path" or "url") anywhere inside points to another machine.

    The address that the page itself adds to an upload is ignored by gradio and may stay.
    """
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and "://" in path[:16]:
            return True
        return any(_names_an_address(inner) for inner in value.values())
    return isinstance(value, list) and any(_names_an_address(inner) for inner in value)


def build_page(studio: DemoState) -> gr.Blocks:
    """Lay out the whole demo.

    Returns:
        The page, its queue bounded; nothing is served yet.
    """
    with GuardedBlocks(title=_TITLE, analytics_enabled=False, delete_cache=_DELETE_CACHE) as page:
        with gr.Row(elem_classes="sv-top", equal_height=True):
            gr.HTML(_HEADER, elem_classes="sv-heading", padding=False)
            with gr.Column(min_width=360, scale=0, elem_classes="sv-menu"):
                active = model_menu(studio)
        knowledge = gr.Markdown(_knowledge(studio.first), elem_id="knowledge", elem_classes="sv-note")
        active.change(_knowledge, active, knowledge, api_visibility="private", queue=False)
        with gr.Tabs():
            with gr.Tab("Image", id="image"):
                picture = image_tab(studio, page, active)
            with gr.Tab("Attention", id="attention"):
                attention_tab(studio, page, active, picture)
            with gr.Tab("Live", id="live"):
                live_tab(studio, active)
            with gr.Tab("Compare", id="compare") as compare:
                compare_tab(studio, compare, active, picture)
            with gr.Tab("About", id="about"):
                about_tab(studio, active)
    page.queue(max_size=studio.options.queue, default_concurrency_limit=2)
    return page


def _knowledge(name: str) -> str:
    """Tell in one line what the running model has seen, and that a published one can be fetched."""
    preset = PRESETS.get(name)
    if preset is None:
        return f"{name} is a model of your own."
    more = " Published models, for rooms and much else, are in the menu." if preset.shipped else ""
    return f"{name}: {preset.knows}{more}"
