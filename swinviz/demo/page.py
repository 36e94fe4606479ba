"""The page: a header with the models' menu, the tabs, and the theme they are shown in."""

from __future__ import annotations

import gradio as gr

from swinviz.demo.model_menu import model_menu
from swinviz.demo.security import GuardedBlocks
from swinviz.demo.state import DemoState
from swinviz.demo.tabs import about_tab, attention_tab, compare_tab, image_tab, live_tab
from swinviz.demo.widget import ASSETS

__all__ = ["STYLES", "build_page", "theme"]

STYLES = ASSETS / "style.css"
"""Style beyond the theme."""

_TEXT = ("Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "DejaVu Sans", "sans-serif")
_CODE = ("Cascadia Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

_TITLE = "swinviz"
_HEADER = """
<div class="sv-header">
  <h1>swinviz</h1>
  <p>Segment a picture, and see the exact window attention behind it.</p>
</div>
"""
# Uploads are looked for every 10 minutes and deleted when they are half an hour old.
_DELETE_CACHE = (600, 1800)


def build_page(state: DemoState) -> gr.Blocks:
    """Lay out the whole demo.

    Returns:
        The page, its queue bounded; nothing is served yet.
    """
    with GuardedBlocks(title=_TITLE, analytics_enabled=False, delete_cache=_DELETE_CACHE) as page:
        with gr.Row(elem_classes="sv-top", equal_height=True):
            gr.HTML(_HEADER, elem_classes="sv-heading", padding=False)
            with gr.Column(min_width=360, scale=0, elem_classes="sv-menu"):
                active = model_menu(state)
        with gr.Tabs():
            with gr.Tab("Image", id="image"):
                picture = image_tab(state, page, active)
            with gr.Tab("Attention", id="attention"):
                attention_tab(state, page, active, picture)
            with gr.Tab("Live", id="live"):
                live_tab(state, active)
            with gr.Tab("Compare", id="compare") as compare:
                compare_tab(state, compare, active, picture)
            with gr.Tab("About", id="about"):
                about_tab(state, active)
    page.queue(max_size=state.options.queue, default_concurrency_limit=2)
    return page


def theme() -> gr.themes.Base:
    """Make the theme. No font is fetched: each name is tried on the visitor's machine, in order."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        radius_size="md",
        font=[gr.themes.Font(name) for name in _TEXT],
        font_mono=[gr.themes.Font(name) for name in _CODE],
    )
