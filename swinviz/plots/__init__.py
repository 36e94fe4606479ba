"""Figures, each `plot_x(...) -> matplotlib.figure.Figure`; nothing else in the package imports matplotlib."""

from __future__ import annotations

from swinviz.plots.attention import plot_attention
from swinviz.plots.windows import plot_mask, plot_rectangles, plot_regions, plot_windows

__all__ = ["plot_attention", "plot_mask", "plot_rectangles", "plot_regions", "plot_windows"]
