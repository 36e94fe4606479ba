"""Attention maps, statistics, rollout, reachability, against loops, dense products and Jacobians."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swinviz.attention import (
    HeadStatistics,
    Projection,
    attention_to_image,
    bias_table_image,
    block_geometries,
    cross_region_attention,
    decompose_attention,
    head_statistics,
    key_contributions,
    model_statistics,
    padding_leakage,
    reachable_pixels,
    rollout,
    rollout_from,
    value_weighted_attention,
)
from swinviz.model.config import ModelConfig
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import Captured, capture, edit
from swinviz.segmenter import SwinUPerNet

PATTERNS = "stages.*.blocks.*.attn.pattern"


@st.composite
def geometries(draw: st.DrawFn) -> WindowGeometry:
    side = draw(st.integers(1, 4))
    return WindowGeometry(
        height=draw(st.integers(1, 9)),
        width=draw(st.integers(1, 9)),
        window_size=side,
        shift_size=draw(st.integers(0, side - 1)),
        stride=draw(st.sampled_from([1, 2, 4])),
    )


def random_pattern(geometry: WindowGeometry, batch: int = 2, heads: int = 3) -> torch.Tensor:
    side = geometry.window_area
    return torch.randn(batch, geometry.num_windows, heads, side, side).softmax(dim=-1)


def place(geometry: WindowGeometry, row: int, column: int) -> tuple[int, int]:
    """(window, index in it) of a padded token, from the definition: roll up and left, then cut."""
    side = geometry.window_size
    row = (row - geometry.shift_size) % geometry.padded_height
    column = (column - geometry.shift_size) % geometry.padded_width
    window = row // side * (geometry.padded_width // side) + column // side
    return window, row % side * side + column % side


def looped_map(
    pattern: torch.Tensor, geometry: WindowGeometry, y: int, x: int, reverse: bool = False
) -> torch.Tensor:
    """(nH, Hp, Wp): one number at a time."""
    window, own = place(geometry, y // geometry.stride, x // geometry.stride)
    out = torch.zeros(pattern.shape[1], geometry.padded_height, geometry.padded_width)
    for row in range(geometry.padded_height):
        for column in range(geometry.padded_width):
            other_window, other = place(geometry, row, column)
            if other_window == window:
                pair = (other, own) if reverse else (own, other)
                out[:, row, column] = pattern[window, :, pair[0], pair[1]]
    return out


@given(geometry=geometries(), data=st.data())
def test_a_pixel_gets_the_attention_of_its_own_token_at_the_right_places(
    geometry: WindowGeometry, data: st.DataObject
) -> None:
    y = data.draw(st.integers(0, geometry.height * geometry.stride - 1))
    x = data.draw(st.integers(0, geometry.width * geometry.stride - 1))
    pattern = random_pattern(geometry)
    looked = attention_to_image(pattern, geometry, (y, x), batch=1)
    expected = looped_map(pattern[1], geometry, y, x)
    assert torch.equal(looked.padded, expected)
    assert torch.equal(looked.maps, expected[:, : geometry.height, : geometry.width])
    padding = expected.clone()
    padding[:, : geometry.height, : geometry.width] = 0
    torch.testing.assert_close(looked.padding_share, padding.sum(dim=(1, 2)))
    torch.testing.assert_close(looked.padded.sum(dim=(1, 2)), torch.ones(3))

    looked = attention_to_image(pattern, geometry, key=(y, x))
    assert torch.equal(looked.padded, looped_map(pattern[0], geometry, y, x, reverse=True))


@given(geometry=geometries(), data=st.data())
def test_a_region_is_the_mean_over_its_pixels_not_over_its_tokens(
    geometry: WindowGeometry, data: st.DataObject
) -> None:
    height = geometry.height * geometry.stride - data.draw(st.integers(0, geometry.stride - 1))
    width = geometry.width * geometry.stride - data.draw(st.integers(0, geometry.stride - 1))
    mask = np.random.default_rng(data.draw(st.integers(0, 9))).random((height, width)) < 0.05
    mask[height - 1, width // 2] = True
    pattern = random_pattern(geometry)
    for reverse in (False, True):
        one_by_one = [looped_map(pattern[0], geometry, y, x, reverse) for y, x in np.argwhere(mask)]
        asked = {"key": mask} if reverse else {"query": mask}
        looked = attention_to_image(pattern, geometry, **asked)
        torch.testing.assert_close(looked.padded, torch.stack(one_by_one).mean(dim=0))


def test_pixel_resolution_repeats_tokens_and_is_cut_to_the_input() -> None:
    geometry = WindowGeometry(5, 4, 3, 1, stride=4)
    looked = attention_to_image(random_pattern(geometry), geometry, (7, 7), resolution="pixel")
    assert looked.maps.shape == (3, 20, 16)
    assert looked.pixels((18, 13)).shape == (3, 18, 13)
    for y, x in [(0, 0), (7, 8), (19, 15)]:
        assert torch.equal(looked.maps[:, y, x], looked.tokens[:, y // 4, x // 4])


def test_rectangles_cover_exactly_the_tokens_that_get_attention() -> None:
    geometry = WindowGeometry(5, 8, 4, 2, stride=4)
    looked = attention_to_image(random_pattern(geometry), geometry, (1, 1))
    assert len(looked.rectangles) == 4
    covered = torch.zeros(8 * 4, 8 * 4, dtype=torch.bool)
    for top, left, bottom, right in looked.rectangles:
        covered[top:bottom, left:right] = True
    assert torch.equal(covered[::4, ::4], looked.padded[0] > 0)


def test_mean_and_max_over_heads_leave_one_map() -> None:
    geometry = WindowGeometry(4, 4, 2, 0, stride=4)
    pattern = random_pattern(geometry)
    each = attention_to_image(pattern, geometry, (3, 9)).maps
    mean = attention_to_image(pattern, geometry, (3, 9), heads="mean").maps
    highest = attention_to_image(pattern, geometry, (3, 9), heads="max").maps
    torch.testing.assert_close(mean, each.mean(dim=0, keepdim=True))
    torch.testing.assert_close(highest, each.max(dim=0, keepdim=True).values)


def test_questions_without_an_answer_are_refused_with_what_to_do() -> None:
    geometry = WindowGeometry(4, 4, 2, 0, stride=4)
    pattern = random_pattern(geometry)
    with pytest.raises(ValueError, match="either a query"):
        attention_to_image(pattern, geometry)
    with pytest.raises(ValueError, match="either a query"):
        attention_to_image(pattern, geometry, (0, 0), key=(0, 0))
    with pytest.raises(ValueError, match="outside the image"):
        attention_to_image(pattern, geometry, (16, 0))
    with pytest.raises(ValueError, match="4 windows"):
        attention_to_image(pattern[:, 1:], geometry, (0, 0))
    with pytest.raises(ValueError, match="size of the model's input"):
        attention_to_image(pattern, geometry, np.ones((8, 16)))
    with pytest.raises(ValueError, match="mask is empty"):
        attention_to_image(pattern, geometry, np.zeros((16, 16)))


@given(*[st.integers(1, 40)] * 4, st.data())
def test_projection_keeps_centers_inside_and_inverts_where_sizes_allow(
    height: int, width: int, rows: int, columns: int, data: st.DataObject
) -> None:
    projection = Projection((height, width), (rows, columns))
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    row, column = projection.to_input(y, x)
    assert 0 <= row < rows
    assert 0 <= column < columns
    assert row <= (y + 0.5) * rows / height < row + 1
    assert column <= (x + 0.5) * columns / width < column + 1
    if rows >= height and columns >= width:
        assert projection.to_image(row, column) == (y, x)


def test_projection_refuses_pixels_outside() -> None:
    with pytest.raises(ValueError, match="outside"):
        Projection((4, 4), (8, 8)).to_input(4, 0)
    with pytest.raises(ValueError, match="at least one pixel"):
        Projection((0, 4), (8, 8))


# --- what follows runs a small model ----------------------------------------------------------------------


def small_model(window_size: int = 3) -> SwinUPerNet:
    """Three stages with weights large enough that patterns are far from uniform."""
    model = SwinUPerNet(ModelConfig.tiny(depths=(2, 2, 2), window_size=window_size, aux_channels=0)).eval()
    with torch.no_grad():
        for parameter in model.backbone.stages.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def captured(model: SwinUPerNet, images: torch.Tensor, names: str) -> dict[str, torch.Tensor]:
    with capture(model, names) as seen, torch.no_grad():
        model.features(images)
    return seen


def places_of(geometry: WindowGeometry) -> dict[tuple[int, int], tuple[int, int]]:
    """(window, index) -> (row, column) on the padded map."""
    rows, columns = range(geometry.padded_height), range(geometry.padded_width)
    return {place(geometry, row, column): (row, column) for row in rows for column in columns}


def is_padding(geometry: WindowGeometry, at: tuple[int, int]) -> bool:
    return at[0] >= geometry.height or at[1] >= geometry.width


def region(geometry: WindowGeometry, at: tuple[int, int]) -> tuple[bool, bool]:
    """Side of the two region borders that a token of one window lies on."""
    return at[0] < geometry.shift_size, at[1] < geometry.shift_size


@given(geometry=geometries())
def test_statistics_are_the_means_of_a_loop_over_pairs_of_tokens(geometry: WindowGeometry) -> None:
    pattern = random_pattern(geometry)
    stride = geometry.stride
    labels = torch.randint(0, 3, (2, geometry.height * stride, geometry.width * stride))
    expected = {
        name: torch.zeros(3).double() for name in ("distance", "entropy", "padding", "cross_region", "own")
    }
    where = places_of(geometry)
    for image in range(2):
        for (window, query), at in where.items():
            if is_padding(geometry, at):
                continue
            for (other, key), to in where.items():
                if other != window:
                    continue
                share = pattern[image, window, :, query, key].double()
                apart = ((at[0] - to[0]) ** 2 + (at[1] - to[1]) ** 2) ** 0.5
                expected["distance"] += share * apart * stride
                expected["entropy"] -= share * share.log()
                expected["padding"] += share * is_padding(geometry, to)
                expected["cross_region"] += share * (region(geometry, at) != region(geometry, to))
                if not is_padding(geometry, to):
                    center = [place_ * stride + stride // 2 for place_ in (*at, *to)]
                    own = labels[image, center[0], center[1]] == labels[image, center[2], center[3]]
                    expected["own"] += share * own
    queries = 2 * geometry.height * geometry.width
    measured = head_statistics(pattern, geometry, labels)
    assert measured.queries == queries
    got = (
        measured.distance,
        measured.entropy,
        measured.padding_share,
        measured.cross_region_share,
        measured.own_class_share,
    )
    for value, total in zip(got, expected.values(), strict=True):
        torch.testing.assert_close(value, total / queries, atol=1e-5, rtol=1e-5)


def test_statistics_over_images_weigh_each_query_alike() -> None:
    geometry, larger = WindowGeometry(2, 3, 3, 0, 4), WindowGeometry(5, 5, 3, 0, 4)
    one = head_statistics(random_pattern(geometry), geometry)
    two = head_statistics(random_pattern(larger), larger)
    both = HeadStatistics.combine([one, two])
    torch.testing.assert_close(both.entropy, (one.entropy * 12 + two.entropy * 50) / 62)


def test_model_statistics_are_those_of_the_captured_patterns() -> None:
    model, images = small_model(), torch.randn(2, 3, 30, 45)
    table = model_statistics(model, [images], classes=True)
    with torch.no_grad():
        labels = model(images).argmax(dim=1)
    seen = captured(model, images, PATTERNS)
    assert list(table) == [(stage, block) for stage in range(3) for block in range(2)]
    for (stage, block), measured in table.items():
        expected = head_statistics(*seen.blocks("attn.pattern")[stage, block], labels)
        torch.testing.assert_close(measured.distance, expected.distance)
        torch.testing.assert_close(measured.own_class_share, expected.own_class_share)
    with pytest.raises(ValueError, match="no image"):
        model_statistics(model, [])


@given(geometry=geometries())
def test_padding_and_cross_region_shares_are_sums_over_the_marked_pairs(geometry: WindowGeometry) -> None:
    pattern = random_pattern(geometry)
    scores = torch.randn(1, geometry.num_windows, 2, *[geometry.window_area] * 2)
    free = scores.softmax(dim=-1)
    to_padding, across = (
        padding_leakage(pattern, geometry),
        cross_region_attention(scores + geometry.mask()[:, None], geometry),
    )
    where = places_of(geometry)
    for (window, query), at in where.items():
        if is_padding(geometry, at):
            continue
        keys = {key: to for (other, key), to in where.items() if other == window}
        padded = [key for key, to in keys.items() if is_padding(geometry, to)]
        crossing = [key for key, to in keys.items() if region(geometry, at) != region(geometry, to)]
        torch.testing.assert_close(
            to_padding[:, :, at[0], at[1]], pattern[:, window, :, query, padded].sum(-1)
        )
        torch.testing.assert_close(
            across[:, :, at[0], at[1]], free[:, window, :, query, crossing].sum(-1), atol=1e-4, rtol=1e-4
        )


def test_the_split_rebuilds_the_models_pattern_and_its_distances_by_hand() -> None:
    model, images = small_model(), torch.randn(2, 3, 30, 45)
    seen = captured(model, images, "stages.1.blocks.1.attn.*")
    q, k, bias = (seen[f"stages.1.blocks.1.attn.{name}"] for name in ("q", "k", "bias"))
    geometry = seen.geometries["stages.1.blocks.1.attn.q"]
    split = decompose_attention(q, k, bias, geometry)
    pattern = seen["stages.1.blocks.1.attn.pattern"]
    torch.testing.assert_close(split.full, pattern)
    sums = {"content": torch.zeros(2), "position": torch.zeros(2), "mask": torch.zeros(2)}
    for (window, query), at in places_of(geometry).items():
        if is_padding(geometry, at):
            continue
        for image in range(2):
            for head in range(2):
                content = k[image, window, head] @ q[image, window, head, query] / 8**0.5  # d = 8
                position = bias[head, query]
                full = pattern[image, window, head, query].double()
                for name, scores in (
                    ("content", content),
                    ("position", position),
                    ("mask", content + position),
                ):
                    part = scores.double().softmax(dim=0)
                    sums[name][head] += torch.special.xlogy(full, full / part).sum()
    queries = 2 * geometry.height * geometry.width
    torch.testing.assert_close(split.kl_content, sums["content"] / queries, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(split.kl_position, sums["position"] / queries, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(split.kl_mask, sums["mask"] / queries, atol=1e-5, rtol=1e-4)
    assert split.kl_mask.min() > 0


def test_without_a_shift_the_mask_takes_nothing_away() -> None:
    seen = captured(small_model(), torch.randn(1, 3, 30, 45), "stages.0.blocks.0.attn.*")
    q, k, bias = (seen[f"stages.0.blocks.0.attn.{name}"] for name in ("q", "k", "bias"))
    geometry = seen.geometries["stages.0.blocks.0.attn.q"]
    assert decompose_attention(q, k, bias, geometry).kl_mask.abs().max() == 0


def test_a_bias_table_lies_around_its_query_as_in_the_image() -> None:
    model = small_model()
    attention = model.backbone.stages[1].blocks[0].attn
    bias = attention.position_bias(WindowGeometry(3, 3, 3, 0, 8))  # nH N N
    picture = bias_table_image(attention.relative_position_bias_table)
    for query in range(9):
        for key in range(9):
            down, right = key // 3 - query // 3, key % 3 - query % 3
            assert torch.equal(picture[:, 2 + down, 2 + right], bias[:, query, key])
    with pytest.raises(ValueError, match="rows"):
        bias_table_image(torch.zeros(10, 2))


def dense_attention(pattern: torch.Tensor, geometry: WindowGeometry) -> torch.Tensor:
    """(T, T) of all tokens that are not padding, one number at a time."""
    matrix = torch.zeros(geometry.height * geometry.width, geometry.height * geometry.width).double()
    where = places_of(geometry)
    for (window, query), at in where.items():
        for (other, key), to in where.items():
            if other == window and not is_padding(geometry, at) and not is_padding(geometry, to):
                row, column = at[0] * geometry.width + at[1], to[0] * geometry.width + to[1]
                matrix[row, column] = pattern[window, :, query, key].double().mean()
    return matrix


def dense_merge(fine: tuple[int, int], coarse: tuple[int, int], factor: int) -> torch.Tensor:
    """(coarse tokens, fine tokens): even shares of the real children."""
    matrix = torch.zeros(coarse[0] * coarse[1], fine[0] * fine[1]).double()
    for row in range(fine[0]):
        for column in range(fine[1]):
            matrix[row // factor * coarse[1] + column // factor, row * fine[1] + column] = 1
    return matrix / matrix.sum(dim=1, keepdim=True)


@pytest.mark.parametrize("size", [(32, 32), (30, 45), (5, 61)])
def test_rollout_equals_the_dense_product_of_all_matrices(size: tuple[int, int]) -> None:
    model, images = small_model(), torch.randn(2, 3, *size)
    seen = captured(model, images, PATTERNS)
    geometries = block_geometries(model.backbone, size)
    product = None
    for (stage, block), geometry in geometries.items():
        pattern, recorded = seen.blocks("attn.pattern")[stage, block]
        assert recorded == geometry
        if product is None:
            product = dense_merge(size, (geometry.height, geometry.width), 4)
            fine = geometry.height, geometry.width
        elif block == 0:
            product = dense_merge(fine, (geometry.height, geometry.width), 2) @ product
            fine = geometry.height, geometry.width
        tokens = geometry.height * geometry.width
        mixed = (dense_attention(pattern[1], geometry) + torch.eye(tokens).double()) / 2
        product = mixed @ product
        y, x = size[0] - 1, size[1] // 2
        walked = rollout(seen, (y, x), start=(stage, block), batch=1)
        row = product[y // geometry.stride * geometry.width + x // geometry.stride].view(size)
        assert (walked.pixels(size) - row).abs().max() < 1e-12
        assert abs(walked.lost + float(row.sum()) - 1) < 1e-6  # the patterns are float32


def test_rollout_from_many_blocks_averages_each_pattern_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = captured(small_model(), torch.randn(1, 3, 30, 45), PATTERNS)
    starts = [(1, 1), (0, 0), (1, 0)]
    expected = [rollout(seen, (7, 8), start=start).tokens for start in starts]
    averaged: list[torch.Tensor] = []
    rollout_module = sys.modules["swinviz.attention.rollout"]  # the package names a function so
    average = rollout_module._mean_matrix

    def counted(pattern: torch.Tensor, geometry: WindowGeometry, batch: int) -> object:
        averaged.append(pattern)
        return average(pattern, geometry, batch)

    monkeypatch.setattr(rollout_module, "_mean_matrix", counted)
    walks = list(rollout_from(seen, (7, 8), starts))
    assert all(torch.equal(walk.tokens, tokens) for walk, tokens in zip(walks, expected, strict=True))
    assert len(averaged) == len({id(pattern) for pattern in averaged}) == 4


def test_rollout_says_which_block_is_missing() -> None:
    seen = captured(small_model(), torch.randn(1, 3, 30, 45), PATTERNS)
    with pytest.raises(ValueError, match="missing"):
        rollout(seen, (0, 0), start=(3, 0))
    for gap in ("stages.1.blocks.0", "stages.1.", "stages.0.blocks.0"):
        partial = Captured()
        for name, pattern in seen.items():
            if not name.startswith(gap):
                partial.put(name, pattern, seen.geometries[name])
        with pytest.raises(ValueError, match=r"missing|reach back"):
            rollout(partial, (0, 0))


@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize(("size", "pixel"), [((60, 44), (30, 20)), ((61, 43), (59, 1))])
def test_reachable_pixels_are_the_support_of_the_jacobian(
    size: tuple[int, int], pixel: tuple[int, int], shift: bool
) -> None:
    model = small_model().double()
    never = {"stages.*.attn.mask": lambda mask, hook: mask.masked_fill(mask < 0, -torch.inf)}
    still = {"stages.*.geometry": lambda geometry, hook: geometry.with_shift(0)}
    images = torch.randn(1, 3, *size, dtype=torch.float64, requires_grad=True)
    with (
        edit(model, [never] if shift else [still]),
        capture(model, "stages.*.resid_post", detach=False) as seen,
    ):
        model.features(images)
    reached = reachable_pixels(model.backbone, size, pixel, shift=shift)
    assert len(reached) == 6
    for reach in reached:
        token = seen[f"stages.{reach.stage}.blocks.{reach.block}.resid_post"]
        stride = 4 * 2**reach.stage
        gradient = torch.zeros(size)
        weights = torch.randn(token.shape[-1], dtype=torch.float64)
        (value,) = torch.autograd.grad(
            token[0, pixel[0] // stride, pixel[1] // stride] @ weights, images, retain_graph=True
        )
        gradient = value[0].abs().amax(dim=0)
        assert torch.equal(reach.pixels, gradient > 0)
    with pytest.raises(ValueError, match="outside"):
        reachable_pixels(model.backbone, size, (size[0], 0))


def test_contributions_of_all_keys_sum_to_the_attention_output_minus_its_bias() -> None:
    model, images = small_model(), torch.randn(2, 3, 30, 45)
    attention = model.backbone.stages[1].blocks[1].attn
    outputs = []
    handle = attention.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    seen = captured(model, images, "stages.1.blocks.1.attn.*")
    handle.remove()
    pattern, geometry = seen.blocks("attn.pattern")[1, 1]
    v = seen["stages.1.blocks.1.attn.v"]
    for y, x in [(0, 0), (29, 44), (15, 20)]:
        vectors = key_contributions(pattern, geometry, v, attention.proj.weight, (y, x), batch=1)
        window, own = place(geometry, y // 8, x // 8)
        torch.testing.assert_close(
            vectors.sum(dim=(0, 1)), outputs[0][1, window, own] - attention.proj.bias, atol=1e-5, rtol=1e-5
        )
        looked = value_weighted_attention(
            pattern, geometry, v, attention.proj.weight, (y, x), batch=1, heads="sum"
        )
        row, column = y // 8, x // 8
        expected = vectors[:, own].sum(dim=0).norm()
        torch.testing.assert_close(looked.padded[0, row, column], expected)
        assert looked.measure == "norm"
