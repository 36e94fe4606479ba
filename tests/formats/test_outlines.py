"""Polygons along the edges of pixels: the same mask again, whoever fills them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as MatplotlibPath
from numpy.typing import NDArray

from swinviz.errors import DatasetError
from swinviz.formats import fill, outline

masks = st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**31), st.floats(0, 1)).map(
    lambda drawn: np.random.default_rng(drawn[2]).random((drawn[0], drawn[1])) < drawn[3]
)


def inside(ring: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centers matplotlib finds inside a closed line."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    return MatplotlibPath(ring).contains_points(points).reshape(size)


@given(masks)
def test_outlines_fill_to_the_same_mask(mask: NDArray[np.bool_]) -> None:
    polygons = outline(mask)
    rings = [ring for polygon in polygons for ring in (polygon.outer, *polygon.holes)]
    np.testing.assert_array_equal(fill(rings, mask.shape), mask)
    together = np.zeros_like(mask)
    for polygon in polygons:  # as one ring each, the areas do not overlap and lose nothing
        area = fill([polygon.as_one_ring()], mask.shape)
        assert not (together & area).any()
        together |= area
    np.testing.assert_array_equal(together, mask)


@given(masks)
def test_another_library_finds_the_same_pixels_inside(mask: NDArray[np.bool_]) -> None:
    found = np.zeros_like(mask)
    for polygon in outline(mask):
        area = inside(polygon.outer, mask.shape)
        for hole in polygon.holes:
            area &= ~inside(hole, mask.shape)
        found |= area
    np.testing.assert_array_equal(found, mask)


def test_filling_takes_the_pixels_whose_centers_are_inside() -> None:
    triangle = np.array([[0.2, 0.1], [9.7, 3.3], [2.4, 8.8]])
    np.testing.assert_array_equal(fill([triangle], (12, 11)), inside(triangle, (12, 11)))
    beyond = np.array([[-50.0, -50.0], [80.0, 4.0], [3.0, 90.0]])
    np.testing.assert_array_equal(fill([beyond], (12, 11)), inside(beyond, (12, 11)))
    assert not fill([], (3, 4)).any()


def test_too_many_edges_are_refused_before_they_are_filled(rng: np.random.Generator) -> None:
    with pytest.raises(DatasetError, match="too much to fill"):
        fill([rng.random((200_000, 2)) * 4000], (4000, 10))
