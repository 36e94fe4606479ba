"""Facades: rows of buildings along a street seen in perspective, or from the other side of it."""

import numpy as np

from swinviz.data.scenes.canvas import Canvas, mix, rgb
from swinviz.data.scenes.noise import Field
from swinviz.data.scenes.objects import WALLS
from swinviz.data.scenes.sky import Light
from swinviz.data.scenes.terrain import pick


def _wall(
    canvas: Canvas, light: Light, rng: np.random.Generator, along: Field, up: Field, blur: Field, count: int, metres: float
) -> tuple[Field, Field]:
    """Return the roof height (same shape as `along`) and colour (..., 3) of `count` buildings in a row.

    `along` and `up` are metres along the row and above the ground; where windows are finer than a pixel
    (`blur` near 1) they fade into the wall.
    """
    which = np.clip(along / np.float32(metres), 0, count - 1).astype(np.intp)
    roofs = rng.uniform(6, 22, count).astype(np.float32)
    walls = np.stack([light.lit(pick(rng, WALLS)) for _ in range(count)])
    storey = rng.uniform(2.8, 3.8, count).astype(np.float32)
    bay = rng.uniform(1.8, 3.6, count).astype(np.float32)
    fill = rng.uniform(0.4, 0.75, (2, count)).astype(np.float32)
    panes = np.stack([mix(light.lit(rgb(0.14, 0.17, 0.22)), light.zenith, float(rng.uniform(0, 0.6))) for _ in range(count)])
    u, v = along / bay[which], up / storey[which]
    window = (np.abs(u % 1 - 0.5) < fill[0][which] * 0.5) & (np.abs(v % 1 - 0.55) < fill[1][which] * 0.5)
    window &= up < roofs[which] - 0.7
    pane = panes[which]
    if light.night:
        lit_rooms = (np.sin(np.floor(u) * 12.9898 + np.floor(v) * 78.233) * 43758.547) % 1 < 0.45
        pane = np.where(lit_rooms[..., None], rgb(0.98, 0.84, 0.52), pane)
    share = (fill[0] * fill[1])[which] * np.float32(0.8)
    amount = window * (1 - blur) + share * blur
    colour = mix(walls[which], pane, amount[..., None])
    ledge = np.abs(up - roofs[which] + 0.4) < 0.35
    colour = np.where(ledge[..., None], colour * np.float32(0.82), colour)
    return roofs[which], colour.astype(np.float32)


def paint_facades(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    horizon: float,
    eye: float,
    vanish: float,
    side: float,
    half: float,
    label: int,
) -> None:
    """Paint the walls of a street that runs to the vanishing point (vanish, horizon).

    The walls stand `half` metres either side of a line `side` metres beside the camera, which is `eye`
    metres above the ground.
    """
    for edge in (-1.0, 1.0):
        distance = (canvas.x - np.float32(vanish)) * np.float32(edge)
        wide = max(half + edge * side, 0.5)
        drop = np.maximum(distance, np.float32(0.004)) / np.float32(wide)  # 1 / depth, per column
        depth = 1 / drop
        up = (np.float32(horizon) - canvas.y) / drop + np.float32(eye)
        metres = float(rng.uniform(8, 16))
        along = np.broadcast_to(np.minimum(depth, 90), up.shape)
        blur = np.clip(0.35 / np.maximum(drop * drop * np.float32(canvas.height), 1e-3) - 0.4, 0, 1)
        roof, colour = _wall(canvas, light, rng, along, up, np.broadcast_to(blur, up.shape), 8, metres)
        inside = np.minimum((roof - up) * drop, up * drop) * np.float32(canvas.height) + np.float32(0.5)
        cover = np.clip(inside, 0, 1) * (distance > 0) * np.clip((depth < 90) * 1.0, 0, 1)
        shade = np.float32(1.05 if edge == -light.side else 0.78)
        fog = 1 - np.exp(-np.float32(light.haze * 0.012) * np.minimum(depth, 90))
        colour = mix(colour * shade, light.horizon * np.float32(0.95), fog[..., None])
        canvas.paint(cover.astype(np.float32), (colour * (1 + 0.05 * canvas.grain[..., None])).astype(np.float32), label)


def paint_front_facades(canvas: Canvas, light: Light, rng: np.random.Generator, base: float, label: int) -> None:
    """Paint a row of buildings facing the camera, standing on y = base."""
    scale = float(rng.uniform(0.02, 0.035))  # one metre in the picture
    bottom = canvas.row(base)
    if bottom == 0:
        return
    up = (np.float32(base) - canvas.y[:bottom]) / np.float32(scale) + 0 * canvas.x
    along = canvas.x / np.float32(scale) + 0 * up + np.float32(rng.uniform(0, 8))
    blur = np.zeros_like(up) + np.float32(np.clip(1.6 - scale * canvas.height * 0.7, 0, 1))
    roof, colour = _wall(canvas, light, rng, along, up, blur, 12, float(rng.uniform(8, 15)))
    cover = np.clip(np.minimum(roof - up, up) * np.float32(scale * canvas.height) + np.float32(0.5), 0, 1)
    canvas.paint(cover, (colour * (1 + 0.05 * canvas.grain[:bottom, :, None])).astype(np.float32), label)
