"""A whole scene: choose place, light and camera, paint from far to near, develop the photograph."""

import numpy as np

from swinviz.data.scenes.canvas import Canvas
from swinviz.data.scenes.countryside import desert, meadow
from swinviz.data.scenes.light import choose_light
from swinviz.data.scenes.noise import Field
from swinviz.data.scenes.stage import Stage
from swinviz.data.scenes.streets import roadside, street
from swinviz.data.scenes.waterside import lakeside, seaside

_PLACES = (seaside, lakeside, meadow, desert, street, roadside)
_CUMULATIVE = np.cumsum((0.24, 0.17, 0.22, 0.04, 0.18, 0.15))


def compose(layout: np.random.Generator, texture: np.random.Generator, height: int, width: int) -> Canvas:
    """Paint one scene; `layout` decides what is where, `texture` the noise that depends on the size."""
    canvas = Canvas(height, width, texture)
    place = _PLACES[int(np.searchsorted(_CUMULATIVE, layout.uniform(0, _CUMULATIVE[-1])))]
    town = place in (street, roadside)
    horizon = float(layout.uniform(0.34, 0.58) if town else layout.uniform(0.16, 0.68))
    light = choose_light(layout, horizon, canvas.aspect)
    eye = float(layout.uniform(1.7, 3.5) if town else layout.uniform(1.8, 6))
    place(Stage(canvas, light, layout, horizon, eye))
    _develop(canvas, layout)
    return canvas


def _soften(image: Field, strength: float) -> Field:
    """Blur (3, h, w) with the kernel (s, 1 - 2s, s) in both directions, borders repeated."""
    s = np.float32(strength)
    rows = image * (1 - 2 * s)
    rows[:, 1:] += s * image[:, :-1]
    rows[:, :-1] += s * image[:, 1:]
    rows[:, [0, -1]] += s * image[:, [0, -1]]
    out: Field = rows * (1 - 2 * s)
    out[..., 1:] += s * rows[..., :-1]
    out[..., :-1] += s * rows[..., 1:]
    out[..., [0, -1]] += s * rows[..., [0, -1]]
    return out


def _develop(canvas: Canvas, layout: np.random.Generator) -> None:
    """Turn the painting into a photograph: softness, exposure, color cast, vignette, contrast, grain."""
    image = np.clip(canvas.image, 0, 1)
    softness, vignette = float(layout.uniform(0, 0.22)), np.float32(layout.uniform(0, 0.5))
    contrast, lift = np.float32(layout.uniform(0.85, 1.2)), np.float32(layout.normal(0, 0.02))
    gain = np.exp(layout.normal(0, 0.10)) * (1 + layout.normal(0, 0.025, (3, 1, 1)))
    noise = np.float32(0.035 * layout.uniform() ** 2)
    if softness > 0.03:
        image = _soften(image, softness)
    from_middle = (canvas.x * np.float32(1 / canvas.aspect) - np.float32(0.5)) ** 2 + (
        canvas.y - np.float32(0.5)
    ) ** 2
    grain = canvas.texture.standard_normal((canvas.height, canvas.width), np.float32) * noise
    image *= (1 - vignette * from_middle) * (gain.astype(np.float32) * contrast)
    image += grain + (np.float32(0.45) * (1 - contrast) + lift)
    canvas.image = np.clip(image, 0, 1)
