"""The menu of models at the top of the page; nothing is downloaded before its button is pressed."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from swinviz.demo.studio import DemoState
from swinviz.errors import SwinvizError

__all__ = ["model_menu"]

_PROGRESS = gr.Progress(track_tqdm=True)  # shows the bars of downloads


def model_menu(studio: DemoState) -> gr.State:
    """Lay out the menu.

    Returns:
        The state that holds the name of the visitor's model; it changes when another one is loaded.
    """
    active = gr.State(studio.first)
    menu = gr.Dropdown(
        _lines(studio), value=studio.first, label="Model", elem_id="model", filterable=False, min_width=320
    )
    fetch = gr.Button("Download and use it", visible=False, elem_id="fetch", variant="primary", size="md")

    def choose(name: str, current: str) -> tuple[Any, Any, str]:
        choice = studio.models.choice(name)
        if choice is None or choice.ready:
            return use(name, current)
        offer = gr.update(value=f"Download {choice.megabytes} MB and use it", visible=True)
        return gr.skip(), offer, current

    def use(name: str, current: str) -> tuple[Any, Any, str]:
        gr.Info(f"Loading {name} …", duration=2)
        try:
            studio.model(name)
        except (SwinvizError, OSError) as problem:
            gr.Warning(
                html.escape(f"{problem} {current} stays in place.", quote=False),
                title=f"{name} could not be loaded",
            )
            name = current
        return gr.update(choices=_lines(studio), value=name), gr.update(visible=False), name

    def download(name: str, current: str, progress: gr.Progress = _PROGRESS) -> tuple[Any, Any, str]:
        return use(name, current)

    private: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": "loading",
        "concurrency_limit": 4,  # one visitor's download holds nobody else up
    }
    menu.input(choose, [menu, active], [menu, fetch, active], **private)
    fetch.click(download, [menu, active], [menu, fetch, active], **private)
    return active


def _lines(studio: DemoState) -> list[tuple[str, str]]:
    return [(choice.title, choice.name) for choice in studio.models.choices()]
