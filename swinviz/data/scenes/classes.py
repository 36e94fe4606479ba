"""The classes of the procedural scenes: names and colors as in ADE20K."""

from typing import Final

from swinviz.data.labels import ADE20K_CLASSES, ADE20K_PALETTE

SCENE_CLASSES: Final[tuple[str, ...]] = (
    "sky", "building", "house", "tree", "road", "sidewalk", "grass", "field", "sand", "rock",
    "mountain", "sea", "lake", "boat", "car", "person", "fence", "streetlight",
)  # fmt: skip
"""Classes of the scenes; a class's label is its place."""
SCENE_PALETTE: Final[tuple[tuple[int, int, int], ...]] = tuple(
    ADE20K_PALETTE[ADE20K_CLASSES.index(name)] for name in SCENE_CLASSES
)
"""The colors that ADE20K's classes of the same names have."""

(
    SKY, BUILDING, HOUSE, TREE, ROAD, SIDEWALK, GRASS, FIELD, SAND, ROCK,
    MOUNTAIN, SEA, LAKE, BOAT, CAR, PERSON, FENCE, STREETLIGHT,
) = range(len(SCENE_CLASSES))  # fmt: skip
