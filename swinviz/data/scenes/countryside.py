"""Meadows and deserts. Behind a fence the same grass is a field."""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.built import Fence, paint_house
from swinviz.data.scenes.nature import paint_rock, paint_tree
from swinviz.data.scenes.people import paint_person
from swinviz.data.scenes.sky import paint_sky
from swinviz.data.scenes.stage import Stage
from swinviz.data.scenes.terrain import (
    GRASS,
    SAND,
    paint_background,
    paint_ground,
    paint_road,
    paint_tree_line,
)
from swinviz.data.scenes.vehicles import paint_car, paint_car_ahead


def _stock(stage: Stage) -> None:
    """Put houses, trees and people into the field, before the fence that stands in front of it."""
    stage.scatter(paint_house, stage.integer(0, 2), (0.12, 0.38), (7, 7), (classes.FIELD,))
    stage.scatter(paint_tree, stage.integer(0, 2), (0.15, 0.4), (4, 9), (classes.FIELD,))
    stage.scatter(paint_person, stage.integer(-1, 1), (0.15, 0.35), (1.7, 1.7), (classes.FIELD,))


def _paddock(stage: Stage) -> None:
    """Fence a piece of the meadow in: field inside the fence, grass around it."""
    canvas = stage.canvas
    back, front = stage.horizon + stage.uniform(0.05, 0.12), stage.horizon + stage.uniform(0.32, 0.62)
    center, near, skew = stage.anywhere(), stage.uniform(0.4, 1.3), stage.uniform(-0.2, 0.2)
    far = near * (back - stage.horizon) / (front - stage.horizon)
    a, b, c, d = (
        (center - near, front),
        (center - far + skew, back),
        (center + far + skew, back),
        (center + near, front),
    )
    t = (canvas.y - np.float32(back)) * np.float32(1 / (front - back))
    left, right = b[0] + (a[0] - b[0]) * t, c[0] + (d[0] - c[0]) * t
    inside = (canvas.x > left) & (canvas.x < right) & (t > 0) & (t < 1)
    canvas.label[inside & (canvas.label == classes.GRASS)] = classes.FIELD
    fence = Fence(stage, stage.uniform(1.0, 1.6))
    fence.paint(b, c)
    _stock(stage)
    for start, end in ((a, b), (c, d), (a, d)):
        fence.paint(start, end)


def _cross_fence(stage: Stage) -> None:
    """Run a fence across the picture: beyond it lies the field, before it the grass."""
    canvas = stage.canvas
    left = stage.uniform(0.16, 0.5)
    start = (0.0, stage.horizon + left)
    end = (canvas.aspect, stage.horizon + max(left * stage.uniform(0.6, 1.5), 0.1))
    line = np.float32(start[1]) + canvas.x * np.float32((end[1] - start[1]) / canvas.aspect)
    canvas.label[(canvas.y < line) & (canvas.label == classes.GRASS)] = classes.FIELD
    _stock(stage)
    Fence(stage, stage.uniform(0.9, 1.5)).paint(start, end)


def meadow(stage: Stage) -> None:
    """Paint grassland with mountains, houses, trees, and a fence or a road."""
    paint_sky(stage)
    paint_background(stage, 0.65, 0.05, 0.28)
    paint_ground(stage, GRASS)
    if stage.chance(0.5):
        paint_tree_line(stage, stage.horizon + stage.uniform(0.005, 0.03), stage.uniform(0.04, 0.1), 0.4)
    boundary = stage.uniform(0, 1)
    if boundary < 0.3:
        paint_road(stage, stage.uniform(1.8, 3.2), stage.uniform(0.3, 0.7) * stage.canvas.aspect)
        stage.scatter(paint_house, stage.integer(0, 2), (0.12, 0.38), (7, 7), (classes.GRASS,))
    elif boundary < 0.65:
        _cross_fence(stage)
    elif boundary < 0.95:
        _paddock(stage)
    stage.scatter(paint_tree, stage.integer(0, 4), (0.12, 0.8), (4, 9), (classes.GRASS,))
    stage.scatter(paint_car_ahead, stage.integer(0, 2), (0.1, 0.26), (1.5, 1.5), (classes.ROAD,))
    stage.scatter(paint_rock, stage.integer(-1, 1), (0.08, 0.16), (0.5, 1.2), (classes.GRASS,))
    stage.scatter(paint_person, stage.integer(0, 3), (0.15, 0.42), (1.7, 1.7), (classes.GRASS, classes.ROAD))


def desert(stage: Stage) -> None:
    """Paint sand without a sea: mountains, rocks, perhaps a road."""
    paint_sky(stage)
    paint_background(stage, 0.9, 0.05, 0.28)
    paint_ground(stage, SAND)
    if stage.chance(0.5):
        paint_road(stage, stage.uniform(2, 4), stage.uniform(0.3, 0.7) * stage.canvas.aspect)
    stage.scatter(paint_rock, stage.integer(1, 5), (0.08, 0.25), (0.5, 1.2), (classes.SAND,))
    car = paint_car if stage.chance(0.3) else paint_car_ahead
    stage.scatter(car, stage.integer(0, 2), (0.1, 0.26), (1.5, 1.5), (classes.ROAD,))
    stage.scatter(paint_tree, stage.integer(0, 1), (0.2, 0.5), (4, 9), (classes.SAND,))
    stage.scatter(paint_person, stage.integer(0, 2), (0.15, 0.4), (1.7, 1.7), (classes.SAND, classes.ROAD))
