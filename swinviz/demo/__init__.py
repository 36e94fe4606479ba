"""The demo: live segmentation and attention in the browser. `main()` is what app.py calls."""

from __future__ import annotations

import os

# Gradio reads this when it is imported: from then on it would report every start to its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from swinviz.demo.launching import main
from swinviz.demo.options import DemoOptions, parse_options

__all__ = ["DemoOptions", "main", "parse_options"]
