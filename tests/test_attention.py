"""Attention maps, statistics, rollout, reachability, against loops, dense products and Jacobians."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swinviz.attention import Projection, attention_to_image
from swinviz.geometry import WindowGeometry


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
    looked = attention_to_image(pattern, (y, x), geometry=geometry, batch=1)
    expected = looped_map(pattern[1], geometry, y, x)
    assert torch.equal(looked.padded, expected)
    assert torch.equal(looked.maps, expected[:, : geometry.height, : geometry.width])
    padding = expected.clone()
    padding[:, : geometry.height, : geometry.width] = 0
    torch.testing.assert_close(looked.padding_share, padding.sum(dim=(1, 2)))
    torch.testing.assert_close(looked.padded.sum(dim=(1, 2)), torch.ones(3))

    looked = attention_to_image(pattern, key=(y, x), geometry=geometry)
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
        looked = attention_to_image(pattern, **asked, geometry=geometry)
        torch.testing.assert_close(looked.padded, torch.stack(one_by_one).mean(dim=0))


def test_pixel_resolution_repeats_tokens_and_is_cut_to_the_input() -> None:
    geometry = WindowGeometry(5, 4, 3, 1, stride=4)
    looked = attention_to_image(random_pattern(geometry), (7, 7), geometry=geometry, resolution="pixel")
    assert looked.maps.shape == (3, 20, 16)
    assert looked.pixels((18, 13)).shape == (3, 18, 13)
    for y, x in [(0, 0), (7, 8), (19, 15)]:
        assert torch.equal(looked.maps[:, y, x], looked.tokens[:, y // 4, x // 4])


def test_rectangles_cover_exactly_the_tokens_that_get_attention() -> None:
    geometry = WindowGeometry(5, 8, 4, 2, stride=4)
    looked = attention_to_image(random_pattern(geometry), (1, 1), geometry=geometry)
    assert len(looked.rectangles) == 4
    covered = torch.zeros(8 * 4, 8 * 4, dtype=torch.bool)
    for top, left, bottom, right in looked.rectangles:
        covered[top:bottom, left:right] = True
    assert torch.equal(covered[::4, ::4], looked.padded[0] > 0)


def test_mean_and_max_over_heads_leave_one_map() -> None:
    geometry = WindowGeometry(4, 4, 2, 0, stride=4)
    pattern = random_pattern(geometry)
    each = attention_to_image(pattern, (3, 9), geometry=geometry).maps
    mean = attention_to_image(pattern, (3, 9), geometry=geometry, heads="mean").maps
    highest = attention_to_image(pattern, (3, 9), geometry=geometry, heads="max").maps
    torch.testing.assert_close(mean, each.mean(dim=0, keepdim=True))
    torch.testing.assert_close(highest, each.max(dim=0, keepdim=True).values)


def test_questions_without_an_answer_are_refused_with_what_to_do() -> None:
    geometry = WindowGeometry(4, 4, 2, 0, stride=4)
    pattern = random_pattern(geometry)
    with pytest.raises(ValueError, match="either a query"):
        attention_to_image(pattern, geometry=geometry)
    with pytest.raises(ValueError, match="either a query"):
        attention_to_image(pattern, (0, 0), key=(0, 0), geometry=geometry)
    with pytest.raises(ValueError, match="outside the image"):
        attention_to_image(pattern, (16, 0), geometry=geometry)
    with pytest.raises(ValueError, match="pass geometry="):
        attention_to_image(pattern, (0, 0))
    with pytest.raises(ValueError, match="4 windows"):
        attention_to_image(pattern[:, 1:], (0, 0), geometry=geometry)
    with pytest.raises(ValueError, match="size of the model's input"):
        attention_to_image(pattern, np.ones((8, 16)), geometry=geometry)
    with pytest.raises(ValueError, match="mask is empty"):
        attention_to_image(pattern, np.zeros((16, 16)), geometry=geometry)


@given(*[st.integers(1, 40)] * 4, st.data())
def test_projection_keeps_centres_inside_and_inverts_where_sizes_allow(
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
