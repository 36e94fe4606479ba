"""Machine labels that choose inside a human's coarser label: Cityscapes' and PASCAL VOC's classes.

Two networks' answers may lie beside the labels, as indexed PNGs in `cityscapes/` and `voc/`. They are hints:
what a human said stands, and where a human said nothing they say little. VOC's is better at animals, people
and boats, and goes first; Cityscapes knows only streets, so it takes cows for people and boats for cars, and
is not believed where VOC sees animals or boats, or where a human labeled water.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.photos.datasets import LabelMeFacade, PhotoDataset, StanfordBackground
from swinviz.data.photos.sets import ClassSets

__all__ = ["CITYSCAPES_HINTS", "VOC_HINTS", "set_labels"]

CITYSCAPES_HINTS: Final[Mapping[int, str]] = MappingProxyType(
    {0: "road", 1: "sidewalk", 4: "fence", 5: "pole", 6: "signboard", 7: "signboard", 8: "tree", 9: "grass",
     11: "person", 12: "person", 13: "car", 14: "car", 15: "car", 16: "car", 17: "bicycle", 18: "bicycle"}
)  # fmt: skip
"""Hints of Cityscapes' training ids."""

VOC_HINTS: Final[Mapping[int, str]] = MappingProxyType(
    {1: "object", 2: "bicycle", 3: "animal", 4: "boat", 5: "object", 6: "car", 7: "car", 8: "animal",
     9: "object", 10: "animal", 11: "object", 12: "animal", 13: "animal", 14: "bicycle", 15: "person",
     16: "object", 17: "animal", 18: "object", 19: "car", 20: "object"}
)  # fmt: skip
"""Hints of PASCAL VOC's classes."""

_ANIMALS: Final = (3, 8, 10, 12, 13, 17)
_SCENERY: Final = (0, 1, 2, 8, 9, 10)  # Cityscapes' road, sidewalk, building, vegetation, terrain, sky


def set_labels(
    dataset: PhotoDataset,
    labels: NDArray[np.uint8],
    sets: ClassSets,
    cityscapes: NDArray[np.uint8] | None = None,
    voc: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Turn a data set's labels into numbers of class sets.

    Args:
        dataset: whose labels.
        labels: (H, W), 255 where nobody said anything.
        sets: the table, which may grow.
        cityscapes: (H, W) machine labels; None where there are none.
        voc: (H, W), the same of PASCAL VOC's classes.

    Returns:
        (H, W), numbers of `sets` or 255.
    """
    table = np.full(256, IGNORE_INDEX, np.uint8)
    for number, classes in enumerate(dataset.sets.values()):
        table[number] = sets.number(classes)
    numbers = table[labels]
    if cityscapes is None or voc is None:
        return numbers
    if isinstance(dataset, StanfordBackground):
        _hint_stanford(numbers, dataset, labels, sets, cityscapes, voc)
    elif isinstance(dataset, LabelMeFacade):
        _hint_facades(numbers, dataset, labels, sets, cityscapes, voc)
    return numbers


def _hint_stanford(
    numbers: NDArray[np.uint8],
    dataset: PhotoDataset,
    labels: NDArray[np.uint8],
    sets: ClassSets,
    cityscapes: NDArray[np.uint8],
    voc: NDArray[np.uint8],
) -> None:
    """Choose inside "road" and "foreground", in place."""
    names = dataset.classes
    road, things = labels == names.index("road"), labels == names.index("foreground")
    on_water = bool((labels == names.index("water")).mean() > 0.05)
    animals, boats, people = (
        bool(np.isin(voc, kinds).mean() > share)
        for kinds, share in ((_ANIMALS, 0.004), ((4,), 0.003), ((15,), 0.002))
    )
    for kind, name in ((0, "road"), (1, "sidewalk")):
        numbers[road & (cityscapes == kind)] = sets.number(
            dataset.sets["road"], [name], 0.2 if on_water else 0.5
        )
    if on_water:
        numbers[road & (cityscapes == 9)] = sets.number(dataset.sets["road"], ["sand"], 0.3)
    thing = dataset.sets["foreground"]
    numbers[things & np.isin(cityscapes, _SCENERY) & (voc == 0)] = sets.number(thing, ["object"], 0.15)
    for kind, name in CITYSCAPES_HINTS.items():
        here = things & (cityscapes == kind)
        if name == "person" and animals and not people:
            numbers[here] = sets.number(thing, ["animal"], 0.2)
        elif name == "car" and (boats or on_water):
            numbers[here] = sets.number(thing, ["boat"], 0.2)
        elif name in thing and not (name == "car" and animals):
            numbers[here] = sets.number(thing, [name], 0.5)
    for kind, name in VOC_HINTS.items():
        numbers[things & (voc == kind)] = sets.number(thing, [name], 0.7)


def _hint_facades(
    numbers: NDArray[np.uint8],
    dataset: PhotoDataset,
    labels: NDArray[np.uint8],
    sets: ClassSets,
    cityscapes: NDArray[np.uint8],
    voc: NDArray[np.uint8],
) -> None:
    """Choose inside "vegetation", and name what nobody labeled where the hints are good, in place."""
    green = labels == dataset.classes.index("vegetation")
    for kind, name in ((8, "tree"), (9, "grass")):
        numbers[green & (cityscapes == kind)] = sets.number(dataset.sets["vegetation"], [name], 0.5)
    nothing = labels == IGNORE_INDEX
    people = np.isin(cityscapes, (11, 12)) & (voc == 15)
    numbers[nothing & people] = sets.number(sets.classes, ["person"], 0.5)
    for kinds, name in (((17, 18), "bicycle"), ((4,), "fence"), ((5,), "pole")):
        numbers[nothing & np.isin(cityscapes, kinds)] = sets.number(sets.classes, [name], 0.3)
