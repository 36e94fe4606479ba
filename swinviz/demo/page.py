"""The page: a header with the models' menu, the tabs, and the theme they are shown in."""

from __future__ import annotations

from typing import Any

import gradio as gr

from swinviz.demo.links import read_link
from swinviz.demo.model_menu import ModelMenu
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
                models = ModelMenu(state)
        with gr.Tabs() as tabs:
            with gr.Tab("Image", id="image"):
                models.knowledge_line()
                picture, chosen, viewer = image_tab(state, page, models.active)
            with gr.Tab("Attention", id="attention"):
                attention_tab(state, page, models.active, picture, chosen)
            with gr.Tab("Live", id="live"):
                models.knowledge_line()
                live_tab(state, models.active)
            with gr.Tab("Compare", id="compare") as compare:
                models.knowledge_line()
                sides = compare_tab(state, compare, models.active, picture)
            with gr.Tab("About", id="about"):
                about_tab(state, models.active)

        def follow_link(request: gr.Request) -> list[Any]:
            link = read_link(dict(request.query_params), state)
            values = [link.tab, link.picture, link.model, link.model, *(link.left or (None, None))]
            values += link.right or (None, None)
            updates: list[Any] = [gr.skip() if value is None else value for value in values]
            if link.tab is not None:
                updates[0] = gr.Tabs(selected=link.tab)
            return updates

        def go_back(event: gr.EventData) -> list[Any]:
            sent = event._data if isinstance(event._data, dict) else {}  # it comes from a browser
            fields = {str(name): str(value) for name, value in sent.items()}
            link = read_link(fields, state, fresh=False)
            return [gr.skip() if value is None else value for value in (link.picture, link.model, link.model)]

        viewer.select(
            go_back, None, [picture, models.menu, models.active], api_visibility="private", queue=False
        )
        page.load(
            follow_link,
            None,
            [tabs, picture, models.menu, models.active, *sides],
            api_visibility="private",
            queue=False,
        )
    page.queue(max_size=state.options.queue, default_concurrency_limit=2)
    return page


def theme() -> gr.themes.Base:
    """Make the theme: one accent, the attention viewer's teal; text of at least 4.5:1 on its ground.

    No font is fetched: each name is tried on the visitor's machine, in order.
    """
    accent = gr.themes.Color(
        c50="#f0fdfa",
        c100="#ccfbf1",
        c200="#99f6e4",
        c300="#7fe3d4",
        c400="#4fd1c0",
        c500="#0f766e",
        c600="#0f766e",
        c700="#115e59",
        c800="#134e4a",
        c900="#0f3f3c",
        c950="#042f2e",
        name="swinviz",
    )
    return gr.themes.Base(
        primary_hue=accent,
        neutral_hue="slate",
        radius_size="md",
        font=[gr.themes.Font(name) for name in _TEXT],
        font_mono=[gr.themes.Font(name) for name in _CODE],
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_400",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )
