"""Geometry against loops over token pairs that know nothing of rolls, views or permutes."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swinviz.model.geometry import (
    MASK_VALUE,
    WindowGeometry,
    relative_position_index,
    window_geometry,
    window_partition,
    window_reverse,
)


@st.composite
def geometries(draw: st.DrawFn, largest: int = 17) -> WindowGeometry:
    window = draw(st.integers(1, 7))
    return WindowGeometry(
        height=draw(st.integers(1, largest)),
        width=draw(st.integers(1, largest)),
        window_size=window,
        shift_size=draw(st.integers(0, window - 1)),
        stride=draw(st.sampled_from([4, 8, 16, 32])),
    )


def places(geometry: WindowGeometry) -> dict[tuple[int, int], tuple[int, int]]:
    """Where each padded (row, column) goes: (window, place), worked out from the definition of the shift."""
    side, shift = geometry.window_size, geometry.shift_size
    height = math.ceil(geometry.height / side) * side
    width = math.ceil(geometry.width / side) * side
    found = {}
    for row, column in itertools.product(range(height), range(width)):
        down, right = (row - shift) % height, (column - shift) % width
        window = (down // side) * (width // side) + right // side
        found[row, column] = window, (down % side) * side + right % side
    return found


@given(geometries())
def test_token_index_names_the_token_at_each_place_and_minus_one_on_padding(geometry: WindowGeometry) -> None:
    index = geometry.token_index
    assert index.shape == (geometry.num_windows, geometry.window_area)
    for (row, column), place in places(geometry).items():
        inside = row < geometry.height and column < geometry.width
        assert index[place].item() == (row * geometry.width + column if inside else -1)


@given(geometries(largest=11))
def test_mask_forbids_exactly_the_pairs_whose_displacement_the_roll_changed(geometry: WindowGeometry) -> None:
    side = geometry.window_size
    mask = geometry.mask()
    where = {place: position for position, place in places(geometry).items()}
    for window in range(geometry.num_windows):
        for query, key in itertools.product(range(geometry.window_area), repeat=2):
            (y0, x0), (y1, x1) = where[window, query], where[window, key]
            neighbors = (y1 - y0, x1 - x0) == (key // side - query // side, key % side - query % side)
            assert mask[window, query, key].item() == (0.0 if neighbors else MASK_VALUE)


def test_masked_scores_are_minus_100_and_not_infinite() -> None:
    assert WindowGeometry(8, 8, 4, 2, 4).mask().unique().tolist() == [-100.0, 0.0]


def test_shift_and_mask_apply_even_where_the_map_is_one_window() -> None:
    assert (WindowGeometry(3, 3, 7, 3, 32).mask() == MASK_VALUE).any()


@given(geometries(), st.integers(1, 3), st.integers(1, 3))
def test_to_map_undoes_to_windows(geometry: WindowGeometry, batch: int, channels: int) -> None:
    x = torch.randn(batch, geometry.height, geometry.width, channels)
    assert torch.equal(geometry.to_map(geometry.to_windows(x)), x)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6))
def test_reverse_undoes_partition(rows: int, columns: int, side: int) -> None:
    x = torch.randn(2, rows * side, columns * side, 3)
    windows = window_partition(x, side)
    assert windows.shape == (2, rows * columns, side * side, 3)
    assert torch.equal(window_reverse(windows, rows * side, columns * side), x)


def test_partition_refuses_a_map_that_does_not_divide() -> None:
    with pytest.raises(ValueError, match="pad it first"):
        window_partition(torch.zeros(1, 5, 4, 1), 4)


def test_padding_comes_before_the_roll() -> None:
    # Rolling 5 columns by 2 and padding to 8 afterwards would put column 4 at place 2, not padding.
    geometry = WindowGeometry(4, 5, 4, 2, 4)
    assert geometry.token_index[1, 0].item() == -1


@pytest.mark.parametrize("side", [1, 2, 7, 12])
def test_relative_position_index_reads_the_row_of_query_minus_key(side: int) -> None:
    index = relative_position_index(side)
    for query, key in itertools.product(range(side * side), repeat=2):
        down = query // side - key // side
        right = query % side - key % side
        assert index[query, key].item() == (down + side - 1) * (2 * side - 1) + (right + side - 1)


def runs(numbers: list[int]) -> int:
    return 1 + sum(after != before + 1 for before, after in itertools.pairwise(numbers))


@given(geometries())
def test_rectangles_cover_exactly_the_pixels_of_the_windows_tokens(geometry: WindowGeometry) -> None:
    where = {place: position for position, place in places(geometry).items()}
    for window in range(geometry.num_windows):
        rectangles = geometry.rectangles(window)
        # One for each run of neighboring rows and columns: no empty ones, none cut without need.
        side = geometry.window_size
        rows = [where[window, place][0] for place in range(0, side * side, side)]
        columns = [where[window, place][1] for place in range(side)]
        assert len(rectangles) == runs(rows) * runs(columns)
        covered = [
            (row, column)
            for top, left, bottom, right in rectangles
            for row in range(top, bottom, geometry.stride)
            for column in range(left, right, geometry.stride)
        ]
        expected = [where[window, place] for place in range(geometry.window_area)]
        stride = geometry.stride
        assert sorted(covered) == sorted((row * stride, column * stride) for row, column in expected)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (0, [(8, 8, 24, 24)]),
        (1, [(8, 24, 24, 32), (8, 0, 24, 8)]),  # ends at the right border, begins again at the left
        (2, [(24, 8, 32, 24), (0, 8, 8, 24)]),
        (3, [(24, 24, 32, 32), (24, 0, 32, 8), (0, 24, 8, 32), (0, 0, 8, 8)]),
    ],
)
def test_rectangles_at_the_border_are_those_drawn_by_hand(
    window: int, expected: list[tuple[int, ...]]
) -> None:
    assert list(WindowGeometry(8, 8, 4, 2, stride=4).rectangles(window)) == expected


def test_a_window_that_ends_at_the_border_is_one_rectangle() -> None:
    assert list(WindowGeometry(8, 8, 4, 0, stride=4).rectangles(3)) == [(16, 16, 32, 32)]


@given(geometries(), st.data())
def test_locate_finds_the_place_whose_token_covers_the_pixel(
    geometry: WindowGeometry, data: st.DataObject
) -> None:
    y = data.draw(st.integers(0, geometry.height * geometry.stride - 1))
    x = data.draw(st.integers(0, geometry.width * geometry.stride - 1))
    token = int(geometry.token_index[geometry.locate(y, x)])
    top, left, bottom, right = geometry.token_box(token)
    assert top <= y < bottom
    assert left <= x < right
    assert (bottom - top, right - left) == (geometry.stride, geometry.stride)


def test_pixels_tokens_and_windows_outside_the_map_are_refused_with_the_range() -> None:
    geometry = WindowGeometry(4, 5, 4, 2, stride=4)
    for y, x in [(-1, 0), (16, 0), (0, 20)]:
        with pytest.raises(ValueError, match="y is 0 to 15, x is 0 to 19"):
            geometry.locate(y, x)
    for token in (-1, 20):
        with pytest.raises(ValueError, match="4x5 map"):
            geometry.token_box(token)
    with pytest.raises(ValueError, match="there are 2"):
        geometry.rectangles(2)


def test_impossible_geometries_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        WindowGeometry(0, 5, 4, 2, 4)
    with pytest.raises(ValueError, match="0 to 3"):
        WindowGeometry(4, 5, 4, 4, 4)


def test_the_geometry_of_a_size_is_one_object_and_its_tables_are_kept() -> None:
    first = window_geometry(9, 9, 4, 2, 4)
    assert window_geometry(9, 9, 4, 2, 4) is first
    assert first.mask() is first.mask()
