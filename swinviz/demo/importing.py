"""Imports in the time that importing takes, without what Gradio and Python do besides."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quick_imports"]


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import torch and Gradio inside the `with` block in about two thirds of the time.

    Garbage is not collected, as half a million objects are made and all of them stay. And Gradio, which at
    every import writes each component's events into a .pyi file beside its source, for editors, is told that
    its components have no source files.
    """
    collecting, getfile = gc.isenabled(), inspect.getfile

    def no_source_of_gradio(something: Any) -> str:
        if isinstance(something, type) and something.__module__.partition(".")[0] == "gradio":
            raise OSError("what Gradio makes of it, nobody reads")
        return getfile(something)

    gc.disable()
    inspect.getfile = no_source_of_gradio  # type: ignore[assignment]  # narrower in name only
    try:
        yield
    finally:
        inspect.getfile = getfile
        gc.freeze()  # to look through them all once would take a third of a second, too
        if collecting:
            gc.enable()
