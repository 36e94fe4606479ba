"""Water: a mirror of what stands above it, broken by waves, with surf on its shore."""

import numpy as np

from swinviz.data.scenes.canvas import mix, rgb, smoothstep
from swinviz.data.scenes.noise import Field, profile, sample, tile
from swinviz.data.scenes.stage import Stage

_OWN = ((0.05, 0.30, 0.42), (0.10, 0.45, 0.52), (0.22, 0.36, 0.40), (0.06, 0.20, 0.34), (0.25, 0.60, 0.62))


def paint_water(stage: Stage, top: float, coverage: Field, label: int, mirror: float, swell: float) -> None:
    """Paint water from y = top down, where `coverage` (height, width) says.

    It shows the picture above it upside down with strength `mirror` (0..1), broken by waves of strength
    `swell` (0..1), over its own color. Paint it after everything that it reflects.
    """
    canvas, light = stage.canvas, stage.light
    start = stage.rng.uniform(0, 256, 2).astype(np.float32)
    own = mix(
        stage.pick(_OWN), mix(light.zenith, light.horizon, 0.3) * np.float32(0.8), stage.uniform(0.1, 0.6)
    )
    glitter = stage.uniform(0.3, 0.9) if light.low_sun or stage.chance(0.3) else 0.0
    first = canvas.row(top)
    rows = canvas.height - first
    if rows <= 0 or first == 0:
        return
    near = np.clip(canvas.y[first:] - np.float32(top), 0, 1)
    depth = 1 / np.maximum(canvas.y[first:] - np.float32(stage.horizon), np.float32(1 / canvas.height))
    across = (canvas.x - np.float32(canvas.aspect / 2)) * depth
    waves = sample(tile(0.75, 16), depth * np.float32(30) + start[0], across * np.float32(7) + start[1])
    waves *= np.minimum(near * 6 + np.float32(0.15), 1)

    # Mirror: each row shows the one as far above the shore, squeezed where the water is taller than the sky.
    rise = np.arange(rows, dtype=np.float32)[:, None] * np.float32(min(1.0, top / max(1 - top, 0.05)))
    sway = waves * np.float32(swell * canvas.height)
    bend = sway * np.float32(0.06) * np.minimum(near * 4 + np.float32(0.05), 1)
    source = np.clip(first - 1 - rise + bend, 0, first - 1).astype(np.int32)
    column = np.clip(np.arange(canvas.width) + sway * np.float32(0.02), 0, canvas.width - 1).astype(np.int32)
    reflected = canvas.image.reshape(3, -1)[:, source * canvas.width + column]

    steep = 1 - np.float32(0.55) * smoothstep(0, 0.6, near)  # looking down one sees into the water
    color = mix(own * light.tint, reflected, np.float32(mirror * (1 - 0.25 * swell)) * steep)
    color *= 1 + np.float32(0.14 * swell + 0.02) * waves
    if swell > 0.5:
        caps = smoothstep(1.1, 2.2, waves + 0.5 * canvas.grain[first:]) * np.float32(swell - 0.4)
        color = mix(color, rgb(0.95, 0.96, 0.97) * light.tint, caps)
    if glitter:
        path = np.exp(
            -np.abs(canvas.x - np.float32(light.sun[0])) / (np.float32(0.05) + near * np.float32(0.25))
        )
        sparks = smoothstep(0.2, 1.6, waves + 0.4 * canvas.grain[first:]) * path * np.float32(glitter)
        color += sparks * np.maximum(light.horizon * np.float32(1.1) - color * np.float32(0.3), 0)
    canvas.paint(coverage[first:], color, label, top=first)


def paint_surf(stage: Stage, shore: Field, strength: float) -> None:
    """Whiten the water in bands along the shore y = shore(x); labels stay as they are."""
    canvas = stage.canvas
    top = canvas.row(stage.horizon)
    y = canvas.y[top:]
    offshore = (shore - y) / np.maximum(y - np.float32(stage.horizon - 0.1), np.float32(0.05))
    wobble = np.float32(0.06) * profile(stage.rng, canvas.x, 5.0, octaves=4)
    foam = np.zeros_like(offshore)
    for _ in range(stage.integer(1, 3)):
        at, width = stage.uniform(0.0, 0.5), stage.uniform(0.03, 0.09)
        foam = np.maximum(foam, 1 - np.abs(offshore - np.float32(at) - wobble) * np.float32(1 / width))
    foam *= smoothstep(-1.2, 0.6, canvas.grain[top:]) * np.float32(strength) * (offshore > -0.01)
    canvas.tint(foam, rgb(0.97, 0.98, 1.0) * stage.light.tint, top)


def wet_sand(stage: Stage, shore: Field) -> None:
    """Darken the land just above the water's edge."""
    inland = stage.canvas.y - shore
    wet = np.clip(1 - inland * np.float32(1 / stage.uniform(0.03, 0.12)), 0, 1) * (inland > 0)
    stage.canvas.image *= 1 - np.float32(stage.uniform(0.15, 0.35)) * wet
