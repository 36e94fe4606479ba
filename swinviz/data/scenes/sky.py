"""The sky: its gradient, the sun's glow, and clouds on a plane seen in perspective."""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import WHITE, mix, rgb, smoothstep
from swinviz.data.scenes.noise import Field, sample, tile
from swinviz.data.scenes.stage import Stage


def _clouds(stage: Stage, rows: int) -> tuple[Field, Field]:
    """Return the coverage and the brightness of clouds, both (rows, width)."""
    canvas = stage.canvas
    above = np.maximum(np.float32(stage.horizon) - canvas.y[:rows], 0) + np.float32(stage.uniform(0.1, 0.5))
    scale = np.float32(stage.uniform(12, 45))
    flat = np.float32(stage.uniform(0.5, 1.0))
    start = stage.rng.uniform(0, 256, 2).astype(np.float32)
    v = scale * flat / above + start[0]
    u = (canvas.x - np.float32(canvas.aspect / 2)) * (scale / above) + start[1]
    texture = tile(0.55, 8)
    density = sample(texture, v, u)
    # Billows: brighter where the density falls off toward the sun.
    toward = sample(texture, v + np.float32(1.5), u + np.float32(2.0 * stage.light.side))
    overcast = stage.light.mood.clouds == 1
    threshold = -2.0 if overcast else stage.uniform(-0.9, 1.1)
    softness = stage.uniform(0.25, 0.7) if stage.chance(0.5) else stage.uniform(0.7, 1.6)
    coverage = smoothstep(threshold, threshold + softness, density) * np.float32(stage.uniform(0.6, 1.0))
    brightness = np.clip(np.float32(0.55) + 0.35 * (density - toward) - 0.1 * density, 0, 1)
    return coverage, brightness


def paint_sky(stage: Stage) -> None:
    """Fill the canvas with sky, from the top to below the horizon."""
    canvas, light = stage.canvas, stage.light
    rows = min(canvas.row(stage.horizon) + max(canvas.height // 16, 1), canvas.height)
    height = np.clip(canvas.y / np.float32(max(stage.horizon, 0.05)), 0, 1)
    canvas.image[:] = mix(light.zenith, light.horizon, height ** np.float32(stage.uniform(0.7, 2.2)))
    canvas.label[:] = classes.SKY
    sky = canvas.image[:, :rows]

    dx, dy = canvas.x - np.float32(light.sun[0]), canvas.y[:rows] - np.float32(light.sun[1])
    distance = np.sqrt(dx * dx + dy * dy)
    sun = mix(rgb(1, 1, 0.95), light.horizon * np.float32(1.15), 0.5)
    glow = np.exp(distance * np.float32(-1 / stage.uniform(0.06, 0.4))) * np.float32(stage.uniform(0.1, 0.6))
    sky += glow * (sun - sky * np.float32(0.6))

    if stage.chance(light.mood.clouds):
        coverage, brightness = _clouds(stage, rows)
        dark = mix(light.horizon, light.zenith, 0.45) * np.float32(stage.uniform(0.7, 0.95))
        bright = np.minimum(mix(light.horizon * light.tint, WHITE, 0.55), 1)
        if light.mood.sun[0] < 0.1:  # a low sun colors the clouds from below
            bright = np.minimum(mix(light.horizon, light.tint, 0.2) * np.float32(1.1), 1)
        sky += coverage * (mix(dark, bright, brightness) - sky)
    if light.low_sun and stage.chance(0.7):
        disc = canvas.coverage(np.float32(stage.uniform(0.015, 0.035)) - distance)
        sky += disc * (rgb(1.0, 0.95, 0.8) - sky)
