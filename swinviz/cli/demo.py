"""`python -m swinviz demo`: what app.py does, with the same options."""

from __future__ import annotations

import argparse

from swinviz import demo
from swinviz.demo.options import add_arguments, options_from

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Serve the demo until it is interrupted.

    Returns:
        0.
    """
    demo.run(options_from(arguments))
    return 0
