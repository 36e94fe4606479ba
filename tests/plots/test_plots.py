"""Figures: every panel, scale and caption that a reader needs is there, and no figure uses a rainbow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from swinviz import attention, attribution, plots
from swinviz import interventions as iv
from swinviz.attention import attention_to_image
from swinviz.model.config import ModelConfig
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import Captured, capture
from swinviz.segmenter import SwinUPerNet

RAINBOWS = {"jet", "rainbow", "gist_rainbow", "hsv", "nipy_spectral", "turbo", "gist_ncar"}


def check(figure: Figure, *words: str) -> str:
    """Draw the figure; check its color maps and that its texts hold `words`; return all its text."""
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


def test_an_attention_figure_states_block_heads_query_unit_and_normalization(
    image: np.ndarray, geometry: WindowGeometry
) -> None:
    pattern = random_pattern(geometry)
    looked = attention_to_image(pattern, geometry, (29, 44), block=(2, 3))
    text = check(plots.plot_attention(image, looked), "stage 2, block 3", "y=29, x=44", "softmax over")
    assert text.count("head ") == 3
    assert "share of the query's attention" in text
    mask = np.zeros((30, 45), dtype=bool)
    mask[4:20, 4:20] = True
    looked = attention_to_image(pattern, geometry, key=mask, heads="mean")
    check(plots.plot_attention(image, looked, zoom=True), "region of", "mean over heads", "not normalized")
    with pytest.raises(ValueError, match="choose some"):
        plots.plot_attention(image, looked, heads=[1])


def test_a_head_on_its_own_scale_ends_at_its_own_highest_and_says_so(
    image: np.ndarray, geometry: WindowGeometry
) -> None:
    looked = attention_to_image(random_pattern(geometry), geometry, (5, 5))
    figure = plots.plot_attention(image, looked, own_scale=True)
    for head, ax in enumerate(figure.axes[1:4]):
        highest = float(looked.padded[head].max())
        assert ax.images[-1].get_clim() == (0, pytest.approx(highest))
        assert f"head {head}, 0 to {highest:.2g}" in ax.get_title()
    assert "of each head's highest" in check(figure, "softmax")
    together = {ax.images[-1].get_clim() for ax in plots.plot_attention(image, looked).axes[1:4]}
    assert len(together) == 1


def test_the_heat_map_lies_on_its_tokens_and_its_scale_starts_at_zero(
    image: np.ndarray, geometry: WindowGeometry
) -> None:
    looked = attention_to_image(random_pattern(geometry), geometry, (5, 5))
    figure = plots.plot_attention(image, looked, heads=[1])
    heat = figure.axes[1].images[-1]
    assert heat.get_extent() == [0, 14 * 4, 14 * 4, 0]
    assert heat.get_clim()[0] == 0
    np.testing.assert_allclose(heat.get_array().filled(0), looked.padded[1])


def test_window_figures_draw_for_every_kind_of_geometry(image: np.ndarray, geometry: WindowGeometry) -> None:
    check(plots.plot_windows(image, geometry.with_shift(0)), "not shifted")
    for shown in (geometry, WindowGeometry(1, 1, 7, 3, 32)):
        check(plots.plot_windows(image, shown), f"{shown.num_windows} windows of 7×7")
        check(plots.plot_rectangles(image, shown, [0]), "windows 0 of")
        check(plots.plot_regions(shown), "regions")
        check(plots.plot_mask(shown), "added to the score")


@pytest.fixture(scope="module")
def model() -> SwinUPerNet:
    torch.manual_seed(0)
    return SwinUPerNet(ModelConfig.tiny(depths=(2, 1), window_size=3, scale=(45, 30))).eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(1, 3, 30, 45)


@pytest.fixture(scope="module")
def seen(model: SwinUPerNet, x: torch.Tensor) -> dict[str, torch.Tensor]:
    with capture(model, "stages.*.attn.*") as seen, torch.no_grad():
        model.features(x)
    return seen


def test_a_map_of_contributions_is_not_called_attention(
    model: SwinUPerNet, seen: Captured, image: np.ndarray
) -> None:
    block = "stages.1.blocks.0.attn"
    weight = model.backbone.stages[1].blocks[0].attn.proj.weight
    looked = attention.value_weighted_attention(
        *seen.blocks("attn.pattern")[1, 0], seen[f"{block}.v"], weight, (3, 3), heads="sum"
    )
    text = check(plots.plot_attention(image, looked), "norm of the key", "sum over heads", "residual stream")
    assert "share of" not in text


def test_figures_of_heads_have_a_row_a_block_and_a_column_a_head(model: SwinUPerNet, x: torch.Tensor) -> None:
    values = {(0, 1): torch.tensor([0.5]), (1, 0): torch.tensor([0.1, 0.2])}
    figure = plots.plot_heads(values, "share of pixels")
    check(figure, "share of pixels", "stage.block", "head")
    grid = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(grid.filled(-1), [[0.5, -1], [0.1, 0.2]], atol=1e-7)
    table = attention.model_statistics(model, [x])
    check(plots.plot_statistics(table), "pixels", "nats", "padding", "regions")
    for draw in (plots.plot_statistics, lambda empty: plots.plot_heads(empty, "share")):
        with pytest.raises(ValueError, match="no block"):
            draw({})


def test_figures_of_the_split_say_which_part_and_how_far(model: SwinUPerNet, seen: Captured) -> None:
    parts = (seen[f"stages.0.blocks.1.attn.{name}"] for name in ("q", "k", "bias"))
    split = attention.decompose_attention(*parts, seen.geometries["stages.0.blocks.1.attn.q"])
    figure = plots.plot_decomposition(split, (29, 44), block=(0, 1))
    check(figure, "stage 0, block 1", "content", "position", "mask", "nats", "y=29, x=44")
    table = model.backbone.stages[1].blocks[0].attn.relative_position_bias_table
    figure = plots.plot_bias_tables(attention.bias_table_image(table), block=(1, 0))
    assert check(figure, "stage 1, block 0", "added to the score").count("head ") == 2


def test_figures_of_reach_and_rollout_say_where_the_walk_began(
    model: SwinUPerNet, seen: Captured, image: np.ndarray, x: torch.Tensor
) -> None:
    reached = attention.reachable_pixels(model.backbone, (30, 45), (3, 4))
    check(plots.plot_reachability(image, reached, (3, 4)), "stage 0, block 1", "y=3, x=4")
    walked = attention.rollout(seen, (3, 4))
    figure = plots.plot_rollout(image, walked, pixel=(3, 4))
    check(figure, "from stage 1, block 0", "mean over heads", "lost to padding", "share of the rollout")
    walked = attribution.attention_relevance(model, x, (3, 4))
    check(plots.plot_rollout(image, walked, unit="relevance"), "relevance, per token")
    pattern, geometry = seen.blocks("attn.pattern")[0, 1]
    shares = attention.padding_leakage(pattern, geometry)
    figure = plots.plot_share_maps(image, shares, geometry, "share on padding", block=(0, 1))
    check(figure, "stage 0, block 1", "share on padding", "softmax over 9 keys")


def test_figures_of_attribution_name_class_layer_and_unit(
    model: SwinUPerNet, image: np.ndarray, x: torch.Tensor
) -> None:
    classes = model.config.classes
    decomposition = attribution.decoder_logit_attribution(model, x, (3, 4), 2)
    figure = plots.plot_logit_attribution(decomposition, classes, place="y=3, x=4")
    check(figure, "ship", "logits", f"logit {decomposition.logit:+.2f}", "y=3, x=4")
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert sum(widths) == pytest.approx(decomposition.logit, abs=1e-5)
    shares = attribution.level_shares(model, x)
    check(plots.plot_level_shares(image, shares), "level 0 (1/4)", "logits", "own class")
    check(plots.plot_level_shares(image, shares, class_name="sea"), "“sea”")
    for method, unit in (("grad-cam", "gradient"), ("hires-cam", "logits per place")):
        cam = attribution.class_activation(model, x, (3, 4), 1, layer="stages.1.out", method=method)
        check(plots.plot_cam(image, cam, classes, pixel=(3, 4)), "sea", "stages.1.out", method, unit)
    field = attribution.effective_receptive_field(model, [x])
    check(plots.plot_receptive_field(field, note="one image"), "logit", "one image", "y=15, x=22")


def test_figures_of_interventions_name_each_edit_and_the_reference(
    model: SwinUPerNet, image: np.ndarray
) -> None:
    comparison = iv.compare(model, image, {"no shift": iv.no_shift(), "no level 0": iv.drop_level(0)})
    check(plots.plot_comparison(image, comparison), "no shift", "no level 0", "flipped", "unedited")
    check(plots.plot_iou_changes(comparison), "change of IoU", "unedited")
