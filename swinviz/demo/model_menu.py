"""The menu of models at the top of the page; nothing is downloaded before its button is pressed."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from swinviz.demo.models import NotHereError
from swinviz.demo.state import DemoState
from swinviz.errors import SwinvizError
from swinviz.presets import PRESETS

__all__ = ["model_menu"]

_PROGRESS = gr.Progress(track_tqdm=True)  # shows the bars of downloads


def model_menu(state: DemoState) -> gr.State:
    """Lay out the menu.

    Returns:
        The state that holds the name of the visitor's model; it changes when another one is loaded.
    """
    active = gr.State(state.first)
    menu = gr.Dropdown(
        _lines(state), value=state.first, label="Model", elem_id="model", filterable=False, min_width=320
    )
    fetch = gr.Button("Download and use it", visible=False, elem_id="fetch", variant="primary", size="md")

    def choose(name: str, current: str) -> tuple[Any, Any, str]:
        try:
            state.model(name)
        except NotHereError:
            choice = state.models.choice(name)
            size = choice.megabytes if choice else 0
            return gr.skip(), gr.update(value=f"Download {size} MB and use it", visible=True), current
        except SwinvizError as problem:
            return keep(name, current, problem)
        return gr.skip(), gr.update(visible=False), name

    def download(name: str, current: str, progress: gr.Progress = _PROGRESS) -> tuple[Any, Any, str]:
        gr.Info(f"Loading {name} …", duration=2)
        try:
            state.model(name, download=True)
        except (SwinvizError, OSError) as problem:
            return keep(name, current, problem)
        return gr.update(choices=_lines(state), value=name), gr.update(visible=False), name

    def keep(name: str, current: str, problem: Exception) -> tuple[Any, Any, str]:
        gr.Warning(
            html.escape(f"{problem} {current} stays in place.", quote=False),
            title=f"{name} could not be loaded",
        )
        return gr.update(choices=_lines(state), value=current), gr.update(visible=False), current

    private: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": "loading",
        "concurrency_limit": 4,  # one visitor's download holds nobody else up
    }
    menu.input(choose, [menu, active], [menu, fetch, active], **private)
    fetch.click(download, [menu, active], [menu, fetch, active], **private)
    return active


def _lines(state: DemoState) -> list[tuple[str, str]]:
    return [(choice.title, choice.name) for choice in state.models.choices()]


def _knowledge(name: str) -> str:
    """Tell in one line what the running model has seen, and that a published one can be fetched."""
    preset = PRESETS.get(name)
    if preset is None:
        return f"{name} is a model of your own."
    more = " Published models, for rooms and much else, are in the menu." if preset.shipped else ""
    return f"{name}: {preset.knows}{more}"
