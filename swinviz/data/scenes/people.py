"""People, standing or walking."""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import Sprite, rgb
from swinviz.data.scenes.stage import Stage

_SKIN = ((0.90, 0.72, 0.60), (0.72, 0.52, 0.40), (0.45, 0.30, 0.22), (0.82, 0.62, 0.50))
_CLOTHES = (
    (0.80, 0.15, 0.15), (0.15, 0.25, 0.60), (0.92, 0.92, 0.90), (0.12, 0.12, 0.14), (0.90, 0.70, 0.20),
    (0.20, 0.50, 0.40), (0.60, 0.30, 0.50), (0.90, 0.45, 0.20), (0.40, 0.42, 0.46),
)  # fmt: skip


def paint_person(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a person in clothes of random colors; one in four wears a skirt or a long coat."""
    light = stage.light
    skin, top, legs = (light.lit(stage.pick(colors)) for colors in (_SKIN, _CLOTHES, _CLOTHES))
    hair = light.lit(rgb(0.15, 0.11, 0.08) * np.float32(stage.uniform(0.5, 3)))
    half, stride = stage.uniform(0.115, 0.15), stage.uniform(0.02, 0.12)
    sleeves = skin if stage.chance(0.4) else top
    stage.shade(x, base, height * 0.3, height * 0.06)
    person = Sprite(stage.canvas, x, base, height, 0.32)
    if stage.chance(0.25):
        hem = stage.uniform(0.15, 0.3)
        person.polygon(top, (-half, 0.58), (half, 0.58), (half * 1.4, hem), (-half * 1.4, hem))
    for side in (-1, 1):
        hand = side * (half + stage.uniform(0.02, 0.09))
        person.line(legs, 0.12, (side * half * 0.5, 0.48), (side * (stride + 0.03), 0.01))
        person.line(sleeves, 0.08, (side * half * 0.85, 0.78), (hand, 0.5))
    person.polygon(top, (-half, 0.83), (half, 0.83), (half * 0.85, 0.45), (-half * 0.85, 0.45))
    person.ellipse(hair, 0, 0.91, 0.075, 0.09)
    person.ellipse(skin, 0.012 * light.side, 0.895, 0.062, 0.075)
    person.stamp(classes.PERSON, 0.05)
