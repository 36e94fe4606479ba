"""Two segmentations of one picture as compare.js shows them: two models, or one before and after an edit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinviz.demo.result import class_shares, picture_address, values_address
from swinviz.inference import Segmentation
from swinviz.interventions import drop_level, mask_padding_keys, no_bias, no_mask, no_shift
from swinviz.model.hooks import EditFn

__all__ = ["EDITS", "encode_comparison", "flipped"]

EDITS: dict[str, Callable[[], Mapping[str, EditFn]] | None] = {
    "as it is": None,
    "windows not shifted": no_shift,
    "no mask in shifted windows": no_mask,
    "no relative position bias": no_bias,
    "no attention to padding": mask_padding_keys,
    "decoder without stride 4": lambda: drop_level(0),
    "decoder without stride 8": lambda: drop_level(1),
    "decoder without stride 16": lambda: drop_level(2),
    "decoder without stride 32": lambda: drop_level(3),
}
"""Edits of the model by their names in the menu."""


def flipped(before: Segmentation, after: Segmentation) -> NDArray[np.bool_]:
    """Tell which pixels changed their class, by its name: two models may number classes differently.

    Returns:
        (H, W).
    """
    names = {name: number for number, name in enumerate(dict.fromkeys((*before.classes, *after.classes)))}
    numbers = [
        np.array([names[name] for name in result.classes])[result.labels] for result in (before, after)
    ]
    return numbers[0] != numbers[1]


def encode_comparison(before: Segmentation, after: Segmentation, titles: tuple[str, str]) -> str:
    """Make what compare.js shows.

    Args:
        before: the left side.
        after: the right side, of the same picture.
        titles: what the two are called.

    Returns:
        JSON: the picture, the flipped pixels (255 where they are) and their share, and for each side its
        title, labels, classes, palette and shares, as `swinviz.demo.result` encodes them.
    """
    changed = flipped(before, after)
    return json.dumps(
        {
            "image": picture_address(before.image),
            "flipped": values_address(changed * 255),
            "flippedShare": float(changed.mean()),
            "sides": [_side(result, title) for result, title in zip((before, after), titles, strict=True)],
        }
    )


def _side(result: Segmentation, title: str) -> dict[str, Any]:
    return {
        "title": f"{title} · {result.seconds:.2f} s",
        "labels": values_address(result.labels),
        "classes": result.classes,
        "palette": result.palette,
        "shares": class_shares(result),
    }
