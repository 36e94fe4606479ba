"""The page's requests, without those that would send the server elsewhere."""

from __future__ import annotations

from typing import Any

import gradio as gr

from swinviz.demo.refusal import Refusal

__all__ = ["GuardedBlocks"]


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
