"""The models' menu at the top of the page, and the line on each tab that says what the running model knows.

Nothing is downloaded before a button that says so is pressed.
"""

from __future__ import annotations

import html
import logging
from typing import Any

import gradio as gr

from swinviz.demo.models import Choice, NotHereError
from swinviz.demo.state import DemoState
from swinviz.errors import DownloadError, SwinvizError
from swinviz.presets import PRESETS

__all__ = ["ModelMenu"]

_PROGRESS = gr.Progress(track_tqdm=True)  # shows the bars of downloads
_PRIVATE: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_id": "loading",
    "concurrency_limit": 4,  # one visitor's download holds nobody else up
}
_logger = logging.getLogger(__name__)


class ModelMenu:
    """The menu, laid out in the current column.

    Args:
        state: models and limits.

    Attributes:
        active: the state that holds the name of the visitor's model; it changes when another one is loaded.
        menu: the menu itself.
    """

    def __init__(self, state: DemoState) -> None:
        self._state = state
        self.active = gr.State(state.first)
        self._fetch = gr.Button(
            "Download and use it", visible=False, elem_id="fetch", variant="primary", size="sm", min_width=0
        )
        self.menu = gr.Dropdown(
            self._lines(), value=state.first, label="Model", elem_id="model", filterable=False, min_width=320
        )
        self._outputs = [self.menu, self._fetch, self.active]
        self.menu.input(self._choose, [self.menu, self.active], self._outputs, **_PRIVATE)
        self._fetch.click(self._download, [self.menu, self.active], self._outputs, **_PRIVATE)

    def knowledge_line(self) -> None:
        """Lay out a line on what the running model knows, with a button to run one that knows more."""
        first = self._state.first
        with gr.Row(elem_classes="sv-knowledge", equal_height=True):
            text = gr.Markdown(_knowledge(first), elem_classes="sv-knows")
            button = gr.Button(**self._offer(first), size="sm", min_width=0, elem_classes="sv-more")

        def follow(name: str) -> tuple[Any, Any]:
            return _knowledge(name), gr.update(**self._offer(name))

        def run_better(current: str, progress: gr.Progress = _PROGRESS) -> tuple[Any, Any, str]:
            better = self._better(current)
            return self._download(better.name if better else current, current)

        self.active.change(follow, self.active, [text, button], api_visibility="private", queue=False)
        button.click(run_better, self.active, self._outputs, **_PRIVATE)

    def _choose(self, name: str, current: str) -> tuple[Any, Any, str]:
        try:
            self._state.model(name)
        except NotHereError:
            choice = self._state.models.choice(name)
            size = choice.megabytes if choice else 0
            return gr.skip(), gr.update(value=f"Download {size} MB and use it", visible=True), current
        except SwinvizError as problem:
            return self._keep(name, current, problem)
        return gr.skip(), gr.update(visible=False), name

    def _download(self, name: str, current: str, progress: gr.Progress = _PROGRESS) -> tuple[Any, Any, str]:
        gr.Info(f"Loading {name} …", duration=2)
        try:
            self._state.model(name, download=True)
        except (SwinvizError, OSError) as problem:
            return self._keep(name, current, problem)
        return gr.update(choices=self._lines(), value=name), gr.update(visible=False), name

    def _keep(self, name: str, current: str, problem: Exception) -> tuple[Any, Any, str]:
        _logger.warning("%s could not be loaded: %s", name, problem)
        # Addresses and folders are for the log; a visitor needs to know what to do.
        reason = (
            "The server reaches no network, or the publisher does not answer."
            if isinstance(problem, DownloadError)
            else "Its file cannot be used; the server's log says why."
        )
        gr.Warning(
            html.escape(f"{reason} {current} stays in place.", quote=False),
            title=f"{name} could not be loaded",
            duration=15,
        )
        return gr.update(choices=self._lines(), value=current), gr.update(visible=False), current

    def _lines(self) -> list[tuple[str, str]]:
        return [(choice.title, choice.name) for choice in self._state.models.choices()]

    def _offer(self, name: str) -> dict[str, Any]:
        """Text of the button beside a model's line, and whether there is something to offer."""
        better = self._better(name)
        if better is None:
            return {"value": "Use a published model", "visible": False}
        cost = "" if better.ready else f" (download {better.megabytes} MB)"
        return {"value": f"Use {better.name}: 150 classes, indoors too{cost}", "visible": True}

    def _better(self, name: str) -> Choice | None:
        """The published model to offer in place of one of ours: the best that is here, else the smallest."""
        preset = PRESETS.get(name)
        if preset is None or not preset.shipped:
            return None
        published = [
            choice
            for choice in self._state.models.choices()
            if choice.name in PRESETS and not PRESETS[choice.name].shipped
        ]
        ready = [choice for choice in published if choice.ready]
        if ready:
            return max(ready, key=lambda choice: PRESETS[choice.name].miou or 0.0)
        return min(published, key=lambda choice: choice.megabytes, default=None)


def _knowledge(name: str) -> str:
    """Tell in one line what a model has seen."""
    preset = PRESETS.get(name)
    return f"**{name}** is a model of your own." if preset is None else f"**{name}** knows: {preset.knows}"
