"""Ground, mountains, tree lines and water: everything that fills a region rather than stands in it."""

from dataclasses import dataclass

import numpy as np

from swinviz.data.scenes.canvas import Canvas, Colour, mix, rgb, smoothstep
from swinviz.data.scenes.noise import Field, profile, sample, sample_nearest, tile
from swinviz.data.scenes.sky import Light


@dataclass(frozen=True)
class Material:
    """A ground cover: the colours it varies between, and the strength of its fine and broad texture."""

    colours: tuple[tuple[float, float, float], ...]
    fine: float
    broad: float
    spread: float = 0.03  # standard deviation of a scene's own shade


GRASS = Material(
    ((0.24, 0.40, 0.12), (0.34, 0.48, 0.16), (0.45, 0.52, 0.22), (0.20, 0.33, 0.13), (0.56, 0.55, 0.28)), 0.17, 0.10
)
SAND = Material(
    ((0.86, 0.76, 0.58), (0.78, 0.68, 0.52), (0.90, 0.84, 0.72), (0.70, 0.61, 0.48), (0.80, 0.62, 0.42)), 0.06, 0.06
)
ROCK = Material(((0.42, 0.40, 0.38), (0.50, 0.45, 0.38), (0.33, 0.31, 0.30), (0.55, 0.50, 0.46)), 0.20, 0.18)
ASPHALT = Material(((0.36, 0.36, 0.38), (0.45, 0.45, 0.45), (0.28, 0.29, 0.31), (0.52, 0.50, 0.48)), 0.06, 0.05)
PAVING = Material(((0.66, 0.64, 0.61), (0.72, 0.68, 0.63), (0.58, 0.57, 0.56), (0.70, 0.62, 0.55)), 0.06, 0.05)


def pick(rng: np.random.Generator, colours: tuple[tuple[float, float, float], ...], spread: float = 0.03) -> Colour:
    """Return one of the colours, or a blend of two, with a small random shift."""
    a, b = rng.integers(len(colours), size=2)
    colour = mix(np.asarray(colours[a], np.float32), np.asarray(colours[b], np.float32), float(rng.uniform()))
    return np.clip(colour * np.float32(rng.normal(1, 0.06)) + rng.normal(0, spread, 3).astype(np.float32), 0.02, 1)


def ground(canvas: Canvas, light: Light, rng: np.random.Generator, horizon: float, material: Material) -> Field:
    """Return a ground cover in perspective: colours (rows below the horizon, width, 3)."""
    y = canvas.y[canvas.row(horizon) :]
    depth = 1 / np.maximum(y - np.float32(horizon), np.float32(0.5 / canvas.height))
    offset = rng.uniform(0, 256, 4).astype(np.float32)
    x = canvas.x - np.float32(canvas.aspect / 2)
    zoom = np.float32(40)  # texels per image height in the foreground
    broad = sample(tile(0.6, 8), depth * np.float32(14) + offset[0], x * depth * np.float32(10) + offset[1])
    fine = sample_nearest(tile(0.95, 16), depth * zoom + offset[2], x * depth * zoom + offset[3])
    near = smoothstep(0, 0.25, y - np.float32(horizon))  # far texture is finer than a pixel: fade it out
    base, other = pick(rng, material.colours, material.spread), pick(rng, material.colours, material.spread)
    colour = mix(base, other, smoothstep(-1.0, 1.6, broad)[..., None] * np.float32(0.7))
    grain = canvas.grain[canvas.row(horizon) :]
    shade = 1 + np.float32(material.fine) * (0.6 * fine * near + 0.5 * grain) + np.float32(material.broad) * broad * 0.5
    colour = colour * shade[..., None] * light.tint
    fog = 1 - np.exp(-np.float32(light.haze * 0.05) * np.minimum(depth, 40))
    return mix(colour, light.horizon * np.float32(0.95), np.float32(0.6) * fog[..., None])


def paint_ground(canvas: Canvas, colours: Field, coverage: Field, label: int) -> None:
    """Paint a ground cover where `coverage` (height, width) says."""
    top = canvas.height - colours.shape[0]
    if colours.shape[0]:
        canvas.paint(coverage[top:], colours, label, top=top)


def ridge(
    canvas: Canvas, rng: np.random.Generator, base: float, height: float, cells: float, sharpness: float = 0.5
) -> Field:
    """Return the outline (width,) of a range of hills or peaks rising `height` above y = base."""
    curve = profile(rng, canvas.x, cells, octaves=6, persistence=sharpness)
    return np.float32(base) - np.float32(height) * np.clip(0.55 + 0.75 * curve, 0.08, 1.2)


def paint_mountains(
    canvas: Canvas, light: Light, rng: np.random.Generator, base: float, height: float, distance: float, label: int
) -> Field:
    """Paint one range of mountains standing on y = base; return its outline (width,)."""
    kind = int(rng.integers(4))  # bare, wooded, snowy, desert
    outline = ridge(canvas, rng, base, height, float(rng.uniform(0.8, 2.6)), float(rng.uniform(0.38, 0.58)))
    top = canvas.row(float(outline.min()) - 0.02)
    bottom = max(canvas.row(base + 0.03), top + 1)
    y = canvas.y[top:bottom]
    altitude = (np.float32(base) - y) / np.float32(max(height, 0.02))
    offset = rng.uniform(0, 256, 2).astype(np.float32)
    scale = np.float32(rng.uniform(60, 130))
    slope = y - outline  # gullies run down from the crest
    relief = sample(tile(0.7, 8), slope * scale * np.float32(0.6) + offset[0], canvas.x * scale + offset[1])
    lit_side = sample(
        tile(0.7, 8), slope * scale * np.float32(0.6) + offset[0], canvas.x * scale + offset[1] + np.float32(3 * light.side)
    )
    shade = np.clip(1 + 0.42 * (relief - lit_side) + 0.08 * relief, 0.45, 1.6)
    bare = pick(rng, ((0.42, 0.38, 0.36), (0.50, 0.44, 0.38), (0.36, 0.37, 0.40), (0.58, 0.46, 0.36)))
    wood = pick(rng, ((0.18, 0.28, 0.14), (0.26, 0.34, 0.18), (0.14, 0.22, 0.15)))
    low, high = {0: (bare, bare * 1.15), 1: (wood, wood), 2: (mix(wood, bare, 0.6), bare), 3: (bare, bare)}[kind]
    colour = mix(low, high.astype(np.float32), smoothstep(0.2, 0.7, altitude + 0.12 * relief)[..., None])
    if kind == 1:
        colour = colour * (1 + 0.16 * canvas.grain[top:bottom, :, None])
    if kind == 2:
        line = np.float32(rng.uniform(0.35, 0.7))
        snow = smoothstep(-0.08, 0.08, altitude - line + 0.14 * relief)
        colour = mix(colour, rgb(0.93, 0.95, 0.99), snow[..., None])
    colour = colour * shade[..., None]
    fog = np.float32(1 - np.exp(-light.haze * distance)) * (1 - 0.35 * np.clip(altitude, 0, 1)[..., None])
    colour = mix(colour * light.tint, light.horizon * np.float32(0.96), fog)
    coverage = np.clip((y - outline) * np.float32(canvas.height) + np.float32(0.5), 0, 1)
    canvas.paint(coverage, colour.astype(np.float32), label, top=top)
    return outline


def paint_tree_line(
    canvas: Canvas, light: Light, rng: np.random.Generator, base: float, height: float, distance: float, label: int
) -> None:
    """Paint a row of far trees, crowns merging, standing on y = base across the whole picture."""
    crowns = np.abs(profile(rng, canvas.x, float(rng.uniform(8, 18)), octaves=2, persistence=0.6))
    stand = profile(rng, canvas.x, 2.5, octaves=2)
    outline = np.float32(base) - np.float32(height) * (0.65 + 0.55 * crowns + 0.35 * stand)
    top, bottom = canvas.row(base - height * 1.7), min(canvas.row(base) + 1, canvas.height)
    if bottom <= top:
        return
    y = canvas.y[top:bottom]
    coverage = np.clip((y - outline) * np.float32(canvas.height) + np.float32(0.5), 0, 1)
    coverage *= np.clip((np.float32(base) - y) * np.float32(canvas.height) + np.float32(0.5), 0, 1)
    depth = np.clip((y - outline) / np.float32(height), 0, 1)
    leaf = pick(rng, ((0.20, 0.32, 0.12), (0.28, 0.36, 0.14), (0.13, 0.22, 0.11), (0.36, 0.36, 0.16)))
    colour = leaf * ((1.15 - 0.5 * depth) * (1 + 0.30 * canvas.grain[top:bottom]))[..., None]
    canvas.paint(coverage, light.lit(colour.astype(np.float32), distance), label, top=top)


def paint_water(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    horizon: float,
    top: float,
    coverage: Field,
    label: int,
    mirror: float,
    swell: float,
) -> None:
    """Paint water from row y = top down, where `coverage` (height, width) says.

    The water shows the picture above it upside down with strength `mirror` (0..1), broken by waves of
    strength `swell`, over its own colour. Paint it after everything that it reflects.
    """
    first = canvas.row(top)
    rows = canvas.height - first
    if rows <= 0:
        return
    y = canvas.y[first:]
    offset = rng.uniform(0, 256, 2).astype(np.float32)
    depth = 1 / np.maximum(y - np.float32(min(horizon, top)), np.float32(1 / canvas.height))
    x = canvas.x - np.float32(canvas.aspect / 2)
    waves = sample(tile(0.75, 16), depth * np.float32(30) + offset[0], x * depth * np.float32(7) + offset[1])
    near = np.clip(y - np.float32(top), 0, 1)
    waves = waves * np.minimum(near * 6 + 0.15, 1)

    bend = waves * np.float32(swell * 0.06) * canvas.height * np.minimum(near * 4 + 0.05, 1)
    reach = np.float32(min(1.0, top / max(1 - top, 0.05)))  # squeeze the sky into the water there is
    rise = (np.arange(rows, dtype=np.float32)[:, None]) * reach
    source = np.clip(first - 1 - rise + bend, 0, max(first - 1, 0)).astype(np.int32)
    shift = np.arange(canvas.width, dtype=np.int32) + (waves * np.float32(swell * 0.02) * canvas.height).astype(np.int32)
    columns = np.clip(shift, 0, canvas.width - 1)
    reflected = canvas.image.reshape(-1, 3)[source * canvas.width + columns]

    own = pick(
        rng,
        ((0.05, 0.30, 0.42), (0.10, 0.45, 0.52), (0.22, 0.36, 0.40), (0.06, 0.20, 0.34), (0.25, 0.60, 0.62)),
        0.03,
    )
    own = mix(own, mix(light.zenith, light.horizon, 0.3) * np.float32(0.8), float(rng.uniform(0.1, 0.6))) * light.tint
    fresnel = np.float32(mirror) * (1 - np.float32(0.55) * smoothstep(0, 0.6, near)) * (1 - 0.25 * swell)
    colour = mix(own, reflected, fresnel[..., None])
    colour = colour * (1 + (np.float32(0.14 * swell + 0.02) * waves)[..., None])
    # The sun's path on the waves.
    if light.mood.sun_height[1] < 0.6 or rng.uniform() < 0.3:
        path = np.exp(-np.abs(canvas.x - np.float32(light.sun[0])) / (np.float32(0.05) + near * np.float32(0.25)))
        glint = smoothstep(0.2, 1.6, waves + 0.4 * canvas.grain[first:]) * path * np.float32(rng.uniform(0.3, 0.9))
        colour = colour + glint[..., None] * np.maximum(light.horizon * np.float32(1.1) - colour * 0.3, 0)
    canvas.paint(coverage[first:], colour.astype(np.float32), label, top=first)
