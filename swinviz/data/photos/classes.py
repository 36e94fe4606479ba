"""The classes of the model that knows photographs: ADE20K's names and colors, `object` for the rest."""

from typing import Final

from swinviz.data.labels import ADE20K_CLASSES, ADE20K_PALETTE

__all__ = ["OUTDOOR_CLASSES", "OUTDOOR_PALETTE"]

OUTDOOR_CLASSES: Final[tuple[str, ...]] = (
    "sky", "building", "tree", "grass", "water", "mountain", "road", "sidewalk", "sand", "car", "person",
    "bicycle", "boat", "animal", "fence", "pole", "signboard", "object",
)  # fmt: skip
"""A class's label is its place. Cars include trucks and buses, bicycles motorcycles, and grass fields."""

_OBJECT_COLOR: Final = (110, 60, 160)  # of none of ADE20K's neighbors in a street

OUTDOOR_PALETTE: Final[tuple[tuple[int, int, int], ...]] = tuple(
    ADE20K_PALETTE[ADE20K_CLASSES.index(name)] if name in ADE20K_CLASSES else _OBJECT_COLOR
    for name in OUTDOOR_CLASSES
)
"""RGB, 0 to 255: ADE20K's where it has the class."""
