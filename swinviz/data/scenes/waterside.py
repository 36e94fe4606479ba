"""Seasides and lakesides: the same water, told apart by whether land encloses it."""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.built import paint_house
from swinviz.data.scenes.canvas import mix
from swinviz.data.scenes.nature import paint_rock, paint_tree
from swinviz.data.scenes.noise import Field, profile
from swinviz.data.scenes.people import paint_person
from swinviz.data.scenes.sky import paint_sky
from swinviz.data.scenes.stage import Stage
from swinviz.data.scenes.terrain import (
    GRASS,
    ROCK,
    SAND,
    Material,
    paint_background,
    paint_ground,
    paint_mountains,
    paint_tree_line,
)
from swinviz.data.scenes.vehicles import paint_boat
from swinviz.data.scenes.water import paint_surf, paint_water, wet_sand

LAND = (classes.SAND, classes.GRASS, classes.ROCK)


def _either(stage: Stage, sand: float, rock: float) -> Material:
    """Return sand or rock with the given chances, else grass."""
    draw = stage.uniform(0, 1)
    return SAND if draw < sand else ROCK if draw < sand + rock else GRASS


def _shore(stage: Stage, low: float, high: float) -> Field:
    """Return the outline (width,) of a near shore: level, slanting or curved."""
    canvas = stage.canvas
    middle, slant, bend = stage.uniform(low, high), stage.uniform(-0.35, 0.35), stage.uniform(-0.15, 0.15)
    t = canvas.x * np.float32(1 / canvas.aspect) - np.float32(0.5)  # -0.5..0.5 across the picture
    curve = np.float32(middle) + np.float32(slant) * t + np.float32(bend) * (t * t * 4 - np.float32(0.5))
    curve += np.float32(0.02) * profile(stage.rng, canvas.x, 3.0, octaves=4)
    return np.maximum(curve, np.float32(stage.horizon + 0.06))


def _boats(stage: Stage, count: int, water: int, tallest: float) -> None:
    """Set boats afloat, far ones first; how far out one is says little about its size."""
    for size in sorted(stage.uniform(0.09, tallest) for _ in range(count)):
        for _ in range(5):
            x, base = (
                stage.anywhere(),
                stage.horizon + stage.uniform(0.02, 0.1) + size * stage.uniform(0.1, 1),
            )
            if base < 0.98 and stage.label_at(x, base) == water:
                paint_boat(stage, x, base, size)
                break


def _headland(stage: Stage) -> None:
    """Paint a mountainous coast from one side, ending in the sea before the picture does."""
    canvas = stage.canvas
    image, label = canvas.image.copy(), canvas.label.copy()
    paint_mountains(stage, stage.uniform(0.08, 0.28), stage.uniform(0.2, 0.9))
    end, slope = stage.uniform(0.2, 0.75) * canvas.aspect, stage.uniform(0.4, 1.2)
    inland = (np.float32(end) - canvas.x) * (1 if stage.chance(0.5) else -1)
    keep = canvas.coverage(canvas.y - np.float32(stage.horizon) + inland * np.float32(slope))
    canvas.image[:] = mix(image, canvas.image, keep)
    canvas.label[:] = np.where(keep >= 0.5, canvas.label, label)


def seaside(stage: Stage) -> None:
    """Paint open sea to the horizon, perhaps a headland, and a beach, rocks or a meadow in front."""
    canvas = stage.canvas
    paint_sky(stage)
    if stage.chance(0.35):
        _headland(stage)
    paint_water(
        stage, stage.horizon, canvas.below(stage.horizon), classes.SEA,
        mirror=stage.uniform(0.3, 0.8), swell=stage.uniform(0.15, 1.0),
    )  # fmt: skip
    if stage.chance(0.85):
        shore = _shore(stage, stage.horizon + 0.15, 1.0)
        material = _either(stage, sand=0.65, rock=0.15)
        paint_ground(stage, material, canvas.below(shore))
        if stage.chance(0.7):
            paint_surf(stage, shore, stage.uniform(0.4, 1.0))
        if material is SAND:
            wet_sand(stage, shore)
            if stage.chance(0.25):
                dune = shore + np.float32(stage.uniform(0.12, 0.3)) + 0.04 * profile(stage.rng, canvas.x, 4.0)
                paint_ground(stage, GRASS, canvas.below(dune))
    _boats(stage, stage.integer(0, 3), classes.SEA, 0.3)
    stage.scatter(paint_rock, stage.integer(-2, 3), (0.08, 0.2), (0.5, 1.2), (*LAND, classes.SEA))
    stage.scatter(paint_tree, stage.integer(0, 1), (0.3, 0.7), (4, 9), (classes.SAND, classes.GRASS))
    stage.scatter(paint_person, stage.integer(0, 4), (0.15, 0.42), (1.7, 1.7), LAND)


def lakeside(stage: Stage) -> None:
    """Paint a lake that mirrors the sky, enclosed by its far shore, with land in front or none."""
    canvas = stage.canvas
    paint_sky(stage)
    paint_background(stage, 0.85, 0.08, 0.3)
    far = stage.horizon + stage.uniform(0.03, 0.07)
    paint_ground(stage, _either(stage, sand=0.1, rock=0.15))
    if stage.chance(0.75):
        paint_tree_line(stage, far, stage.uniform(0.04, 0.12), 0.35)
    for _ in range(stage.integer(0, 2)):
        paint = paint_house if stage.chance(0.5) else paint_tree
        paint(stage, stage.anywhere(), far, stage.uniform(0.1, 0.2))
    edge = np.float32(far) + np.float32(0.008) * profile(stage.rng, canvas.x, 5.0)
    paint_water(
        stage, far, canvas.below(edge), classes.LAKE,
        mirror=stage.uniform(0.55, 0.95), swell=stage.uniform(0.0, 0.6),
    )  # fmt: skip
    if stage.chance(0.85):
        paint_ground(stage, _either(stage, sand=0.2, rock=0.2), canvas.below(_shore(stage, far + 0.25, 1.05)))
    _boats(stage, stage.integer(0, 3), classes.LAKE, 0.26)
    stage.scatter(paint_rock, stage.integer(-2, 3), (0.08, 0.2), (0.5, 1.2), (*LAND, classes.LAKE))
    stage.scatter(paint_tree, stage.integer(0, 2), (0.3, 0.9), (4, 9), (classes.GRASS,))
    stage.scatter(paint_person, stage.integer(0, 2), (0.15, 0.38), (1.7, 1.7), LAND)
