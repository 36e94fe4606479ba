"""Figures on a notebook's page: described for those who cannot see them, and redrawn by controls."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from swinviz.lazy import require_package

__all__ = ["interact", "show"]


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
    _check(alt)
    from IPython.display import display

    display(DescribedPicture(_png(figure, dpi), alt))  # type: ignore[no-untyped-call]


def interact(draw: Callable[..., Figure], alt: str, **controls: Any) -> Any:
    """Show a figure below controls that redraw it; where nothing runs, the figure as it is first.

    Args:
        draw: makes the figure of the controls' values.
        alt: what it shows, in one sentence.
        controls: parameter of `draw` -> widget, or what `ipywidgets.interactive` makes one of.

    Returns:
        A widget of ipywidgets. A saved notebook, or a page made of it, has the first figure as a picture.

    Raises:
        ValueError: there is no description.
        MissingPackageError: ipywidgets is not installed.
    """
    _check(alt)
    from IPython.display import display

    widgets = require_package("ipywidgets", "swinviz[notebook]", needed="controls need ipywidgets, which")
    drawn: list[bytes] = []

    def redraw(**values: Any) -> None:
        png = _png(draw(**values), 100)
        drawn[:] = drawn or [png]
        display(DescribedPicture(png, alt))  # type: ignore[no-untyped-call]

    class Interactive(widgets.interactive):  # type: ignore[misc, name-defined]
        """The controls and the figure, with a still picture for pages that run no widgets."""

        def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            still = {"image/png": base64.b64encode(drawn[0]).decode("ascii")} if drawn else {}
            return super()._repr_mimebundle_(**kwargs) | still, {"image/png": {"alt": alt}}

    return Interactive(redraw, **controls)


class DescribedPicture:
    """A picture with its description, as an output of a notebook.

    It is HTML too: JupyterLab and nbconvert's pages draw a bare picture without its description.

    Args:
        png: the file.
        alt: what it shows.
    """

    def __init__(self, png: bytes, alt: str) -> None:
        self._text, self._alt = base64.b64encode(png).decode("ascii"), alt

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, str], dict[str, Any]]:
        image = f'<img src="data:image/png;base64,{self._text}" alt="{html.escape(self._alt)}">'
        return {"image/png": self._text, "text/html": image}, {"image/png": {"alt": self._alt}}


def _check(alt: str) -> None:
    if not alt.strip():
        raise ValueError("the figure has no description: say in one sentence what it shows.")


def _png(figure: Figure, dpi: int) -> bytes:
    """The figure as a file, and forgotten by pyplot, which may keep it."""
    import sys

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return file.getvalue()
