"""Messages to a visitor when something cannot be done."""

from __future__ import annotations

import gradio as gr

__all__ = ["OUT_OF_MEMORY", "Refusal"]

OUT_OF_MEMORY = "The device ran out of memory: choose a smaller model or picture."
"""Message where no smaller tiles help."""


class Refusal(gr.Error):
    """A sentence that the page shows; an everyday event, so that the server's log gets no traceback of it."""

    def __init__(self, message: str, title: str = "Error") -> None:
        super().__init__(message, title=title, print_exception=False)
