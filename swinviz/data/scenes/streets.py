"""Streets: looking down one to its vanishing point, or across one at the houses opposite."""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.built import Fence, paint_house, paint_streetlight
from swinviz.data.scenes.canvas import rgb
from swinviz.data.scenes.facades import paint_front_walls, paint_street_walls
from swinviz.data.scenes.nature import paint_tree
from swinviz.data.scenes.people import paint_person
from swinviz.data.scenes.sky import paint_sky
from swinviz.data.scenes.stage import Stage
from swinviz.data.scenes.terrain import (
    ASPHALT,
    GRASS,
    PAVING,
    paint_background,
    paint_ground,
    paint_road,
    paint_tree_line,
)
from swinviz.data.scenes.vehicles import paint_car, paint_car_ahead


def street(stage: Stage) -> None:
    """Look down a street: facades, or gardens with houses; trees, cars, people, streetlights."""
    canvas = stage.canvas
    paint_sky(stage)
    paint_background(stage, 0.3, 0.05, 0.15)
    city = stage.chance(0.65)
    paint_ground(stage, PAVING if city else GRASS)
    half, walk = stage.uniform(2.5, 5.0), stage.uniform(1.8, 3.8)
    side, vanish = stage.uniform(-0.6, 0.6) * half, stage.uniform(0.3, 0.7) * canvas.aspect
    if city:
        paint_street_walls(stage, vanish, side, half + walk)
    else:
        paint_tree_line(stage, stage.horizon + 0.02, stage.uniform(0.04, 0.12), 0.3)
    paint_road(stage, half, vanish, walk, side)

    lining = ("tree", "lamp") if city else ("house", "tree", "lamp", "house")
    metres_aside = {"lamp": 0.4, "tree": walk * 0.7 if city else walk + 1.5, "house": walk + 5.0}
    for drop in (np.geomspace(0.06, 0.32, stage.integer(3, 6)) * stage.uniform(0.8, 1.2)).tolist():
        base = stage.horizon + stage.eye * drop
        for edge in (-1.0, 1.0):
            kind = lining[stage.integer(0, len(lining) - 1)]
            x = vanish + (side + edge * (half + metres_aside[kind])) * drop
            if stage.chance(0.35) or not -0.3 < x < canvas.aspect + 0.3:
                continue
            if kind == "lamp":
                arm = -edge if stage.chance(0.6) else 0.0
                paint_streetlight(stage, x, base, stage.size(base, stage.uniform(4.5, 6.5)), arm)
            elif kind == "tree":
                paint_tree(stage, x, base, stage.size(base, stage.uniform(3.5, 7)))
            else:
                paint_house(stage, x, base, stage.size(base, stage.uniform(5, 7.5)))
    stage.scatter(paint_car_ahead, stage.integer(0, 3), (0.1, 0.26), (1.5, 1.5), (classes.ROAD,))
    stage.scatter(paint_person, stage.integer(0, 4), (0.16, 0.45), (1.7, 1.7), (classes.SIDEWALK,))


def _gardens(stage: Stage, wall: float) -> None:
    """Paint a row of houses and trees standing on y = wall, perhaps behind a fence."""
    aspect = stage.canvas.aspect
    for place in np.arange(-0.1, aspect + 0.2, stage.uniform(0.45, 0.75)).tolist():
        paint, low, high = (paint_house, 0.24, 0.42) if stage.chance(0.7) else (paint_tree, 0.25, 0.5)
        paint(stage, place + stage.uniform(-0.08, 0.08), wall, stage.uniform(low, high))
    if stage.chance(0.5):
        line, label = wall + 0.04, stage.canvas.label
        label[(stage.canvas.y < line) & (label == classes.GRASS)] = classes.FIELD
        meters = stage.uniform(0.07, 0.13) * stage.eye / (line - stage.horizon)
        Fence(stage, meters).paint((0.0, line), (aspect, line))


def roadside(stage: Stage) -> None:
    """Look across a street: a row of buildings or houses, sidewalk, passing cars, lights, people."""
    canvas = stage.canvas
    paint_sky(stage)
    paint_background(stage, 0.3, 0.1, 0.25)
    kerb = stage.horizon + stage.uniform(0.2, 0.34)
    wall = kerb - stage.uniform(0.09, 0.16)
    green = stage.chance(0.45)
    paint_ground(stage, GRASS if green else PAVING)
    if green:
        _gardens(stage, wall)
        paint_ground(stage, PAVING, canvas.below(kerb - stage.uniform(0.04, 0.06)))
    else:
        paint_front_walls(stage, wall)
    for _ in range(stage.integer(1, 3)):
        x = stage.anywhere()
        if stage.chance(0.65):
            paint_streetlight(stage, x, kerb - 0.01, stage.uniform(0.4, 0.7), float(stage.integer(-1, 1)))
        else:
            paint_tree(stage, x, kerb - 0.015, stage.uniform(0.3, 0.6))
    paint_ground(stage, ASPHALT, canvas.below(kerb))
    end = stage.uniform(max(kerb + 0.15, 0.85), 1.2)
    middle = (kerb + min(end, 1.0)) / 2
    dashes = canvas.coverage(np.float32(0.008) - np.abs(canvas.y - np.float32(middle))) * (
        canvas.x * 3 % 1 < 0.6
    )
    canvas.tint(dashes * np.float32(0.8), stage.light.lit(rgb(0.93, 0.93, 0.9)))
    for base in sorted(stage.uniform(kerb + 0.05, min(end, 1.0)) for _ in range(stage.integer(0, 3))):
        paint_car(stage, stage.anywhere(), base, stage.uniform(0.13, 0.2) + 0.25 * (base - kerb))
    if end < 1:
        paint_ground(stage, GRASS if green else PAVING, canvas.below(end))
    stage.scatter(paint_person, stage.integer(0, 4), (0.18, 0.38), (1.7, 1.7), (classes.SIDEWALK,))
