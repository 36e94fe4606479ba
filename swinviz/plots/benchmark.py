"""Figures of measured speed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from swinviz.plots import style

__all__ = ["plot_scaling"]


def plot_scaling(seconds: Mapping[tuple[int, int], float], name: str = "") -> Figure:
    """Draw time against the pixels of image and batch, with the straight line that linear growth would be.

    Args:
        seconds: (batch, side of a square input in pixels) -> seconds, as `swinviz.benchmark.scaling` gives.
        name: of the model, for the caption.

    Returns:
        The figure, both axes logarithmic; the line passes through the largest single image.
    """
    figure = Figure(figsize=(5.8, 4.0), layout="constrained")
    ax = figure.subplots()
    single = {side: taken for (batch, side), taken in seconds.items() if batch == 1}
    largest = max(single) ** 2
    pixels = np.array(sorted(batch * side**2 for batch, side in seconds), float)
    ax.loglog(pixels, single[max(single)] * pixels / largest, "--", color="0.5", label="linear in the pixels")
    ax.loglog(
        [side**2 for side in single], list(single.values()), "o-", color=style.OKABE_ITO[4], label="one image"
    )
    several = {(batch, side): taken for (batch, side), taken in seconds.items() if batch > 1}
    if several:
        places = [batch * side**2 for batch, side in several]
        ax.loglog(places, list(several.values()), "s", color=style.OKABE_ITO[5], label="several images")
    for (batch, side), taken in seconds.items():
        text, offset = (f"{side}²", (7, -11)) if batch == 1 else (f"{batch} × {side}²", (-8, 7))
        align = "left" if batch == 1 else "right"
        ax.annotate(
            text, (batch * side**2, taken), textcoords="offset points", xytext=offset, fontsize=8, ha=align
        )
    ax.margins(0.1)
    ax.xaxis.set_minor_formatter(NullFormatter())  # between powers of ten they would overlap
    ax.set_xlabel("pixels of the input")
    ax.set_ylabel("seconds")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    style.caption(figure, f"{name} forward pass, median".strip())
    return figure
