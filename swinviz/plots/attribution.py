"""Figures of logit attribution, the levels' shares, class activation and the receptive field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import CenteredNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from torch import Tensor

from swinviz.attention import Pixel
from swinviz.attribution import Cam, LogitAttribution
from swinviz.plots import style

__all__ = ["plot_cam", "plot_level_shares", "plot_logit_attribution", "plot_receptive_field"]


def plot_logit_attribution(
    decomposition: LogitAttribution, classes: Sequence[str], *, place: str = ""
) -> Figure:
    """Draw where a logit comes from: the decoder's levels, and inside the last one the pooling scales.

    Args:
        decomposition: from `decoder_logit_attribution`.
        classes: class names.
        place: what was asked about, such as "y=10, x=20".

    Returns:
        The figure; all bars in logits. The left ones sum to the logit, the right ones to the last level.

    >>> pooling = ((1, 0.2), (6, 0.5))
    >>> decomposition = LogitAttribution(1, 2.0, (0.5, 1.0), 0.5, 0.2, pooling, bottleneck_constant=0.1)
    >>> [ax.get_title() for ax in plot_logit_attribution(decomposition, ("sky", "sea")).axes]
    ['logit +2.00 =', 'level 1 +1.00 =']
    """
    figure, axes = style.panels(2, size=4.2, aspect=0.62)
    last = len(decomposition.levels) - 1
    levels = {f"level {index} (1/{4 * 2**index})": share for index, share in enumerate(decomposition.levels)}
    sources = {
        "backbone's map": decomposition.backbone,
        **{f"{scale}×{scale} pooling": share for scale, share in decomposition.pooling},
        "constant": decomposition.bottleneck_constant,
    }
    titles = (f"logit {decomposition.logit:+.2f} =", f"level {last} {decomposition.levels[-1]:+.2f} =")
    for ax, bars, title in zip(
        axes, ({**levels, "constant": decomposition.constant}, sources), titles, strict=True
    ):
        names, shares = list(bars), list(bars.values())
        colors = [style.OKABE_ITO[0] if share >= 0 else style.OKABE_ITO[5] for share in shares]
        drawn = ax.barh(names, shares, color=colors)
        ax.bar_label(drawn, fmt="%+.2f", fontsize=8, padding=3)
        ax.invert_yaxis()
        ax.margins(x=0.18)
        ax.axvline(0, color="0.4", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("logits", fontsize=8)
    sources.pop("constant")
    decided, pooled = max(levels, key=levels.__getitem__), max(sources, key=sources.__getitem__)
    style.caption(
        figure,
        f"class “{classes[decomposition.class_index]}”{f' at {place}' if place else ''}: raised most by "
        f"{decided}; inside level {last}, by {pooled}\n"
        "ReLU gates and batch normalization held fixed; shares are exact sums",
    )
    return figure


def plot_level_shares(
    image: ArrayLike, shares: Tensor, *, batch: int = 0, class_name: str | None = None
) -> Figure:
    """Draw what each level of the decoder adds to the logit of every pixel, and which adds most where.

    Args:
        image: (h, w, 3), the model's input as a picture.
        shares: (B, levels + 1, h, w) from `level_shares`.
        batch: which image of the batch.
        class_name: the class; None if each pixel's own class was asked for.

    Returns:
        The figure; one scale for all levels, centerd on 0, which ends at the 99.5th percentile.

    >>> import torch
    >>> figure = plot_level_shares(np.zeros((32, 32, 3), np.uint8), torch.randn(1, 5, 8, 8))
    >>> figure.axes[1].get_title()
    'the level that adds most'
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    maps = shares[batch, :-1].float().cpu().numpy()
    reach = float(np.quantile(np.abs(maps), 0.995)) or 1.0
    figure, axes = style.panels(len(maps) + 2, columns=3, size=3.0, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    for level, (ax, values) in enumerate(zip(axes[2:], maps, strict=True)):
        style.show_image(ax, np.full((1, 1, 3), 255, np.uint8), size)
        drawn = ax.imshow(
            values,
            extent=(0, size[1], size[0], 0),
            cmap=style.DIVERGING,
            norm=CenteredNorm(halfrange=reach),
            interpolation="nearest",
        )
        ax.set_title(f"level {level} (1/{4 * 2**level}): mean {values.mean():+.2f}", fontsize=9)
    style.color_bar(figure, drawn, axes[2:], "logits")
    most = maps.argmax(axis=0)
    style.show_image(axes[1], np.full((1, 1, 3), 255, np.uint8), size)
    axes[1].imshow(
        most,
        extent=(0, size[1], size[0], 0),
        cmap=ListedColormap(style.OKABE_ITO[: len(maps)]),
        vmin=-0.5,
        vmax=len(maps) - 0.5,
        interpolation="nearest",
    )
    axes[1].set_title("the level that adds most", fontsize=9)
    legend = [Patch(color=style.OKABE_ITO[level], label=f"level {level}") for level in range(len(maps))]
    axes[1].legend(handles=legend, fontsize=7, loc="lower right", framealpha=0.9)
    which = f"class “{class_name}”" if class_name else "each pixel's own class"
    style.caption(
        figure,
        f"shares of the decoder's levels in the logit of {which}; with the constant they sum to it exactly;\n"
        "ReLU gates and batch normalization held fixed; scale ends at the 99.5th percentile",
    )
    return figure


def plot_cam(image: ArrayLike, cam: Cam, classes: Sequence[str], *, pixel: Pixel | None = None) -> Figure:
    """Draw a class activation map beside its image.

    Args:
        image: (h, w, 3), the model's input as a picture.
        cam: from `class_activation`.
        classes: class names.
        pixel: the (y, x) that was explained, to mark it.

    Returns:
        The figure.

    >>> import torch
    >>> cam = Cam(torch.rand(4, 4), 1, logit=2.5, layer="stages.3.out", method="grad-cam")
    >>> plot_cam(np.zeros((32, 32, 3), np.uint8), cam, ("sky", "sea")).get_supxlabel()
    'grad-cam at stages.3.out (4×4) for class “sea”, logit +2.50; not normalized'
    """
    array = np.asarray(image)
    size = (array.shape[0], array.shape[1])
    values = cam.map.cpu().numpy()
    signed = cam.signed
    reach = float(np.abs(values).max()) or 1.0
    figure, axes = style.panels(2, size=3.6, aspect=size[0] / size[1])
    style.show_image(axes[0], array)
    style.show_image(axes[1], np.full((1, 1, 3), 255, np.uint8), size)
    drawn = axes[1].imshow(
        values,
        extent=(0, size[1], size[0], 0),
        cmap=style.DIVERGING if signed else style.HEAT,
        vmin=-reach if signed else 0,
        vmax=reach,
        interpolation="nearest",
    )
    for ax in axes:
        if pixel is not None:
            style.mark_pixel(ax, *pixel)
    unit = {"hires-cam": "logits per place", "eigen-cam": "first principal component"}
    style.color_bar(figure, drawn, axes[1], unit.get(cam.method, "gradient × activation"))
    style.caption(
        figure,
        f"{cam.method} at {cam.layer} ({values.shape[0]}×{values.shape[1]}) for class "
        f"“{classes[cam.class_index]}”, logit {cam.logit:+.2f}; not normalized",
    )
    return figure


def plot_receptive_field(field: Tensor, *, pixel: Pixel | None = None, note: str = "") -> Figure:
    """Draw an effective receptive field, relative to its highest value, on a logarithmic scale.

    Args:
        field: (H, W) from `effective_receptive_field`.
        pixel: the output pixel, to mark it; by default the middle.
        note: below the field, such as over which images it is the mean.

    Returns:
        The figure; the scale spans four powers of ten.

    >>> import torch
    >>> figure = plot_receptive_field(torch.rand(16, 16), note="mean over 8 images")
    >>> figure.get_supxlabel().endswith("mean over 8 images")
    True
    """
    values = field.cpu().numpy()
    height, width = values.shape
    relative = np.log10(np.maximum(values / (values.max() or 1.0), 1e-4))
    figure, (ax,) = style.panels(1, size=4.6, aspect=height / width)
    style.show_image(ax, np.full((1, 1, 3), 255, np.uint8), (height, width))
    drawn = ax.imshow(
        relative, extent=(0, width, height, 0), cmap=style.HEAT, vmin=-4, vmax=0, interpolation="nearest"
    )
    y, x = pixel or (height // 2, width // 2)
    style.mark_pixel(ax, y, x)
    style.color_bar(figure, drawn, ax, "log10 of |d logit / d input|, 0 = highest")
    style.caption(
        figure,
        f"mean slope of the logit at y={y}, x={x} for each input pixel; highest {values.max():.3g} logits "
        f"per standard deviation{f'; {note}' if note else ''}",
    )
    return figure
