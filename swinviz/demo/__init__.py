"""The demo: live segmentation and attention in the browser. `main()` is what app.py calls."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from swinviz.demo.importing import quick_imports
from swinviz.errors import SwinvizError
from swinviz.lazy import names_from

if TYPE_CHECKING:
    from swinviz.demo.options import DemoOptions, parse_options

# Gradio reads this when it is imported: from then on it would report every start to its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

__all__ = ["DemoOptions", "main", "parse_options", "run"]

__getattr__ = names_from(__name__, {"DemoOptions": "options", "parse_options": "options"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo until it is interrupted.

    Args:
        arguments: the command line after the program's name; that of this process by default.

    Raises:
        SystemExit: an argument makes no sense, the model cannot be loaded, or the port is taken.
    """
    with quick_imports():
        from swinviz.demo.options import parse_options  # imports torch

    options = parse_options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run(options)
    except (SwinvizError, ValueError) as problem:
        raise SystemExit(str(problem)) from problem


def run(options: DemoOptions) -> None:
    """Run the demo until it is interrupted.

    Raises:
        SwinvizError: gradio is not installed, the model cannot be loaded, or the port is taken; the message
            says what to do.
        ValueError: there is no such device.
    """
    try:
        with quick_imports():
            from swinviz.demo import launching  # imports gradio, which --help need not wait for
    except ModuleNotFoundError as error:
        raise SwinvizError(f'{error.name} is not installed: run pip install "swinviz[demo]".') from error
    launching.run(options)
