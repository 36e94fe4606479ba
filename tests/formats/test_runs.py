"""Run lengths: what pycocotools, label-studio-converter and CVAT's documentation make of them."""

from __future__ import annotations

import numpy as np
import pytest
from label_studio_converter import brush
from numpy.typing import NDArray
from pycocotools import mask as coco

from swinviz.errors import DatasetError
from swinviz.formats.runs import (
    brush_runs,
    coco_runs,
    cvat_runs,
    from_brush_runs,
    from_coco,
    from_cvat_runs,
)


def some_masks() -> list[NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    speckled = [
        rng.random((int(h), int(w))) < p
        for h, w, p in zip([1, 7, 30], [9, 1, 41], [0.5, 0.9, 0.1], strict=True)
    ]
    large = np.zeros((300, 400), bool)
    large[20:290, 5:399] = True  # runs beyond 2**16 values
    return [*speckled, large, np.ones((6, 5), bool), np.zeros((6, 5), bool)]


@pytest.mark.parametrize("mask", some_masks(), ids=lambda mask: f"{mask.shape}")
def test_brushes_are_read_by_label_studios_own_converter(mask: NDArray[np.bool_]) -> None:
    values = brush.decode_rle(brush_runs(mask)).reshape(*mask.shape, 4)
    for channel in range(4):
        np.testing.assert_array_equal(values[..., channel], 255 * mask)
    np.testing.assert_array_equal(
        from_brush_runs(brush.mask2rle(255 * mask.astype(np.uint8)), mask.shape), mask
    )
    np.testing.assert_array_equal(from_brush_runs(brush_runs(mask), mask.shape), mask)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, numpy 2
@pytest.mark.parametrize("mask", some_masks(), ids=lambda mask: f"{mask.shape}")
def test_coco_runs_are_read_by_pycocotools(mask: NDArray[np.bool_]) -> None:
    runs = coco_runs(mask)
    np.testing.assert_array_equal(coco.decode(runs), mask)
    np.testing.assert_array_equal(from_coco(runs, mask.shape), mask)
    flat = mask.ravel(order="F")  # uncompressed: column by column, first the zeros
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flat]))).tolist()
    counts = np.diff([0, *changes, flat.size]).tolist()
    np.testing.assert_array_equal(from_coco({"size": list(mask.shape), "counts": counts}, mask.shape), mask)


@pytest.mark.parametrize("mask", some_masks()[:-1], ids=lambda mask: f"{mask.shape}")
def test_cvat_runs_are_what_its_documentation_says(mask: NDArray[np.bool_]) -> None:
    text, (left, top, width, height) = cvat_runs(mask)
    values: list[int] = []
    for number, count in enumerate(text.split(", ")):
        values += [number % 2] * int(count)
    found = np.zeros(mask.shape, int)
    found[top : top + height, left : left + width] = np.reshape(values, (height, width))
    np.testing.assert_array_equal(found, mask)
    assert mask[top].any()
    assert mask[:, left].any()
    np.testing.assert_array_equal(from_cvat_runs(text, (left, top, width, height), mask.shape), mask)


@pytest.mark.parametrize(
    "runs",
    [
        {"size": [4, 5], "counts": [10]},  # pycocotools would fill the rest with whatever memory holds
        {"size": [4, 5], "counts": "5"},
        {"size": [4, 5], "counts": [30, -10]},
        {"size": [5, 4], "counts": [20]},
        {"size": [4, 5], "counts": "~~~"},
        {"size": [4, 5], "counts": "P"},
        [[1, 2, 3]],
        [[0, 0, 1e12, 0, 1, 1]],
        "text",
    ],
)
def test_coco_runs_that_do_not_fill_the_picture_are_refused(runs: object) -> None:
    with pytest.raises(DatasetError):
        from_coco(runs, (4, 5))


def test_brushes_and_masks_that_do_not_fit_are_refused() -> None:
    good = brush_runs(np.eye(4, 5, dtype=bool))
    for bad in (good[:-3], [], [255] * 40):
        with pytest.raises(DatasetError):
            from_brush_runs(bad, (4, 5))
    with pytest.raises(DatasetError):
        from_brush_runs(good, (5, 5))
    for text, box in (
        ("3,2", (0, 0, 2, 2)),
        ("4", (4, 0, 2, 2)),
        ("9,-5", (0, 0, 2, 2)),
        ("2,2", (-1, 0, 2, 2)),
    ):
        with pytest.raises(DatasetError):
            from_cvat_runs(text, box, (4, 5))
