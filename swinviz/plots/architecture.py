"""A drawing of the whole model, made from its configuration, with a mark where the reader is."""

from __future__ import annotations

from collections.abc import Collection

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from swinviz.model.config import ModelConfig
from swinviz.plots import style

__all__ = ["PARTS", "plot_architecture", "plot_block"]

PARTS = ("image", "patches", "stage 0", "stage 1", "stage 2", "stage 3", "merging", "pyramid pooling",
         "lateral", "top-down", "fusion", "classifier", "auxiliary", "logits")  # fmt: skip
"""Names of the parts that `here` can mark."""

_BACKBONE, _HEAD, _DATA = "#d6e8f5", "#fdebd0", "#f2f2f2"
_Point = tuple[float, float]


def plot_architecture(config: ModelConfig, here: Collection[str] = (), *, note: str = "") -> Figure:
    """Draw a model of a configuration from the image to the logits.

    Args:
        config: its shape; channels, depths, heads, classes are written into the boxes.
        here: parts of `PARTS` to mark as the place where the reader is.
        note: below the drawing.

    Returns:
        The figure; the backbone is the lower row, the decode head the upper one.

    Raises:
        ValueError: a part that the drawing does not have.

    >>> figure = plot_architecture(ModelConfig.tiny(), here=["stage 1"])
    >>> "stage 1" in " ".join(text.get_text() for text in figure.axes[0].texts)
    True
    """
    unknown = set(here) - set(PARTS)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))} is not drawn: choose from {', '.join(PARTS)}.")
    backbone, head = config.backbone, config.head
    figure = Figure(figsize=(11, 4.1), layout="constrained")
    ax = figure.subplots()
    ax.set(xlim=(-0.2, 13.2), ylim=(-0.75, 5.1))
    ax.set_axis_off()
    draw = _Drawing(ax, frozenset(here))

    draw.box("image", (0, 0), "image\n3 × H × W", _DATA)
    draw.box("patches", (2, 0), f"4 × 4 patches\n{backbone.embed_dim} channels", _BACKBONE)
    draw.arrow((1.6, 0.5), (2, 0.5))
    stages = range(len(backbone.depths))
    for stage in stages:
        left = 4 + 2.4 * stage
        text = (
            f"stage {stage}\n{_count(backbone.depths[stage], 'block')}, "
            f"{_count(backbone.num_heads[stage], 'head')}\n"
            f"{backbone.channels[stage]} channels, 1/{backbone.strides[stage]}"
        )
        draw.box(f"stage {stage}", (left, 0), text, _BACKBONE, width=1.8)
        draw.arrow((left - 0.6 if stage else 3.6, 0.5), (left, 0.5), mark="merging" if stage else "")
        if stage:
            draw.label((left - 0.3, 0.72), "merge\n2 × 2", "merging")
        last = stage == len(backbone.depths) - 1
        name = "pyramid pooling" if last else "lateral"
        grids = " ".join(str(scale) for scale in head.pool_scales)
        text = f"pyramid pooling\n{grids}" if last else f"lateral 1 × 1, then 3 × 3\n{head.channels} channels"
        draw.box(name, (left, 1.75), text, _HEAD, width=1.8, height=0.8)
        draw.arrow((left + 0.9, 1), (left + 0.9, 1.75))
        if not last:
            draw.arrow((left + 2.4, 2.15), (left + 1.8, 2.15), mark="top-down")
            draw.label((left + 2.1, 2.35), "+ up", "top-down")
        draw.arrow((left + 0.9, 2.55), (left + 0.9, 3.3))
    end = 4 + 2.4 * (len(backbone.depths) - 1) + 1.8
    draw.box("fusion", (4, 3.3), "fusion: all levels upsampled to 1/4, concatenated, convolved 3 × 3", _HEAD,
             width=end - 4, height=0.7)  # fmt: skip
    draw.box("classifier", (2, 3.15), f"classifier\n{config.num_classes} classes", _HEAD)
    draw.arrow((4, 3.65), (3.6, 3.65))
    draw.box("logits", (0, 3.15), "logits\nupsampled × 4", _DATA)
    draw.arrow((2, 3.65), (1.6, 3.65))
    if head.aux_channels and head.aux_stage in stages:
        left = 4 + 2.4 * head.aux_stage
        draw.label((left + 0.9, -0.42), "auxiliary head (while training only)", "auxiliary")
        draw.arrow((left + 0.9, 0), (left + 0.9, -0.15), mark="auxiliary")
    ax.text(0, 4.75, "decode head: UPerNet", fontsize=9, color="#a35a00", va="center")
    ax.text(0, 1.35, "backbone: Swin Transformer", fontsize=9, color="#0b5c8e", va="center")
    if here:
        ax.text(end, 4.75, "orange: you are here", fontsize=9, color=style.ACCENT, ha="right", va="center")
    if note:
        style.caption(figure, note)
    return figure


def plot_block(shifted: bool = True) -> Figure:
    """Draw one Swin block: two residual branches, and what the windows do around the attention.

    Args:
        shifted: draw the roll and the mask of SW-MSA too.

    >>> len(plot_block().axes)
    1
    """
    figure = Figure(figsize=(11, 2.5), layout="constrained")
    ax = figure.subplots()
    ax.set(xlim=(-0.2, 15.9), ylim=(-1.1, 1.9))
    ax.set_axis_off()
    draw = _Drawing(ax, frozenset())
    first = ["norm 1", "pad", *(["roll up\nand left"] if shifted else []), "cut into\nwindows",
             "attention\n+ bias" + ("\n+ mask" if shifted else ""), "put\ntogether",
             *(["roll back"] if shifted else []), "drop\npadding"]  # fmt: skip
    x = 0.6
    ax.text(0, 0.5, "x", fontsize=12, ha="center", va="center")
    for group, names in ((0, first), (1, ["norm 2", "MLP"])):
        start = x - 0.3
        for name in names:
            draw.box(name, (x, 0), name, _BACKBONE, width=1.05, height=1.0)
            draw.arrow((x - 0.25, 0.5), (x, 0.5))
            x += 1.3
        draw.bend((start, 0.5), (x, 0.5), 1.45)
        ax.text(x + 0.02, 0.5, "+", fontsize=15, ha="center", va="center")
        draw.arrow((x - 0.25, 0.5), (x - 0.08, 0.5))
        name = "each token alone" if group else "tokens of one window mix"
        ax.text((start + x) / 2, -0.45, name, ha="center", va="center", fontsize=8, color="0.35")
        x += 0.4
    return figure


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


class _Drawing:
    """Boxes and arrows, in an accent where the reader is."""

    def __init__(self, ax: Axes, here: frozenset[str]) -> None:
        self.ax, self.here = ax, here

    def box(self, name: str, corner: _Point, text: str, color: str, *, width: float = 1.6,
            height: float = 1.0) -> None:  # fmt: skip
        """Draw a box with its lower left corner at a place."""
        marked = name in self.here
        self.ax.add_patch(
            FancyBboxPatch(
                corner,
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=color,
                edgecolor=style.ACCENT if marked else "0.55",
                linewidth=3.0 if marked else 0.8,
            )
        )
        self.ax.text(
            corner[0] + width / 2, corner[1] + height / 2, text, ha="center", va="center", fontsize=8
        )

    def arrow(self, start: _Point, end: _Point, mark: str = "") -> None:
        """Draw an arrow."""
        color = style.ACCENT if mark in self.here else "0.3"
        self.ax.add_patch(
            FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=color, shrinkA=0, shrinkB=0)
        )

    def bend(self, start: _Point, end: _Point, height: float) -> None:
        """Draw a residual connection: up, along, and down."""
        (left, bottom), (right, _) = start, end
        self.ax.plot([left, left, right], [bottom, height, height], color="0.3", linewidth=1.2)
        self.arrow((right, height), (right, bottom + 0.25))

    def label(self, place: _Point, text: str, mark: str) -> None:
        """Write beside an arrow."""
        color = style.ACCENT if mark in self.here else "0.35"
        self.ax.text(*place, text, ha="center", va="bottom", fontsize=7, color=color)
