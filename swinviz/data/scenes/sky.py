"""Light and weather: the hour's colours, the sky with clouds and sun, and how far haze lets one see."""

from dataclasses import dataclass

import numpy as np

from swinviz.data.scenes.canvas import Canvas, Colour, mix, rgb, smoothstep
from swinviz.data.scenes.noise import Field, sample, tile


@dataclass(frozen=True)
class Mood:
    """One kind of light: sky colours at the zenith and the horizon, the tint and strength of daylight."""

    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    tint: tuple[float, float, float]
    haze: float
    sun_height: tuple[float, float]  # the sun's height above the horizon, in parts of the sky
    cloudiness: float  # chance of clouds


MOODS = (
    Mood((0.16, 0.38, 0.76), (0.64, 0.79, 0.92), (1.00, 0.99, 0.95), 0.5, (0.5, 1.2), 0.75),
    Mood((0.05, 0.23, 0.60), (0.45, 0.66, 0.88), (1.03, 1.00, 0.94), 0.3, (0.5, 1.2), 0.5),
    Mood((0.30, 0.55, 0.85), (0.78, 0.88, 0.95), (1.02, 1.00, 0.96), 0.6, (0.4, 1.2), 0.8),
    Mood((0.55, 0.67, 0.79), (0.86, 0.88, 0.88), (0.98, 0.96, 0.92), 2.0, (0.4, 1.0), 0.5),
    Mood((0.60, 0.64, 0.69), (0.80, 0.81, 0.82), (0.80, 0.83, 0.87), 1.2, (0.6, 1.2), 1.0),
    Mood((0.90, 0.92, 0.94), (0.96, 0.96, 0.95), (0.92, 0.93, 0.94), 1.5, (0.6, 1.2), 0.3),
    Mood((0.30, 0.34, 0.40), (0.58, 0.60, 0.61), (0.60, 0.63, 0.68), 0.8, (0.6, 1.2), 1.0),
    Mood((0.25, 0.32, 0.56), (0.98, 0.62, 0.30), (0.88, 0.66, 0.50), 1.2, (0.0, 0.25), 0.8),
    Mood((0.42, 0.42, 0.64), (0.96, 0.70, 0.64), (0.82, 0.66, 0.66), 1.3, (0.0, 0.2), 0.8),
    Mood((0.08, 0.11, 0.28), (0.52, 0.40, 0.46), (0.42, 0.42, 0.58), 1.0, (-0.1, 0.05), 0.6),
    Mood((0.42, 0.56, 0.74), (0.98, 0.86, 0.64), (1.05, 0.90, 0.70), 0.9, (0.15, 0.5), 0.7),
)
WEIGHTS = (5, 3, 4, 2, 3, 2, 1.5, 2, 1.2, 1, 2)
_CUMULATIVE = np.cumsum(WEIGHTS) / sum(WEIGHTS)


@dataclass(frozen=True)
class Light:
    """The light of one scene, shared by everything in it.

    `side` is -1 where the sun stands to the left, 1 to the right; `haze` how fast colours fade with
    distance; `night` is 1 when lamps are lit.
    """

    mood: Mood
    zenith: Colour
    horizon: Colour
    tint: Colour
    haze: float
    sun: tuple[float, float]
    side: float
    night: float

    def lit(self, colour: Colour, distance: float = 0.0) -> Colour:
        """Return a surface's colour in this light, seen from `distance` (0 = here, 1 = the horizon)."""
        seen = colour * self.tint
        return mix(seen, self.horizon * np.float32(0.95), 1 - float(np.exp(-self.haze * distance)))


def choose_light(rng: np.random.Generator, horizon: float, aspect: float) -> Light:
    """Draw the hour and the weather."""
    mood = MOODS[int(np.searchsorted(_CUMULATIVE, rng.uniform()))]
    jitter = rng.normal(0, 0.03, (3, 3)).astype(np.float32)
    exposure = np.float32(rng.normal(0, 0.05))
    sun_x = float(rng.uniform(0, aspect))
    sun_y = horizon * (1 - float(rng.uniform(*mood.sun_height)))
    return Light(
        mood,
        np.clip(np.asarray(mood.zenith, np.float32) + jitter[0] + exposure, 0, 1),
        np.clip(np.asarray(mood.horizon, np.float32) + jitter[1] + exposure, 0, 1),
        np.asarray(mood.tint, np.float32) * (1 + jitter[2] * 1.5),
        mood.haze * float(rng.uniform(0.6, 1.8)),
        (sun_x, sun_y),
        -1.0 if sun_x < aspect / 2 else 1.0,
        1.0 if mood.tint[0] < 0.5 else 0.0,
    )


def _clouds(canvas: Canvas, light: Light, rng: np.random.Generator, rows: int, horizon: float) -> tuple[Field, Field]:
    """Return cloud coverage and brightness, both (rows, width): a noise plane seen in perspective."""
    height = np.maximum(np.float32(horizon) - canvas.y[:rows], 0) + np.float32(rng.uniform(0.1, 0.5))
    scale = np.float32(rng.uniform(12, 45))
    stretch = np.float32(rng.uniform(0.5, 1.0))
    offset = rng.uniform(0, 256, 2).astype(np.float32)
    v = scale / height * stretch + offset[0]
    u = (canvas.x - np.float32(canvas.aspect / 2)) / height * scale + offset[1]
    density = sample(tile(0.55, 8), v, u)
    # Billows: brighter where the density falls off towards the sun.
    towards = sample(tile(0.55, 8), v + np.float32(1.5), u + np.float32(2.0 * light.side))
    threshold = float(rng.uniform(-0.9, 1.1)) if light.mood.cloudiness < 1 else -2.0
    softness = float(rng.uniform(0.4, 1.6))
    coverage = smoothstep(threshold, threshold + softness, density) * np.float32(rng.uniform(0.6, 1.0))
    return coverage, np.clip(0.5 + 0.35 * (density - towards) - 0.1 * density, 0, 1)


def paint_sky(canvas: Canvas, light: Light, rng: np.random.Generator, horizon: float, label: int) -> None:
    """Fill the whole canvas with sky down to and below the horizon (y in 0..1)."""
    rows = min(canvas.row(horizon) + max(canvas.height // 16, 1), canvas.height)
    t = np.clip(canvas.y / np.float32(max(horizon, 0.05)), 0, 1) ** np.float32(rng.uniform(0.7, 2.2))
    canvas.image[:] = mix(light.zenith, light.horizon, t[..., None])
    canvas.label[:] = label
    sky = canvas.image[:rows]

    sun_x, sun_y = light.sun
    distance = np.hypot(canvas.x - np.float32(sun_x), canvas.y[:rows] - np.float32(sun_y))
    sun_colour = mix(rgb(1, 1, 0.95), light.horizon * np.float32(1.15), 0.5)
    glow = np.exp(distance * np.float32(-1 / rng.uniform(0.06, 0.4))) * np.float32(rng.uniform(0.1, 0.6))
    sky += glow[..., None] * (sun_colour - sky * np.float32(0.6))

    if rng.uniform() < light.mood.cloudiness:
        coverage, brightness = _clouds(canvas, light, rng, rows, horizon)
        shadow = mix(light.horizon, light.zenith, 0.45) * np.float32(rng.uniform(0.7, 0.95))
        lit = np.minimum(mix(light.horizon * light.tint, rgb(1, 1, 1), 0.55), 1)
        if light.mood.sun_height[0] < 0.1:  # low sun: clouds take its colour from below
            lit = np.minimum(mix(light.horizon, light.tint, 0.2) * np.float32(1.1), 1)
        cloud = mix(shadow, lit, brightness[..., None])
        sky += coverage[..., None] * (cloud - sky)
    if light.mood.sun_height[1] < 0.6 and rng.uniform() < 0.7:
        radius = rng.uniform(0.015, 0.035)
        disc = np.clip((np.float32(radius) - distance) * np.float32(canvas.height) + np.float32(0.5), 0, 1)
        sky += disc[..., None] * (rgb(1.0, 0.95, 0.8) - sky)
