"""Figures on a notebook's page: with a description for those who cannot see them."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

__all__ = ["show"]


def show(figure: Figure, alt: str, *, dpi: int = 100) -> None:
    """Show a figure where the running cell's output is, with a text alternative.

    Args:
        figure: drawn by this package, or by pyplot, which then does not draw it a second time.
        alt: what it shows, in one sentence; screen readers read it, and pages that are made of the notebook
            carry it.
        dpi: dots an inch.

    Raises:
        ValueError: there is no description.
    """
    if not alt.strip():
        raise ValueError("the figure has no description: say in one sentence what it shows.")
    from IPython.display import Image, display

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    _close(figure)
    display(Image(file.getvalue(), alt=alt))  # type: ignore[no-untyped-call]


def _close(figure: Any) -> None:
    """Forget a figure that pyplot keeps."""
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
