"""Figures of trust: deletion, insertion and ROAD curves beside chance, and their sum over a data set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from swinviz.attribution import Trust, TrustTable
from swinviz.plots import style

__all__ = ["plot_explanations", "plot_trust", "plot_trust_table"]

_TITLES = {
    "deletion": "deletion: most important made gray first\n(lower is better)",
    "insertion": "insertion: most important shown first\n(higher is better)",
    "road most": "ROAD: most important imputed first\n(lower is better)",
    "road least": "ROAD: least important imputed first\n(higher is better)",
}


def plot_trust(trust: Trust, classes: tuple[str, ...], *, picture: str = "") -> Figure:
    """Draw the curves of every explanation, with those of random orders as a gray band.

    Args:
        trust: from `trust_curves`.
        classes: class names.
        picture: name of the picture.

    Returns:
        The figure: one panel a measure; probability of the class at the place over the share of cells.

    >>> import torch
    >>> from swinviz.attribution import MEASURES
    >>> curves = {measure: torch.rand(4).double() for measure in MEASURES}
    >>> chance = {measure: torch.rand(2, 4).double() for measure in MEASURES}
    >>> trust = Trust({"rollout": curves}, chance, torch.arange(4) / 4, 0.9, 0, (3, 4))
    >>> [text.get_text() for text in plot_trust(trust, ("sky",)).legends[0].get_texts()]
    ['random', 'rollout']
    """
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True).flat
    styles = ("-", "--", ":")
    fractions = trust.fractions.numpy()
    for ax, (measure, title) in zip(axes, _TITLES.items(), strict=True):
        chance = trust.random[measure].numpy()
        ax.fill_between(fractions, chance.min(axis=0), chance.max(axis=0), color="0.85")
        ax.plot(fractions, chance.mean(axis=0), color="0.5", linewidth=2, label="random")
        for number, (name, curves) in enumerate(trust.curves.items()):
            ax.plot(
                fractions,
                curves[measure].numpy(),
                color=style.OKABE_ITO[number % len(style.OKABE_ITO)],
                linestyle=styles[number // len(style.OKABE_ITO)],
                linewidth=1.4,
                label=name,
            )
        ax.set_title(title, fontsize=9)
        ax.set_ylim(0, 1)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.set_xlabel("share of cells taken away or shown", fontsize=8)
        ax.set_ylabel("probability of the class", fontsize=8)
    handles, names = ax.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", fontsize=8, frameon=False)
    asked = "y={}, x={}".format(*trust.place) if isinstance(trust.place, tuple) else "the region"
    options = trust.options
    style.caption(
        figure,
        f"“{classes[trust.class_index]}” at {asked} (input pixels){f' of {picture}' if picture else ''}, "
        f"probability {trust.probability:.2f} in the whole picture; softmax of mean logits over the place\n"
        f"cells of {options.cell}×{options.cell} pixels, ordered by each explanation's mean over the cell; "
        f"band: {options.random_orders} random orders",
    )
    return figure


def plot_explanations(
    image: ArrayLike, maps: Mapping[str, Tensor], *, pixel: tuple[int, int] | None = None, what: str = ""
) -> Figure:
    """Draw the explanations side by side, each from its own lowest to its own highest value.

    Args:
        image: (h, w, 3), the model's input as a picture.
        maps: name -> (h, w), from `explanations`.
        pixel: (y, x) that was asked about, to mark it.
        what: picture, class and place, for the caption.

    Returns:
        The figure; colors compare places of one map, not maps.

    >>> import torch
    >>> figure = plot_explanations(np.zeros((8, 8, 3), np.uint8), {"rollout": torch.rand(8, 8)})
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['picture', 'rollout']
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    figure, axes = style.panels(1 + len(maps), columns=5, size=2.5, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    axes[0].set_title("picture", fontsize=9)
    for ax, (name, values) in zip(axes[1:], maps.items(), strict=True):
        shown = values.cpu().numpy()
        low, high = float(shown.min()), float(shown.max())
        drawn = ax.imshow(
            (shown - low) / ((high - low) or 1.0),
            extent=(0, size[1], size[0], 0),
            cmap=style.HEAT,
            vmin=0,
            vmax=1,
            interpolation="nearest",
        )
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(name, fontsize=9)
    if pixel is not None:
        for ax in axes:
            style.mark_pixel(ax, *pixel)
    style.color_bar(figure, drawn, axes, "from each map's lowest to its highest value")
    style.caption(figure, f"{what}{'; ' if what else ''}each map normalized by itself: only places compare")
    return figure


def plot_trust_table(table: TrustTable, *, what: str = "") -> Figure:
    """Draw how much better than random orders each explanation is over a data set.

    Args:
        table: from `trust_table`.
        what: which pictures and model, for the caption.

    Returns:
        The figure: a panel a measure, explanations by their advantage; bars are twice the standard error
        over pictures, dots single places.

    >>> places = tuple({name: {"deletion": 0.4, "insertion": 0.6, "road": 0.1} for name in ("a", "random")}
    ...                for _ in range(3))
    >>> plot_trust_table(TrustTable(places, (0, 1, 2), (0.9, 0.9, 0.9))).axes[2].get_title()
    'ROAD, least − most first'
    """
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    titles = {"deletion": "deletion", "insertion": "insertion", "road": "ROAD, least − most first"}
    signs = {"deletion": -1.0, "insertion": 1.0, "road": 1.0}
    rows = table.rows()
    for ax, (measure, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        shown = [row for row in rows if row.measure == measure and row.explanation != "random"]
        for number, row in enumerate(shown):
            gains = [
                signs[measure] * (each[row.explanation][measure] - each["random"][measure])
                for each in table.scores
            ]
            ax.plot(gains, np.full(len(gains), number), ".", color="0.75", markersize=3, zorder=1)
            ax.errorbar(
                row.advantage,
                number,
                xerr=2 * row.error,
                fmt="o",
                color=style.OKABE_ITO[0],
                markersize=5,
                capsize=3,
                zorder=2,
            )
        ax.axvline(0, color="0.4", linewidth=0.8)
        ax.set_yticks(range(len(shown)), [row.explanation for row in shown], fontsize=8)
        ax.invert_yaxis()
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("advantage over random, in probability", fontsize=8)
        ax.tick_params(axis="x", labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    style.caption(
        figure,
        f"{what}{'; ' if what else ''}{len(table.scores)} places of {len(set(table.pictures))} pictures\n"
        "right of the line: better than chance; bars: two standard errors over pictures, dots: places",
    )
    return figure
