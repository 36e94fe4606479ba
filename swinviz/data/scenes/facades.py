"""Facades: rows of buildings along a street seen in perspective, or from across it."""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.built import WALLS, WARM
from swinviz.data.scenes.canvas import mix, rgb
from swinviz.data.scenes.noise import Field
from swinviz.data.scenes.stage import Stage

_BUILDINGS = 12  # per row
_LOWEST = 6.0  # meters to the roof


def _row(stage: Stage, along: Field, up: Field, blur: Field) -> tuple[Field, Field]:
    """Return the height (h, w) and the color (3, h, w) of the buildings at places on a wall.

    `along` and `up` (h, w) are meters along the row and above the ground; where windows are finer than a
    pixel (`blur` near 1) they fade into the wall.
    """
    light, rng = stage.light, stage.rng

    def each(low: float, high: float) -> Field:
        return rng.uniform(low, high, _BUILDINGS).astype(np.float32)

    roofs, stories, bays = each(_LOWEST, 22), each(2.8, 3.8), each(1.8, 3.6)
    wide, tall, shine = each(0.4, 0.75), each(0.4, 0.75), each(0, 0.6)
    walls = np.concatenate([light.lit(stage.pick(WALLS)) for _ in range(_BUILDINGS)], axis=2)[:, 0]
    panes = mix(light.lit(rgb(0.14, 0.17, 0.22)), light.zenith, shine)[:, 0]
    which = np.clip(along / np.float32(stage.uniform(8, 16)), 0, _BUILDINGS - 1).astype(np.intp)

    roof, u, v = roofs[which], along / bays[which], up / stories[which]
    across, upward = np.abs(u % 1 - np.float32(0.5)), np.abs(v % 1 - np.float32(0.55))
    window = (across < wide[which] / 2) & (upward < tall[which] / 2) & (up < roof - np.float32(0.7))
    pane = panes[:, which]
    if light.night:
        # A hash of the room's number decides who is at home.
        at_home = (np.floor(u) * 37 + np.floor(v) * 101) % 17 < 8
        pane = np.where(at_home, WARM, pane)
    amount = window * (1 - blur) + (wide * tall)[which] * np.float32(0.8) * blur
    color = mix(walls[:, which], pane, amount)
    ledge = np.abs(up - roof + np.float32(0.4)) < np.float32(0.35)
    return roof, color * np.where(ledge, np.float32(0.82), np.float32(1))


def paint_street_walls(stage: Stage, vanish: float, side: float, half: float) -> None:
    """Paint the walls of a street that runs to the vanishing point (vanish, horizon).

    They stand `half` meters either way of a line `side` meters beside the camera.
    """
    canvas, light = stage.canvas, stage.light
    for edge in (-1.0, 1.0):
        inward = (canvas.x - np.float32(vanish)) * np.float32(edge)
        wide = max(half + edge * side, 0.5)
        drop = np.maximum(inward, np.float32(0.004)) * np.float32(1 / wide)  # a meter's size in this column
        depth = np.minimum(1 / drop, 90)
        up = (np.float32(stage.horizon) - canvas.y) / drop + np.float32(stage.eye)
        along = np.broadcast_to(depth, up.shape)
        blur = np.clip(0.35 / np.maximum(drop * drop * np.float32(canvas.height), 1e-3) - 0.4, 0, 1)
        roof, color = _row(stage, along, up, np.broadcast_to(blur, up.shape))
        cover = canvas.coverage(np.minimum(roof - up, up) * drop) * ((inward > 0) & (depth < 90))
        shade = (1.05 if edge == -light.side else 0.78) * (1 + np.float32(0.05) * canvas.grain)
        fog = 1 - np.exp(depth * np.float32(-0.012 * light.haze))
        canvas.paint(cover, light.fogged(color * shade, fog), classes.BUILDING)


def paint_front_walls(stage: Stage, base: float) -> None:
    """Paint a row of buildings facing the camera, standing on y = base."""
    canvas = stage.canvas
    # No roof is below the horizon, or one would see the street's paving beyond it.
    meter = max(stage.uniform(0.02, 0.035), (base - stage.horizon + 0.04) / _LOWEST)
    bottom = max(canvas.row(base), 1)
    up = np.repeat((np.float32(base) - canvas.y[:bottom]) * np.float32(1 / meter), canvas.width, axis=1)
    along = np.broadcast_to(canvas.x * np.float32(1 / meter) + np.float32(stage.uniform(0, 8)), up.shape)
    blur = np.full_like(up, np.clip(1.6 - 0.7 * meter * canvas.height, 0, 1))
    roof, color = _row(stage, along, up, blur)
    cover = canvas.coverage(np.minimum(roof - up, up) * np.float32(meter))
    canvas.paint(cover, color * (1 + np.float32(0.05) * canvas.grain[:bottom]), classes.BUILDING)
