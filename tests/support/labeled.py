"""Segmentations with areas of many shapes, to be written in every format."""

from __future__ import annotations

import numpy as np

from swinviz import Segmentation

CLASSES = ("sky", "old tree", "rock & roll", "<sea>", "éclair")
PALETTE = ((6, 230, 230), (4, 200, 3), (255, 41, 10), (9, 7, 230), (204, 255, 4))


def segmentation(size: tuple[int, int] = (60, 80), seed: int = 0) -> Segmentation:
    """Blobs with holes, speckles and diagonal touches; every class occurs."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = sum(
        np.sin(rows * rng.normal(0, 0.2) + columns * rng.normal(0, 0.2) + rng.uniform(0, 6)) for _ in range(5)
    )
    labels = np.digitize(waves, np.quantile(waves, [0.2, 0.4, 0.6, 0.8])).astype(np.uint8)
    speckles = rng.random(size) < 0.01
    labels[speckles] = rng.integers(0, 5, int(speckles.sum()))
    image = np.stack([40 * labels, 255 - 40 * labels, rows.astype(np.uint8)], axis=2)
    scores = np.full(size, 0.75, np.float32)
    return Segmentation(labels, scores, CLASSES, PALETTE, 0.1, image)
