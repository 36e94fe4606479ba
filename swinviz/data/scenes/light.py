"""Light and weather: the hour's colors, where the sun stands, and how far haze lets one see."""

from dataclasses import dataclass

import numpy as np

from swinviz.data.scenes.canvas import Color, mix, rgb
from swinviz.data.scenes.noise import Field

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Mood:
    """One kind of light.

    `zenith` and `horizon` are the sky's colors, `tint` the color and strength of daylight, `haze` how fast
    colors fade with distance, `sun` the lowest and highest place of the sun above the horizon (in parts of
    the sky), `clouds` the chance of clouds, `weight` how often the mood comes up.
    """

    weight: float
    zenith: Triple
    horizon: Triple
    tint: Triple
    haze: float
    sun: tuple[float, float]
    clouds: float


MOODS = {
    "noon": Mood(5, (0.16, 0.38, 0.76), (0.64, 0.79, 0.92), (1.00, 0.99, 0.95), 0.5, (0.5, 1.2), 0.75),
    "clear": Mood(3, (0.05, 0.23, 0.60), (0.45, 0.66, 0.88), (1.03, 1.00, 0.94), 0.3, (0.5, 1.2), 0.5),
    "fair": Mood(4, (0.30, 0.55, 0.85), (0.78, 0.88, 0.95), (1.02, 1.00, 0.96), 0.6, (0.4, 1.2), 0.8),
    "haze": Mood(2, (0.55, 0.67, 0.79), (0.86, 0.88, 0.88), (0.98, 0.96, 0.92), 2.0, (0.4, 1.0), 0.5),
    "overcast": Mood(3, (0.60, 0.64, 0.69), (0.80, 0.81, 0.82), (0.80, 0.83, 0.87), 1.2, (0.6, 1.2), 1.0),
    "white": Mood(2, (0.90, 0.92, 0.94), (0.96, 0.96, 0.95), (0.92, 0.93, 0.94), 1.5, (0.6, 1.2), 0.3),
    "storm": Mood(1.5, (0.30, 0.34, 0.40), (0.58, 0.60, 0.61), (0.60, 0.63, 0.68), 0.8, (0.6, 1.2), 1.0),
    "sunset": Mood(2, (0.25, 0.32, 0.56), (0.98, 0.62, 0.30), (0.88, 0.66, 0.50), 1.2, (0.0, 0.25), 0.8),
    "pink": Mood(1.2, (0.42, 0.42, 0.64), (0.96, 0.70, 0.64), (0.82, 0.66, 0.66), 1.3, (0.0, 0.2), 0.8),
    "dusk": Mood(1, (0.08, 0.11, 0.28), (0.52, 0.40, 0.46), (0.42, 0.42, 0.58), 1.0, (-0.1, 0.05), 0.6),
    "golden": Mood(2, (0.42, 0.56, 0.74), (0.98, 0.86, 0.64), (1.05, 0.90, 0.70), 0.9, (0.15, 0.5), 0.7),
}
_CUMULATIVE = np.cumsum([mood.weight for mood in MOODS.values()])


@dataclass(frozen=True)
class Light:
    """The light of one scene, shared by everything in it.

    `sun` is its place (x, y); `side` is -1 where it stands to the left and 1 to the right; at `night` lamps
    are lit.
    """

    mood: Mood
    zenith: Color
    horizon: Color
    tint: Color
    haze: float
    sun: tuple[float, float]
    side: float
    night: bool

    @property
    def low_sun(self) -> bool:
        """True where the sun is low enough to be seen and to lay a path on water."""
        return self.mood.sun[1] < 0.6

    def lit(self, color: Color, distance: float = 0.0) -> Color:
        """Return a surface's color in this light, seen from `distance` (0 = here, 1 = the horizon)."""
        return self.fogged(color * self.tint, 1 - float(np.exp(-self.haze * distance)))

    def fogged(self, color: Color, fog: Field | float) -> Color:
        """Return a color behind fog of the given density (0..1)."""
        return mix(color, self.horizon * np.float32(0.95), fog)


def choose_light(rng: np.random.Generator, horizon: float, aspect: float) -> Light:
    """Draw the hour and the weather for a picture with this horizon (y) and width (x)."""
    which = int(np.searchsorted(_CUMULATIVE, rng.uniform(0, _CUMULATIVE[-1])))
    mood = list(MOODS.values())[which]
    jitter = rng.normal(0, 0.03, (3, 3, 1, 1)).astype(np.float32)
    exposure = np.float32(rng.normal(0, 0.05))
    sun_x = float(rng.uniform(0, aspect))
    return Light(
        mood,
        zenith=np.clip(rgb(*mood.zenith) + jitter[0] + exposure, 0, 1),
        horizon=np.clip(rgb(*mood.horizon) + jitter[1] + exposure, 0, 1),
        tint=rgb(*mood.tint) * (1 + 1.5 * jitter[2]),
        haze=mood.haze * float(rng.uniform(0.6, 1.8)),
        sun=(sun_x, horizon * (1 - float(rng.uniform(*mood.sun)))),
        side=-1.0 if sun_x < aspect / 2 else 1.0,
        night=mood is MOODS["dusk"],
    )
