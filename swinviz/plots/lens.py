"""Figures of the pixel lens: the answer after every block, as a strip, and the clicked place's classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from swinviz.attribution import Lens
from swinviz.plots import style
from swinviz.plots.segmentation import class_legend

__all__ = ["plot_lens"]


def plot_lens(
    image: ArrayLike,
    lens: Lens,
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
    *,
    picture: str = "",
    shown_classes: int = 5,
) -> Figure:
    """Draw what the model would answer if it stopped at each block.

    Args:
        image: (h, w, 3), the model's input as a picture.
        lens: from `decoder_lens` or `probe_lens`.
        classes: class names.
        palette: one RGB color (0..255) a class.
        picture: name of the picture.
        shown_classes: most probable classes in the chart.

    Returns:
        The figure: a strip of pictures in the classes' colors, faint where the model is not sure; below, the
        probabilities at the place over the blocks, with the block at which it is decided.

    >>> import torch
    >>> from swinviz.attribution import LensStep
    >>> from swinviz.model.hooks import BlockId
    >>> step = LensStep(torch.zeros(4, 4).long(), torch.ones(4, 4), torch.tensor([0.9, 0.1]), 0.0)
    >>> lens = Lens({BlockId(0, 0): step}, "decoder", torch.tensor([0.9, 0.1]), (3, 3), (16, 16))
    >>> plot_lens(np.zeros((16, 16, 3), np.uint8), lens, ("sky", "sea"), ((0, 0, 255), (0, 255, 0))
    ...           ).axes[1].get_title()
    '0.0: sky 90%'
    """
    array = np.asarray(image)
    height, width = lens.size
    count = len(lens.steps) + 1
    columns = min(count, 6)
    rows = -(-count // columns)
    figure = Figure(
        figsize=(2.3 * columns, rows * (2.3 * min(height / width, 2.0) + 0.7) + 3.2), layout="constrained"
    )
    parts = figure.subfigures(2, 1, height_ratios=(rows * 1.2, 1.6), squeeze=False)
    upper, lower = parts[0, 0], parts[1, 0]
    axes = list(upper.subplots(rows, columns, squeeze=False).flat)
    style.show_image(axes[0], array, lens.size)
    axes[0].set_title(style.plain(picture) or "picture", fontsize=8)
    colors = np.asarray(palette, dtype=float)
    for ax, (block, step) in zip(axes[1:], lens.steps.items(), strict=False):
        faint = step.confidence.cpu().numpy()[..., None]
        painted = 255 + faint * (colors[step.labels.cpu().numpy()] - 255)
        style.show_image(ax, painted.astype(np.uint8), lens.size)
        best = int(step.probabilities.argmax())
        flips = f"\n{step.flipped:.0%} of the picture flipped" if step.flipped else ""
        ax.set_title(
            f"{block.stage}.{block.block}: {style.plain(classes[best])} "
            f"{float(step.probabilities[best]):.0%}{flips}",
            fontsize=8,
            fontweight="bold" if block == lens.decided else "normal",
        )
    class_legend(upper, [step.labels.cpu() for step in lens.steps.values()], classes, palette)
    for ax in axes[:count]:
        if isinstance(lens.place, tuple):
            style.mark_pixel(ax, *lens.place)
    for ax in axes[count:]:
        ax.set_axis_off()
    chart = lower.subplots()
    table = np.stack([step.probabilities.numpy() for step in lens.steps.values()])
    order = np.argsort(-table.max(axis=0))[:shown_classes]
    for number, index in enumerate(order):
        chart.plot(
            table[:, index],
            marker="o",
            markersize=3,
            color=style.OKABE_ITO[number % len(style.OKABE_ITO)],
            label=style.plain(classes[index]),
        )
    names = [f"{stage}.{block}" for stage, block in lens.steps]
    if lens.decided is not None:
        chart.axvline(list(lens.steps).index(lens.decided), color="0.4", linestyle=":")
    chart.set_xticks(range(len(names)), names, fontsize=8)
    chart.set_ylim(-0.02, 1.02)  # lines at the ends are whole
    chart.set_xlabel("block after which the model stops (stage.block)", fontsize=8)
    chart.set_ylabel("probability", fontsize=8)
    chart.tick_params(labelsize=8)
    chart.spines[["top", "right"]].set_visible(False)
    chart.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.caption(figure, _caption(lens, classes))
    return figure


def _caption(lens: Lens, classes: Sequence[str]) -> str:
    asked = "y={}, x={} (input pixels)".format(*lens.place) if isinstance(lens.place, tuple) else "the region"
    decided = "never decided" if lens.decided is None else "decided at {}.{}".format(*lens.decided)
    how = {
        "decoder": "the real decode head, all later blocks skipped; softmax over classes",
        "probe": "a linear probe for each block; least squares' estimates, at least 0, sum 1",
    }[lens.kind]
    final = int(lens.final.argmax())
    return (
        f"{asked}: “{classes[final]}” {float(lens.final[final]):.0%} in the whole model, {decided}\n"
        f"{how}; faint: not sure"
    )
