"""Messages to a visitor when something cannot be done."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
import torch

from swinviz.errors import SwinvizError

__all__ = ["OUT_OF_MEMORY", "Refusal", "refusals_shown"]

OUT_OF_MEMORY = "The device ran out of memory: choose a smaller model or picture."
"""Message where no smaller tiles help."""


class Refusal(gr.Error):
    """A sentence that the page shows; an everyday event, so that the server's log gets no traceback of it."""

    def __init__(self, message: str, title: str = "Error") -> None:
        super().__init__(message, title=title, print_exception=False)


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Show what swinviz refuses as one sentence on the page; anything else stays in the server's log."""
    try:
        yield
    except SwinvizError as refusal:
        raise Refusal(html.escape(str(refusal), quote=False), title="That did not work") from refusal
    except torch.OutOfMemoryError as problem:
        raise Refusal(OUT_OF_MEMORY, title="Out of memory") from problem
