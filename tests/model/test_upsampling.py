"""Bilinear upsampling against hand-worked numbers, and its matrix against it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from swinviz.model.upsampling import bilinear_matrix, bilinear_rows, upsample

sides = st.integers(1, 24)


def test_upsampling_aligns_pixel_centers_and_not_corners() -> None:
    # Worked out by hand: centers of 4 pixels lie at 0.25, 0.75, 1.25, 1.75 over 2 whose centers are 0.5, 1.5.
    row = upsample(torch.tensor([[[[0.0, 1.0]]]]), (1, 4))
    assert row.flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


@given(sides, sides, sides)
def test_the_matrix_resizes_an_axis_and_several_sizes_in_a_row(length: int, first: int, second: int) -> None:
    x = torch.randn(1, 2, length, dtype=torch.float64)
    expected = x
    for size in (first, second):
        expected = F.interpolate(expected, size=size, mode="linear", align_corners=False)
    matrix = bilinear_matrix(length, first, second, dtype=torch.float64)
    torch.testing.assert_close(x @ matrix.t(), expected)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(second, dtype=torch.float64))


@given(sides, sides, sides, st.data())
def test_rows_of_the_matrix_are_the_whole_matrix_cut(
    length: int, first: int, second: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, second - 1))
    stop = data.draw(st.integers(start + 1, second))
    used, rows = bilinear_rows(slice(start, stop), length, first, second)
    whole = torch.zeros(stop - start, length)
    whole[:, used] = rows
    torch.testing.assert_close(whole, bilinear_matrix(length, first, second)[start:stop], atol=1e-6, rtol=0)
