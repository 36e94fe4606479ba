"""Figures of features and explanations state picture, block, head, query and normalization."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from swinviz import plots
from swinviz.attention import attention_to_image
from swinviz.attribution import MEASURES, Lens, LensStep, Trust, TrustTable
from swinviz.features import HeadSearch, Match, SimilarityMap, TokenMap, TypicalWindow, principal_components
from swinviz.interventions import PatchingGrid, TokenPatching
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId

RAINBOWS = {"jet", "rainbow", "gist_rainbow", "hsv", "nipy_spectral", "turbo", "gist_ncar"}


def texts(figure: Figure) -> str:
    """Draw the figure and return all that it says; no rainbow among its color maps."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    drawn = [image for ax in figure.axes for image in ax.images]
    assert not RAINBOWS & {image.get_cmap().name.removesuffix("_r") for image in drawn}
    said = [figure.get_supxlabel(), *(ax.get_title() for ax in figure.axes)]
    said += [label for ax in figure.axes for label in (ax.get_xlabel(), ax.get_ylabel())]
    said += [text.get_text() for ax in figure.axes for text in ax.texts]
    said += [tick.get_text() for ax in figure.axes for tick in (*ax.get_xticklabels(), *ax.get_yticklabels())]
    said += [
        entry.get_text() for ax in figure.axes if ax.get_legend() for entry in ax.get_legend().get_texts()
    ]
    return " | ".join(said)


def assert_says(figure: Figure, *words: str) -> None:
    said = texts(figure)
    for word in words:
        assert word in said, (word, said)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255, (30, 45, 3), dtype=np.uint8)


def test_a_similarity_figure_says_what_is_compared_with_what(image: np.ndarray) -> None:
    geometry = WindowGeometry(height=8, width=12, window_size=7, shift_size=3, stride=4)
    pattern = torch.randn(1, geometry.num_windows, 2, 49, 49).softmax(dim=-1)
    looked = attention_to_image(pattern, geometry, query=(29, 44), block=(0, 1))
    name = "stages.0.blocks.1.attn.v"
    here = SimilarityMap(torch.rand(8, 12), 4, name, 1, (29, 44), centered=False, elsewhere=False)
    there = SimilarityMap(torch.rand(5, 5), 4, name, 1, (29, 44), centered=False, elsewhere=True)
    figure = plots.plot_similarity(
        image, here, other=(image[:20, :20], there), attention=looked, picture="a$b.jpg"
    )
    assert_says(
        figure,
        r"query in a\$b.jpg",
        "looks at, block 0.1 (mean of 2 heads)",
        "looks like",
        "other picture",
        "y=29, x=44",
        "stages.0.blocks.1.attn.v, head 1 (8×12 tokens)",
        "vectors as they are",
        "cosine similarity",
    )


def test_a_patching_grid_says_pictures_blocks_heads_class_and_both_logits(image: np.ndarray) -> None:
    effects = {BlockId(0, 0): torch.tensor([0.5]), BlockId(2, 1): torch.tensor([-1.25, 0.25, 0.0])}
    together = {BlockId(0, 0): 0.5, BlockId(2, 1): -0.75}
    grid = PatchingGrid(effects, together, receiver=3.0, donor=-1.5, class_index=1, place=(7, 9))
    figure = plots.plot_patching_grid(grid, ("sky", "sea"), images=(image, image), names=("a.jpg", "b.jpg"))
    assert_says(
        figure, "a.jpg", "b.jpg", "strongest: block 2.1, head 0: -1.25", "all", "2.1", "change of the"
    )
    assert_says(figure, "“sea” at y=7, x=9 of a.jpg: +3.00", "of b.jpg: -1.50", "exact run")
    table = figure.axes[2].images[0].get_array()
    assert table.shape == (2, 4)
    assert table.mask.tolist() == [[False, False, True, True], [False] * 4]


def test_a_token_patching_figure_says_block_window_and_what_was_patched(image: np.ndarray) -> None:
    geometry = WindowGeometry(height=8, width=12, window_size=7, shift_size=3, stride=4)
    tokens = TokenPatching(torch.randn(49).double(), geometry, 0, BlockId(0, 1), 2, 0, (20, 20))
    figure = plots.plot_token_patching(image, tokens, ("sky",), picture="a.jpg")
    assert_says(
        figure, "a.jpg", "block 0.1, window 0", "output of head 2", "y=20, x=20", "change of the logit"
    )


def test_trust_figures_say_class_place_cells_and_chance(image: np.ndarray) -> None:
    curves = {measure: torch.rand(4).double() for measure in MEASURES}
    chance = {measure: torch.rand(3, 4).double() for measure in MEASURES}
    names = [f"way {number}" for number in range(12)]
    trust = Trust(dict.fromkeys(names, curves), chance, torch.arange(4) / 4, 0.875, 1, (3, 4))
    figure = plots.plot_trust(trust, ("sky", "sea"), picture="a.jpg")
    assert_says(figure, "lower is better", "imputed first", "“sea” at y=3, x=4", "a.jpg", "0.88", "16×16")
    assert [entry.get_text() for entry in figure.legends[0].get_texts()] == ["random", *names]
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(float(chance["deletion"].min()))
    figure = plots.plot_explanations(
        image, {"rollout": torch.rand(30, 45)}, pixel=(3, 4), what="a.jpg, “sea”"
    )
    assert_says(figure, "rollout", "a.jpg, “sea”", "normalized by itself", "lowest to its highest")
    places = [
        {
            "a": dict.fromkeys(("deletion", "insertion", "road"), value),
            "random": dict.fromkeys(("deletion", "insertion", "road"), 0.5),
        }
        for value in (0.6, 0.7, 0.9)
    ]
    figure = plots.plot_trust_table(TrustTable(tuple(places), (0, 0, 1), (1.0, 1.0, 1.0)), what="val")
    assert_says(figure, "val; 3 places of 2 pictures", "advantage over random", "ROAD", "two standard errors")
    drawn = [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert drawn[0] == pytest.approx([-0.1, -0.2, -0.4])


def test_a_lens_figure_says_place_kind_blocks_flips_and_decision(image: np.ndarray) -> None:
    def step(first: float, flipped: float) -> LensStep:
        return LensStep(
            torch.zeros(4, 6).long(), torch.rand(4, 6), torch.tensor([first, 1 - first]).double(), flipped
        )

    steps = {
        BlockId(0, 0): step(0.25, 0.0),
        BlockId(1, 0): step(0.75, 0.5),
        BlockId(1, 1): step(0.875, 0.125),
    }
    lens = Lens(steps, "probe", torch.tensor([0.9, 0.1]), (7, 9), (30, 45))
    palette = ((0, 0, 255), (0, 255, 0))
    figure = plots.plot_lens(image, lens, ("sky", "sea"), palette, picture="a.jpg")
    assert_says(figure, "a.jpg", "0.0: sea 75%", "1.0: sky 75%", "50% of the picture flipped", "linear probe")
    assert_says(figure, "y=7, x=9", "“sky” 90% in the whole model, decided at 1.0", "stage.block")


def test_a_components_figure_says_hook_point_variance_and_threshold(image: np.ndarray) -> None:
    maps = [TokenMap(torch.randn(1, 4, 6, 8), 8, "stages.1.blocks.0.attn.k", 1) for _ in range(2)]
    components = principal_components(maps, threshold=0.4, side="below")
    figure = plots.plot_components([image, image], maps, components, names=("a.jpg", "b$.jpg"))
    assert_says(figure, "a.jpg", r"b\$.jpg", "stages.1.blocks.0.attn.k, head 1", "of the variance: red")
    assert_says(figure, "not below 0.40 of the first component's range", "one projection for all")


def test_figures_of_neighbors_and_clicks_say_query_cosine_and_score(image: np.ndarray) -> None:
    match = Match("b$.jpg", 4, 12, 0.875)
    figure = plots.plot_neighbors(image, (7, 9), [(match, image)], what="stages.2.out, mean taken off")
    assert_says(figure, r"b\$.jpg: 0.88", "query y=7, x=9", "cosine of stages.2.out", "96×96")
    assert figure.axes[1].get_xlim() == (12 - 48, 12 + 48)
    figure = plots.plot_clicked_class(
        image, torch.rand(2, 4, 6), "roof", positive=[(3, 4)], negative=[(9, 9), (1, 1)], what="stages.1.out"
    )
    assert_says(
        figure, "1 examples, 2 counterexamples", "roof", "stages.1.out", "from 0.5 up", "least squares"
    )


def test_a_figure_of_typical_windows_says_head_criterion_and_pictures(image: np.ndarray) -> None:
    geometry = WindowGeometry(height=8, width=12, window_size=7, shift_size=3, stride=4)
    keys = torch.rand(49).softmax(dim=0)
    found = TypicalWindow("a$.jpg", BlockId(0, 1), 1, 0, 8, 12.25, keys, geometry)
    search = HeadSearch({(BlockId(0, 1), 1): [found]}, {}, 9, "attention far away")
    figure = plots.plot_typical_windows(search, (0, 1), 1, lambda name: image)
    assert_says(figure, r"a\$.jpg: 12.2", "block 0.1, head 1: attention far away", "9 pictures", "49 keys")
    with pytest.raises(ValueError, match="not searched"):
        plots.plot_typical_windows(search, (0, 1), 0, lambda name: image)
