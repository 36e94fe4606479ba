"""Ground, mountains, tree lines and roads: land that fills a region rather than stands in it."""

from dataclasses import dataclass

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import mix, rgb, smoothstep
from swinviz.data.scenes.light import Triple
from swinviz.data.scenes.noise import Field, profile, sample, sample_nearest, tile
from swinviz.data.scenes.stage import Stage


@dataclass(frozen=True)
class Material:
    """A ground cover: its label, the colors it varies between, its fine and its broad texture's strength."""

    label: int
    colors: tuple[Triple, ...]
    fine: float
    broad: float


GRASS = Material(
    classes.GRASS,
    ((0.24, 0.40, 0.12), (0.34, 0.48, 0.16), (0.45, 0.52, 0.22), (0.20, 0.33, 0.13), (0.56, 0.55, 0.28)),
    0.17,
    0.10,
)
SAND = Material(
    classes.SAND,
    ((0.86, 0.76, 0.58), (0.78, 0.68, 0.52), (0.90, 0.84, 0.72), (0.70, 0.61, 0.48), (0.80, 0.62, 0.42)),
    0.06,
    0.06,
)
ROCK = Material(
    classes.ROCK,
    ((0.42, 0.40, 0.38), (0.50, 0.45, 0.38), (0.33, 0.31, 0.30), (0.55, 0.50, 0.46)),
    0.20,
    0.18,
)
ASPHALT = Material(
    classes.ROAD,
    ((0.36, 0.36, 0.38), (0.45, 0.45, 0.45), (0.28, 0.29, 0.31), (0.52, 0.50, 0.48)),
    0.06,
    0.05,
)
PAVING = Material(
    classes.SIDEWALK,
    ((0.66, 0.64, 0.61), (0.72, 0.68, 0.63), (0.58, 0.57, 0.56), (0.70, 0.62, 0.55)),
    0.06,
    0.05,
)


def paint_ground(stage: Stage, material: Material, coverage: Field | None = None) -> None:
    """Paint a ground cover in perspective below the horizon, where `coverage` (height, width) says."""
    canvas, light = stage.canvas, stage.light
    top = canvas.row(stage.horizon)
    if top >= canvas.height:
        return
    if coverage is None:
        coverage = canvas.below(stage.horizon)
    drop = canvas.y[top:] - np.float32(stage.horizon)
    depth = 1 / np.maximum(drop, np.float32(0.5 / canvas.height))
    start = stage.rng.uniform(0, 256, 4).astype(np.float32)
    across = (canvas.x - np.float32(canvas.aspect / 2)) * depth
    broad = sample(tile(0.6, 8), depth * np.float32(14) + start[0], across * np.float32(10) + start[1])
    fine = sample_nearest(
        tile(0.95, 16), depth * np.float32(40) + start[2], across * np.float32(40) + start[3]
    )
    near = smoothstep(0, 0.25, drop)  # far texture is finer than a pixel: fade it out
    color = mix(stage.pick(material.colors), stage.pick(material.colors), smoothstep(-1.0, 1.6, broad) * 0.7)
    rough = np.float32(material.fine) * (
        fine * (np.float32(0.6) * near) + np.float32(0.5) * canvas.grain[top:]
    )
    shade = 1 + rough + np.float32(material.broad * 0.5) * broad
    fog = 1 - np.exp(np.minimum(depth, 40) * np.float32(-0.05 * light.haze))
    color = light.fogged(color * light.tint * shade, np.float32(0.6) * fog)
    canvas.paint(coverage[top:], color, material.label, top=top)


def paint_mountains(stage: Stage, height: float, distance: float) -> None:
    """Paint one range of mountains along the horizon: bare, wooded, snowy or mixed."""
    canvas, light = stage.canvas, stage.light
    kind = ("bare", "wooded", "snowy", "bare")[stage.integer(0, 3)]
    crest = profile(
        stage.rng, canvas.x, stage.uniform(0.8, 2.6), octaves=6, persistence=stage.uniform(0.38, 0.58)
    )
    outline = np.float32(stage.horizon) - np.float32(height) * np.clip(0.55 + 0.75 * crest, 0.08, 1.2)
    start, scale = stage.rng.uniform(0, 256, 2).astype(np.float32), np.float32(stage.uniform(60, 130))
    bare = stage.pick(((0.42, 0.38, 0.36), (0.50, 0.44, 0.38), (0.36, 0.37, 0.40), (0.58, 0.46, 0.36)))
    wood = stage.pick(((0.18, 0.28, 0.14), (0.26, 0.34, 0.18), (0.14, 0.22, 0.15)))
    snow_line = np.float32(stage.uniform(0.35, 0.7))

    top = canvas.row(float(outline.min()) - 0.02)
    bottom = max(canvas.row(stage.horizon + 0.03), top + 1)
    y = canvas.y[top:bottom]
    altitude = (np.float32(stage.horizon) - y) / np.float32(max(height, 0.02))
    # Gullies run down from the crest; a slope is bright where the relief falls toward the sun.
    v, u = (y - outline) * (scale * np.float32(0.6)) + start[0], canvas.x * scale + start[1]
    relief = sample(tile(0.7, 8), v, u)
    sunward = sample(tile(0.7, 8), v, u + np.float32(3 * light.side))
    shade = np.clip(1 + 0.42 * (relief - sunward) + 0.08 * relief, 0.45, 1.6)
    if kind == "wooded":
        color = wood * (1 + 0.16 * canvas.grain[top:bottom])
    elif kind == "snowy":
        color = mix(mix(wood, bare, 0.6), bare, smoothstep(0.2, 0.7, altitude + 0.12 * relief))
        snow = smoothstep(-0.08, 0.08, altitude - snow_line + 0.14 * relief)
        color = mix(color, rgb(0.93, 0.95, 0.99), snow)
    else:
        color = bare * (1 + 0.15 * smoothstep(0.2, 0.7, altitude + 0.12 * relief))
    fog = np.float32(1 - np.exp(-light.haze * distance)) * (1 - np.float32(0.35) * np.clip(altitude, 0, 1))
    color = light.fogged(color * shade * light.tint, fog)
    canvas.paint(canvas.coverage(y - outline), color, classes.MOUNTAIN, top=top)


def paint_background(stage: Stage, chance: float, low: float, high: float) -> None:
    """Paint, perhaps, one or two ranges of mountains `low`..`high` tall, the farther one paler."""
    if stage.chance(chance):
        height = stage.uniform(low, high)
        if stage.chance(0.5):
            paint_mountains(stage, height * 1.25, 0.9)
        paint_mountains(stage, height, 0.45)


def paint_tree_line(stage: Stage, base: float, height: float, distance: float) -> None:
    """Paint a row of far trees, crowns merging, standing on y = base across the whole picture."""
    canvas = stage.canvas
    crowns = np.abs(profile(stage.rng, canvas.x, stage.uniform(8, 18), octaves=2, persistence=0.6))
    stand = profile(stage.rng, canvas.x, 2.5, octaves=2)
    leaf = stage.pick(((0.20, 0.32, 0.12), (0.28, 0.36, 0.14), (0.13, 0.22, 0.11), (0.36, 0.36, 0.16)))
    outline = np.float32(base) - np.float32(height) * (0.65 + 0.55 * crowns + 0.35 * stand)
    rows, _ = canvas.box(0, base - height * 1.7, canvas.aspect, base)
    if rows.stop <= rows.start:
        return
    y = canvas.y[rows]
    coverage = canvas.coverage(np.minimum(y - outline, np.float32(base) - y))
    depth = np.clip((y - outline) * np.float32(1 / height), 0, 1)
    color = leaf * ((1.15 - 0.5 * depth) * (1 + 0.30 * canvas.grain[rows]))
    canvas.paint(coverage, stage.light.lit(color, distance), classes.TREE, top=rows.start)


def paint_road(stage: Stage, half: float, vanish: float, sidewalk: float = 0.0, side: float = 0.0) -> None:
    """Paint a road to the vanishing point (vanish, horizon).

    Its middle lies `side` meters beside the camera; it reaches `half` meters either way, and then come
    sidewalks of the given width in meters.
    """
    canvas = stage.canvas
    drop = np.maximum(canvas.y - np.float32(stage.horizon), np.float32(1e-4)) / np.float32(stage.eye)
    bend = stage.uniform(-0.0075, 0.0075) if sidewalk == 0 else 0.0
    center = np.float32(vanish) + np.float32(side) * drop + np.float32(bend) / (drop + np.float32(0.1))
    offset = np.abs(canvas.x - center)  # a meter is `drop` tall and wide here
    below = canvas.below(stage.horizon)
    if sidewalk:
        paint_ground(stage, PAVING, canvas.coverage(np.float32(half + sidewalk) * drop - offset) * below)
    cover = canvas.coverage(np.float32(half) * drop - offset) * below
    paint_ground(stage, ASPHALT, cover)
    dashes = (np.float32(0.22) / drop + np.float32(stage.uniform(0, 1))) % 1 < 0.55
    lines = canvas.coverage(np.float32(0.09) * drop - offset) * dashes
    if stage.chance(0.5):
        margin = np.abs(offset - np.float32(0.92 * half) * drop)
        lines = np.maximum(lines, canvas.coverage(np.float32(0.08) * drop - margin))
    paint = rgb(0.93, 0.93, 0.90) if stage.chance(0.75) else rgb(0.92, 0.75, 0.25)
    if stage.chance(0.85):
        canvas.tint(lines * cover * np.float32(stage.uniform(0.5, 0.95)), stage.light.lit(paint))
