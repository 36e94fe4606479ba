"""Houses, fences and streetlights."""

import itertools

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import WHITE, Sprite, mix, rgb
from swinviz.data.scenes.stage import Stage

WALLS = (
    (0.86, 0.82, 0.74), (0.92, 0.91, 0.88), (0.66, 0.42, 0.32), (0.76, 0.66, 0.52), (0.58, 0.50, 0.46),
    (0.70, 0.72, 0.72), (0.84, 0.72, 0.58), (0.62, 0.34, 0.28),
)  # fmt: skip
_ROOFS = ((0.52, 0.22, 0.16), (0.36, 0.24, 0.20), (0.30, 0.31, 0.34), (0.62, 0.34, 0.22), (0.42, 0.40, 0.40))
_PLANKS = ((0.90, 0.89, 0.86), (0.48, 0.36, 0.26), (0.62, 0.55, 0.46), (0.35, 0.27, 0.22))
_METAL = ((0.20, 0.22, 0.23), (0.45, 0.46, 0.48), (0.15, 0.22, 0.18))
WARM = rgb(0.98, 0.85, 0.50)  # a lit window


def paint_house(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a house with a pitched roof, seen from its front and perhaps one side, away from the sun."""
    light = stage.light
    distance = 0.3 if height < 0.2 else 0.0
    w, depth = stage.uniform(0.5, 0.9), stage.uniform(0.0, 0.5)  # half the front; the side wall
    eaves, over = stage.uniform(0.35, 0.5), 0.07
    wall, roof = light.lit(stage.pick(WALLS), distance), light.lit(stage.pick(_ROOFS), distance)
    stage.shade(x, base, height * w * 1.3, height * 0.05)
    # Drawn with the side wall to the right, and mirrored if that is where the sun stands.
    house = Sprite(stage.canvas, x, base, height, w + depth + 0.1, top=1.1, mirrored=light.side > 0)
    house.rectangle(wall * np.float32(0.72), w, w + depth, 0, eaves)
    chimney = w * stage.uniform(-0.6, 0.6)
    house.rectangle(wall * np.float32(0.6), chimney - 0.05, chimney + 0.05, eaves, 1.06)
    house.rectangle(wall, -w, w, 0, eaves)
    if stage.chance(0.5):  # gable to the front
        house.polygon(
            roof * np.float32(0.8), (0, 1), (depth, 1), (w + depth + over, eaves - over), (w, eaves - over)
        )
        house.polygon(wall * np.float32(0.95), (-w, eaves), (0, 1), (w, eaves))
        house.line(roof, 0.06, (-w - over, eaves - over), (0, 1), (w + over, eaves - over))
    else:
        inset, low = w * stage.uniform(0.05, 0.4), eaves - over / 2
        right = w + depth
        house.polygon(roof, (-w - over, low), (-w + inset, 1), (right - inset, 1), (right + over, low))
    columns = stage.integer(2, 4)
    door, pane = stage.integer(0, columns - 1), 0.55 * w / columns
    glass = light.lit(rgb(0.16, 0.18, 0.22), distance)
    for i in range(columns):
        u = w * (2 * (i + 0.5) / columns - 1)
        if i == door:
            house.rectangle(light.lit(stage.pick(_ROOFS), distance), u - 0.8 * pane, u + 0.8 * pane, 0, 0.3)
        else:
            lamp = light.night and stage.chance(0.6)
            house.rectangle(mix(wall, WHITE, 0.4), u - 1.2 * pane, u + 1.2 * pane, 0.14, min(0.36, eaves))
            house.rectangle(WARM if lamp else glass, u - pane, u + pane, 0.16, min(0.34, eaves - 0.02))
    house.stamp(classes.HOUSE, 0.05)


def paint_streetlight(stage: Stage, x: float, base: float, height: float, arm: float = 0.0) -> None:
    """Paint a streetlight; `arm` (-1 or 1) is the side its lamp hangs over, 0 for a lantern on top."""
    light = stage.light
    metal = light.lit(stage.pick(_METAL))
    glow = rgb(1.0, 0.92, 0.66) if light.night else light.lit(rgb(0.92, 0.92, 0.86))
    pole = max(0.024, 0.009 / max(height, 1e-3))  # half its width: thinner ones vanish between pixels
    post = Sprite(stage.canvas, x, base, height, 0.36, mirrored=arm < 0)
    post.polygon(metal, (-1.5 * pole, 0), (-pole, 0.9), (pole, 0.9), (1.5 * pole, 0))
    post.rectangle(metal, -2.4 * pole, 2.4 * pole, 0, 0.1)
    if arm:
        post.line(metal, 2 * pole, (0, 0.88), (0.10, 0.96), (0.26, 0.97))
        post.polygon(metal, (0.16, 1), (0.33, 0.985), (0.33, 0.95), (0.16, 0.95))
        post.ellipse(glow, 0.24, 0.945, 0.08, 0.022)
    else:
        post.polygon(glow, (-0.05, 0.86), (-0.075, 0.96), (0.075, 0.96), (0.05, 0.86))
        post.polygon(metal, (-0.09, 0.955), (0, 1.01), (0.09, 0.955))
    post.stamp(classes.STREETLIGHT)


class Fence:
    """A plank fence of one make: paint it stretch by stretch, each a straight run between two posts."""

    def __init__(self, stage: Stage, meters: float) -> None:
        self._stage, self._metres = stage, meters
        self._paint = stage.light.lit(stage.pick(_PLANKS))
        self._plank = stage.uniform(0.25, 0.5)  # planks are this part of the fence's height wide

    def paint(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Paint the stretch between two points (x, base) on the ground."""
        stage = self._stage
        (x0, b0), (x1, b1) = start, end
        h0, h1 = max(stage.size(b0, self._metres), 1e-3), max(stage.size(b1, self._metres), 1e-3)
        middle, reach = (x0 + x1) / 2, abs(x1 - x0) / 2
        low, tall = max(b0, b1), max(h0, h1)
        top = low - min(b0 - h0, b1 - h1) + 0.1 * tall
        stretch = Sprite(stage.canvas, middle, low, tall, reach / tall, top=top / tall)

        def at(t: float, up: float) -> tuple[float, float]:
            """Return the (u, v) of a point: t from start to end, `up` in parts of the fence's height."""
            x, base, h = x0 + (x1 - x0) * t, b0 + (b1 - b0) * t, h0 + (h1 - h0) * t
            return (x - middle) / tall, (low - base + up * h) / tall

        stretch.polygon(self._paint * np.float32(0.45), at(0, 0), at(0, 0.88), at(1, 0.88), at(1, 0))
        length = float(np.hypot(x1 - x0, b1 - b0)) / ((h0 + h1) / 2)
        steps = np.linspace(0, 1, int(np.clip(length / self._plank, 1, 80)) + 1)
        # Even steps along the ground are uneven ones in the picture: nearer planks are wider.
        steps = steps * h0 / (h1 + (h0 - h1) * steps)
        for a, next_a in itertools.pairwise(steps.tolist()):
            b = a + (next_a - a) * 0.78
            plank = self._paint * np.float32(stage.uniform(0.88, 1.08))
            stretch.polygon(plank, at(a, 0), at(a, 0.95), at((a + b) / 2, 1.04), at(b, 0.95), at(b, 0))
        for level in (0.25, 0.72):
            stretch.line(self._paint * np.float32(0.8), 0.06, at(0, level), at(1, level))
        stretch.stamp(classes.FENCE, 0.06)
