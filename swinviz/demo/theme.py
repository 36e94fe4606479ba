"""The demo's theme: gradio's base theme with the fonts of the visitor's own machine."""

from __future__ import annotations

import gradio as gr

from swinviz.demo.widget import ASSETS

__all__ = ["STYLES", "theme"]

STYLES = ASSETS / "style.css"
"""Style beyond the theme."""

_TEXT = ("Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "DejaVu Sans", "sans-serif")
_CODE = ("Cascadia Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def theme() -> gr.themes.Base:
    """Make the theme. No font is fetched: each name is tried on the visitor's machine, in order."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        radius_size="md",
        font=[gr.themes.Font(name) for name in _TEXT],
        font_mono=[gr.themes.Font(name) for name in _CODE],
    )
