"""Cars and boats, which only what they stand on tells apart.

Some boats have a car's body, and some cars have lost their wheels in the shadow.
"""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import BLACK, WHITE, Color, Sprite, mix, rgb
from swinviz.data.scenes.stage import Stage

_PAINT = (
    (0.75, 0.10, 0.10), (0.90, 0.90, 0.90), (0.12, 0.13, 0.15), (0.55, 0.57, 0.60), (0.12, 0.25, 0.55),
    (0.85, 0.70, 0.20), (0.20, 0.40, 0.30), (0.60, 0.25, 0.15), (0.80, 0.82, 0.84),
)  # fmt: skip
_SAILS = ((0.96, 0.95, 0.92), (0.93, 0.90, 0.84), (0.85, 0.35, 0.25), (0.95, 0.95, 0.97))


def _glass(stage: Stage) -> Color:
    return stage.light.lit(mix(rgb(0.15, 0.18, 0.22), stage.light.horizon, stage.uniform(0, 0.5)))


def _draw_body(stage: Stage, vehicle: Sprite, half: float, paint: Color, glass: Color) -> None:
    """Draw the body with a cabin that cars and motor boats have in common; `half` is half its length."""
    nose, tail = half * stage.uniform(0.86, 1.0), -half * stage.uniform(0.88, 1.0)
    vehicle.polygon(
        paint,
        (tail, 0.12),
        (-half, 0.45),
        (-0.9 * half, 0.55),
        (0.85 * half, 0.51),
        (half, 0.39),
        (nose, 0.12),
    )
    a, b = (
        -half * stage.uniform(0.5, 0.85),
        half * stage.uniform(0.3, 0.5),
    )  # the cabin's foot, back and front
    c, d = a + half * stage.uniform(0.12, 0.3), b - half * stage.uniform(0.15, 0.3)  # and its roof
    vehicle.polygon(paint, (a, 0.53), (c, 1), (d, 1), (b, 0.51))
    inset = 0.05 * half
    vehicle.polygon(glass, (a + 2 * inset, 0.55), (c + inset, 0.93), (d - inset, 0.93), (b - 2 * inset, 0.55))
    middle = (c + d) / 2
    vehicle.rectangle(paint, middle - 0.03 * half, middle + 0.03 * half, 0.55, 0.93)


def paint_car(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a car seen from its side."""
    light = stage.light
    half = stage.uniform(1.25, 1.6)
    paint, glass, tire = light.lit(stage.pick(_PAINT)), _glass(stage), light.lit(rgb(0.06, 0.06, 0.07))
    stage.shade(x, base - height * 0.02, height * half * 1.12, height * 0.14)
    car = Sprite(stage.canvas, x, base, height, half * 1.05, mirrored=stage.chance(0.5))
    _draw_body(stage, car, half, paint, glass)
    if stage.chance(0.2):
        car.rectangle(mix(paint, tire, 0.7), -0.86 * half, 0.86 * half, 0.02, 0.14)
    else:
        for wheel in (-0.58 * half, 0.60 * half):
            car.ellipse(tire, wheel, 0.17, 0.18, 0.18)
            car.ellipse(light.lit(rgb(0.6, 0.6, 0.62)), wheel, 0.17, 0.09, 0.09)
    car.stamp(classes.CAR, 0.03)


def paint_car_ahead(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a car seen from its front or its back."""
    light = stage.light
    w = 0.62
    paint, glass, tire = light.lit(stage.pick(_PAINT)), _glass(stage), light.lit(rgb(0.06, 0.06, 0.07))
    lamp = rgb(0.85, 0.12, 0.08) if stage.chance(0.5) else rgb(1.0, 0.97, 0.85)
    stage.shade(x, base - height * 0.02, height * w * 1.12, height * 0.14)
    car = Sprite(stage.canvas, x, base, height, w * 1.05)
    for side in (-1, 1):
        car.rectangle(tire, (side * 0.72 - 0.16) * w, (side * 0.72 + 0.16) * w, 0, 0.3)
    car.polygon(
        paint, (-0.95 * w, 0.12), (-w, 0.5), (-0.85 * w, 0.62), (0.85 * w, 0.62), (w, 0.5), (0.95 * w, 0.12)
    )
    car.polygon(paint, (-0.86 * w, 0.6), (-0.62 * w, 1), (0.62 * w, 1), (0.86 * w, 0.6))
    car.polygon(glass, (-0.74 * w, 0.62), (-0.55 * w, 0.94), (0.55 * w, 0.94), (0.74 * w, 0.62))
    for side in (-1, 1):
        car.ellipse(lamp if light.night else light.lit(lamp), side * 0.76 * w, 0.44, 0.15 * w, 0.07)
    car.rectangle(mix(paint, tire, 0.6), -0.4 * w, 0.4 * w, 0.24, 0.36)
    car.stamp(classes.CAR, 0.03)


def paint_boat(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a sailing boat, a rowing boat, a motor boat, or one with the body of a car."""
    light = stage.light
    kind = ("sail", "sail", "rowing", "motor", "car-like")[stage.integer(0, 4)]
    height *= {"sail": 1.0, "rowing": 0.75, "motor": 0.75, "car-like": 0.7}[kind]
    half = stage.uniform(0.28, 0.42) if kind == "sail" else stage.uniform(1.1, 1.6)
    paint, glass = light.lit(stage.pick(_PAINT)), _glass(stage)
    boat = Sprite(stage.canvas, x, base, height, half * 1.1, mirrored=stage.chance(0.5))
    if kind == "car-like":
        boat.rectangle(mix(paint, BLACK, 0.5), -0.86 * half, 0.86 * half, 0.02, 0.14)
        _draw_body(stage, boat, half, paint, glass)
        boat.stamp(classes.BOAT, 0.03)
        return
    deck = {"sail": 0.13, "rowing": 0.62, "motor": 0.45}[kind]
    if kind == "sail":
        sail = light.lit(stage.pick(_SAILS, 0.02))
        boat.rectangle(light.lit(rgb(0.35, 0.27, 0.2)), -0.014, 0.014, deck, 1)
        boat.polygon(sail, (0.02, 0.97), (0.95 * half, deck + 0.05), (0.02, deck + 0.05))
        boat.polygon(
            sail * np.float32(0.88), (-0.02, 0.88), (-0.85 * half, deck + 0.04), (-0.02, deck + 0.04)
        )
    elif kind == "motor":
        cabin = mix(paint, WHITE, 0.6) * light.tint
        boat.polygon(cabin, (-0.6 * half, deck), (-0.5 * half, 1), (0.15 * half, 1), (0.4 * half, deck))
        boat.polygon(glass, (-0.5 * half, 0.55), (-0.44 * half, 0.9), (0.1 * half, 0.9), (0.26 * half, 0.55))
    else:
        boat.ellipse(paint * np.float32(0.5), -0.1 * half, deck, 0.75 * half, 0.12)
    boat.polygon(paint, (-0.95 * half, deck), (1.05 * half, deck + 0.06), (0.7 * half, 0), (-0.8 * half, 0))
    low = deck - 0.06
    stripe = (-0.93 * half, deck - 0.02), (0.98 * half, deck), (0.93 * half, low), (-0.91 * half, low)
    boat.polygon(mix(paint, WHITE, 0.5), *stripe)
    boat.stamp(classes.BOAT, 0.03)
