"""Figures of measured speed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from swinviz.plots import style

__all__ = ["plot_scaling"]


def plot_scaling(seconds: Mapping[int, float], name: str = "") -> Figure:
    """Draw time against image size, with the straight line that linear growth would be.

    Args:
        seconds: side of a square input, in pixels -> seconds, as `swinviz.benchmark.scaling` measures.
        name: of the model, for the caption.

    Returns:
        The figure, both axes logarithmic.
    """
    pixels = np.array([side**2 for side in seconds], float)
    taken = np.array(list(seconds.values()))
    figure = Figure(figsize=(5.4, 3.8), layout="constrained")
    ax = figure.subplots()
    ax.loglog(pixels, taken[-1] * pixels / pixels[-1], "--", color="0.5", label="linear in the pixels")
    ax.loglog(pixels, taken, "o-", color=style.OKABE_ITO[0], label="measured")
    for x, y, side in zip(pixels, taken, seconds, strict=True):
        ax.annotate(f"{side}²", (x, y), textcoords="offset points", xytext=(6, -12), fontsize=8)
    ax.set_xlabel("pixels of the input")
    ax.set_ylabel("seconds")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    style.caption(figure, f"{name} forward pass, batch 1, median".strip())
    return figure
