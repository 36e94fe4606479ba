"""Trees and rocks: outlines dissolved by noise, lit from the sun's side.

Like everything that stands in a scene, they are painted by `paint_x(stage, x, base, height)`: the point
where the thing touches the ground, and how tall it is in the picture.
"""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import mix, rgb
from swinviz.data.scenes.stage import Stage

_LEAVES = (
    (0.22, 0.36, 0.12), (0.30, 0.42, 0.14), (0.16, 0.27, 0.11), (0.40, 0.44, 0.18), (0.14, 0.24, 0.14),
    (0.24, 0.38, 0.16), (0.50, 0.40, 0.14),
)  # fmt: skip
_STONE = ((0.45, 0.43, 0.40), (0.36, 0.33, 0.30), (0.55, 0.50, 0.44), (0.28, 0.27, 0.28))


def paint_tree(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a broad-leaved tree, a conifer or a bush."""
    canvas, light = stage.canvas, stage.light
    kind = ("broad", "broad", "broad", "conifer", "bush")[stage.integer(0, 4)]
    width = height * stage.uniform(0.30, 0.5) * {"broad": 1.0, "conifer": 0.55, "bush": 1.3}[kind]
    distance = 0.25 if height < 0.2 else 0.0
    leaf = light.lit(stage.pick(_LEAVES), distance)
    bark = light.lit(rgb(0.30, 0.23, 0.17) * np.float32(stage.uniform(0.6, 1.2)), distance)
    blobs, rings = stage.rng.uniform(size=(7, 3)).tolist(), np.float32(stage.uniform(25, 45))
    rows, columns = canvas.box(x - width * 1.3, base - height * 1.1, x + width * 1.3, base)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    stage.shade(x - 0.2 * width * light.side, base, width * 1.1, height * 0.06)
    u = (canvas.x[columns] - np.float32(x)) * np.float32(1 / width)  # -1..1 over the crown
    v = (np.float32(base) - canvas.y[rows]) * np.float32(1 / height)  # 0 at the ground, 1 at the top
    grain, clumps = canvas.grain[rows, columns], canvas.clumps[rows, columns]
    at = {"top": rows.start, "left": columns.start}
    if kind == "broad":
        trunk = canvas.coverage((np.float32(0.10) * (np.float32(1.3) - v) - np.abs(u)) * np.float32(width))
        canvas.paint(trunk * ((v < 0.6) & (v > 0)), bark * (1 + 0.15 * grain), classes.TREE, **at)
    if kind == "conifer":
        crown = (1 - v) * np.float32(0.95) - np.abs(u) + np.float32(0.10) * np.sin(v * rings)
        crown = np.minimum(crown, (v - np.float32(0.06)) * 8)
    else:
        low, spread = (0.50, 0.35) if kind == "broad" else (0.25, 0.30)  # heights of the blobs' centers
        crown = np.full((v.shape[0], u.shape[0]), -1, np.float32)
        for across, up, size in blobs:
            cu, cv = (across - 0.5) * 1.2, low + up * spread
            radius = 0.38 + 0.25 * size
            du, dv = (
                (u - np.float32(cu)) * np.float32(1 / radius),
                (v - np.float32(cv)) * np.float32(1.92 / radius),
            )
            np.maximum(crown, 1 - du * du - dv * dv, out=crown)
        crown = np.minimum(crown, (v - np.float32(0.02)) * 6)
    # The crown dissolves into leaves over a seventh of its height, however large it is drawn.
    sharpness = np.float32(max(height * canvas.height / 7.0, 1.5))
    coverage = np.clip((crown + np.float32(0.13) * clumps) * sharpness + np.float32(0.5), 0, 1)
    sunlit = np.clip(0.85 + np.float32(0.25 * light.side) * u + 0.35 * (v - 0.5), 0.5, 1.35)
    shade = np.clip(1 + 0.2 * grain + 0.2 * clumps, 0.35, 1.8) * sunlit
    canvas.paint(coverage, leaf * shade, classes.TREE, **at)


def paint_rock(stage: Stage, x: float, base: float, height: float) -> None:
    """Paint a boulder: a jagged outline with a facet of light and one of shade."""
    canvas, light = stage.canvas, stage.light
    width = height * stage.uniform(0.8, 1.6)
    corners = stage.rng.uniform(0.75, 1.15, 8).astype(np.float32)  # the radius in eight directions
    stone, tilt = light.lit(stage.pick(_STONE)), stage.uniform(-0.4, 0.4)
    rows, columns = canvas.box(x - width * 1.2, base - height * 1.2, x + width * 1.2, base + height * 0.15)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    stage.shade(x, base, width * 1.2, height * 0.15)
    u = (canvas.x[columns] - np.float32(x)) * np.float32(1 / width)
    v = (np.float32(base) - canvas.y[rows]) * np.float32(1 / height)
    turn = (np.arctan2(v, u) * np.float32(1 / np.pi) + 1) * 4
    corner = turn.astype(np.intp)
    radius = mix(corners[corner % 8], corners[(corner + 1) % 8], turn - corner)
    clumps = np.float32(0.04) * canvas.clumps[rows, columns]
    inside = np.minimum(radius - np.sqrt(u * u + v * v) + clumps, v + np.float32(0.1))
    sunny = u * light.side + tilt + 0.35 * np.sin(v * 5 + 9 * tilt) > 0
    shade = np.where(sunny, np.float32(1.15), np.float32(0.75)) * (0.75 + 0.4 * np.clip(v, 0, 1))
    color = stone * (shade * (1 + 0.16 * canvas.grain[rows, columns]))
    cover = canvas.coverage(inside * np.float32(height))
    canvas.paint(cover, color, classes.ROCK, top=rows.start, left=columns.start)
