"""Own JavaScript inside a gradio page: one ES module per widget, served from swinviz/demo/static."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

__all__ = ["ASSETS", "ASSETS_PATH", "widget"]

ASSETS = Path(__file__).parent / "static"
"""The folder of scripts and styles."""

ASSETS_PATH = "/swinviz/assets"
"""Path at which it is served."""

# Gradio runs this once, when the element is on the page. The module owns everything inside it from then on;
# what Python sends arrives as JSON in props.value.
_MOUNT = """
const root = (window.gradio_config?.root ?? location.origin + location.pathname).replace(/\\/$/, "");
import(root + "%s/%s.js").then((module) => {
  const view = module.mount(element.querySelector(".sv-root"), (detail) => trigger("select", detail), root);
  const show = () => view.show(props.value ? JSON.parse(props.value) : null);
  watch("value", show);
  show();
}).catch((error) => { element.textContent = "This part of the page could not be loaded: " + error; });
"""


def widget(module: str, **settings: Any) -> gr.HTML:
    """Put a widget on the page.

    Args:
        module: name of a file in the assets folder, without .js, that exports mount(root, select, address)
            and returns an object with show(value); show gets what Python sends, or null.
        settings: of `gr.HTML`; `value` is JSON text.

    Returns:
        The component; its `select` event carries what the module passed to select().
    """
    return gr.HTML(
        html_template='<div class="sv-root"></div>',
        elem_classes="sv-widget",
        js_on_load=_MOUNT % (ASSETS_PATH, module),
        apply_default_css=False,
        **settings,
    )
