"""Figures: every panel, scale and caption that a reader needs is there, and no figure uses a rainbow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from swinviz import plots
from swinviz.attention import attention_to_image
from swinviz.geometry import WindowGeometry

RAINBOWS = {"jet", "rainbow", "gist_rainbow", "hsv", "nipy_spectral", "turbo", "gist_ncar"}


def check(figure: Figure, *words: str) -> str:
    """Draw the figure; check its colour maps and that its texts hold `words`; return all its text."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    drawn = [image for ax in figure.axes for image in (*ax.images, *ax.collections)]
    assert not RAINBOWS & {image.get_cmap().name.removesuffix("_r") for image in drawn if image.get_cmap()}
    texts = [figure.get_supxlabel(), *(ax.get_title() for ax in figure.axes)]
    texts += [label for ax in figure.axes for label in (ax.get_ylabel(), ax.get_xlabel())]
    text = " | ".join(texts)
    assert all(word in text for word in words), text
    return text


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255, (30, 45, 3), dtype=np.uint8)


@pytest.fixture
def geometry() -> WindowGeometry:
    return WindowGeometry(height=8, width=12, window_size=7, shift_size=3, stride=4)


def random_pattern(geometry: WindowGeometry, heads: int = 3) -> torch.Tensor:
    side = geometry.window_area
    return torch.randn(1, geometry.num_windows, heads, side, side).softmax(dim=-1)


def test_an_attention_figure_states_block_heads_query_unit_and_normalisation(
    image: np.ndarray, geometry: WindowGeometry
) -> None:
    pattern = random_pattern(geometry)
    looked = attention_to_image(pattern, (29, 44), geometry=geometry, block=(2, 3))
    text = check(plots.plot_attention(image, looked), "stage 2, block 3", "y=29, x=44", "softmax over")
    assert text.count("head ") == 3
    assert "share of the query's attention" in text
    mask = np.zeros((30, 45), dtype=bool)
    mask[4:20, 4:20] = True
    looked = attention_to_image(pattern, key=mask, geometry=geometry, heads="mean")
    check(plots.plot_attention(image, looked, zoom=True), "region of", "mean over heads", "not normalised")
    with pytest.raises(ValueError, match="choose some"):
        plots.plot_attention(image, looked, heads=[1])


def test_the_heat_map_lies_on_its_tokens_and_its_scale_starts_at_zero(
    image: np.ndarray, geometry: WindowGeometry
) -> None:
    looked = attention_to_image(random_pattern(geometry), (5, 5), geometry=geometry)
    figure = plots.plot_attention(image, looked, heads=[1])
    heat = figure.axes[1].images[-1]
    assert heat.get_extent() == [0, 14 * 4, 14 * 4, 0]
    assert heat.get_clim()[0] == 0
    np.testing.assert_allclose(heat.get_array().filled(0), looked.padded[1])


def test_window_figures_draw_for_every_kind_of_geometry(image: np.ndarray, geometry: WindowGeometry) -> None:
    for shown in (geometry, geometry.with_shift(0), WindowGeometry(1, 1, 7, 3, 32)):
        check(plots.plot_windows(image, shown), f"{shown.num_windows} windows of 7×7")
        check(plots.plot_rectangles(image, shown, [0]), "windows 0 of")
        check(plots.plot_regions(shown), "regions")
        check(plots.plot_mask(shown), "added to the score")
