"""Things that stand in a scene: trees, houses, cars, boats, people, fences, streetlights, rocks.

Every function takes the point (x, base) where the thing touches the ground and its height, all in
units of the image's height, and paints it in the scene's light.
"""

import numpy as np

from swinviz.data.scenes import classes
from swinviz.data.scenes.canvas import Canvas, Colour, Sprite, mix, rgb, smoothstep
from swinviz.data.scenes.sky import Light
from swinviz.data.scenes.terrain import pick

_LEAVES = (
    (0.22, 0.36, 0.12), (0.30, 0.42, 0.14), (0.16, 0.27, 0.11), (0.40, 0.44, 0.18), (0.14, 0.24, 0.14),
    (0.24, 0.38, 0.16), (0.50, 0.40, 0.14),
)  # fmt: skip
_PAINT = (
    (0.75, 0.10, 0.10), (0.90, 0.90, 0.90), (0.12, 0.13, 0.15), (0.55, 0.57, 0.60), (0.12, 0.25, 0.55),
    (0.85, 0.70, 0.20), (0.20, 0.40, 0.30), (0.60, 0.25, 0.15), (0.80, 0.82, 0.84),
)  # fmt: skip
WALLS = (
    (0.86, 0.82, 0.74), (0.92, 0.91, 0.88), (0.66, 0.42, 0.32), (0.76, 0.66, 0.52), (0.58, 0.50, 0.46),
    (0.70, 0.72, 0.72), (0.84, 0.72, 0.58), (0.62, 0.34, 0.28),
)  # fmt: skip
_ROOFS = ((0.52, 0.22, 0.16), (0.36, 0.24, 0.20), (0.30, 0.31, 0.34), (0.62, 0.34, 0.22), (0.42, 0.40, 0.40))
_SKIN = ((0.90, 0.72, 0.60), (0.72, 0.52, 0.40), (0.45, 0.30, 0.22), (0.82, 0.62, 0.50))
_CLOTHES = (
    (0.80, 0.15, 0.15), (0.15, 0.25, 0.60), (0.92, 0.92, 0.90), (0.12, 0.12, 0.14), (0.90, 0.70, 0.20),
    (0.20, 0.50, 0.40), (0.60, 0.30, 0.50), (0.90, 0.45, 0.20), (0.40, 0.42, 0.46),
)  # fmt: skip


def shadow(canvas: Canvas, light: Light, x: float, base: float, width: float, depth: float) -> None:
    """Darken the ground under a thing; labels stay as they are."""
    h = canvas.height
    left, right = max(int((x - width) * h), 0), min(int((x + width) * h) + 1, canvas.width)
    top, bottom = max(int((base - depth) * h), 0), min(int((base + depth) * h) + 1, h)
    if right <= left or bottom <= top:
        return
    dx = (canvas.x[left:right] - np.float32(x)) / np.float32(width)
    dy = (canvas.y[top:bottom] - np.float32(base)) / np.float32(depth)
    strength = np.float32(0.5) * np.clip(1 - dx * dx - dy * dy, 0, 1)
    canvas.image[top:bottom, left:right] *= (1 - strength)[..., None]


def paint_tree(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float, distance: float = 0.0
) -> None:
    """Paint a broad-leaved tree, a conifer or a bush: leafy edges, lit from the sun's side."""
    kind = int(rng.integers(5))  # 0-2 broad-leaved, 3 conifer, 4 bush
    width = height * float(rng.uniform(0.30, 0.5)) * (0.55 if kind == 3 else 1.3 if kind == 4 else 1.0)
    leaf = light.lit(pick(rng, _LEAVES), distance)
    h = canvas.height
    left, right = max(int((x - width * 1.3) * h), 0), min(int((x + width * 1.3) * h) + 1, canvas.width)
    top, bottom = max(int((base - height * 1.1) * h), 0), min(int(base * h) + 1, h)
    blobs = rng.uniform(size=(7, 3))
    if right <= left or bottom <= top:
        return
    shadow(canvas, light, x + 0.2 * width * light.side * -1, base, width * 1.1, height * 0.06)
    xs = (canvas.x[left:right] - np.float32(x)) / np.float32(width)  # -1..1 over the crown
    ys = (np.float32(base) - canvas.y[top:bottom]) / np.float32(height)  # 0 at the ground, 1 at the top
    grain = canvas.grain[top:bottom, left:right]
    if kind < 3:
        trunk_width = np.float32(0.10)
        trunk = np.clip((trunk_width * (1.3 - ys) - np.abs(xs)) * np.float32(width * h) + np.float32(0.5), 0, 1)
        trunk = trunk * (ys < 0.6) * (ys > 0)
        bark = light.lit(rgb(0.30, 0.23, 0.17) * np.float32(rng.uniform(0.6, 1.2)), distance)
        canvas.paint(trunk.astype(np.float32), bark * (1 + 0.15 * grain[..., None]), classes.TREE, top, left)
    if kind == 3:
        body = (1.0 - ys) * 0.95 - np.abs(xs) + 0.12 * np.sin(ys * np.float32(rng.uniform(30, 50)))
        body = np.minimum(body, (ys - 0.06) * 8)
    else:
        low = 0.32 if kind < 3 else 0.1
        body = np.full((ys.shape[0], xs.shape[0]), -1, np.float32)
        for bx, by, size in blobs:
            cx, cy = np.float32((bx - 0.5) * 1.2), np.float32(low + 0.18 + by * (0.85 - low - 0.18))
            radius = np.float32(0.38 + 0.25 * size)
            d = ((xs - cx) / radius) ** 2 + ((ys - cy) / (radius * np.float32(0.52))) ** 2
            np.maximum(body, 1 - d, out=body)
        body = np.minimum(body, (ys - np.float32(0.02)) * 6)
    edge = max(height * h / 9.0, 1.5)  # pixels over which the crown dissolves
    coverage = np.clip((body + 0.16 * grain) * np.float32(edge) + np.float32(0.5), 0, 1).astype(np.float32)
    light_side = np.clip(0.85 + 0.25 * xs * light.side + 0.35 * (ys - 0.5), 0.5, 1.35)
    texture = np.clip(1 + 0.34 * grain, 0.35, 1.8) * light_side
    canvas.paint(coverage, (leaf * texture[..., None]).astype(np.float32), classes.TREE, top, left)


def paint_person(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float
) -> None:
    """Paint a standing or walking person."""
    s = height
    shadow(canvas, light, x, base, s * 0.3, s * 0.06)
    sprite = Sprite(canvas, x - s * 0.32, base - s * 1.02, x + s * 0.32, base + s * 0.02)
    skin, top, legs = (light.lit(pick(rng, c)) for c in (_SKIN, _CLOTHES, _CLOTHES))
    hair = light.lit(rgb(0.15, 0.11, 0.08) * np.float32(rng.uniform(0.5, 3)))
    stride = s * float(rng.uniform(0.02, 0.12))
    hip, shoulder, half = base - s * 0.48, base - s * 0.83, s * float(rng.uniform(0.115, 0.15))
    if rng.uniform() < 0.25:  # skirt or long coat
        hem = base - s * float(rng.uniform(0.15, 0.3))
        sprite.polygon([(x - half, hip - s * 0.1), (x + half, hip - s * 0.1), (x + half * 1.4, hem), (x - half * 1.4, hem)], top)
    for side in (-1, 1):
        foot = x + side * (stride + s * 0.03)
        sprite.line([(x + side * half * 0.5, hip), (foot, base - s * 0.01)], s * 0.12, legs)
        arm = x + side * (half + s * float(rng.uniform(0.02, 0.09)))
        sprite.line([(x + side * half * 0.85, shoulder + s * 0.05), (arm, hip - s * 0.02)], s * 0.08, skin if rng.uniform() < 0.4 else top)
    sprite.polygon([(x - half, shoulder), (x + half, shoulder), (x + half * 0.85, hip + s * 0.03), (x - half * 0.85, hip + s * 0.03)], top)
    sprite.ellipse(x, base - s * 0.91, s * 0.075, s * 0.09, hair)
    sprite.ellipse(x + s * 0.012 * light.side, base - s * 0.895, s * 0.062, s * 0.075, skin)
    sprite.stamp(classes.PERSON, 0.05)


def _body(
    sprite: Sprite, rng: np.random.Generator, x: float, base: float, w: float, h: float, paint: Colour, glass: Colour
) -> None:
    """Draw the rounded body with a cabin that cars and motor boats have in common; w is half the length."""
    sill, waist = base - h * 0.12, base - h * 0.55
    front, back = float(rng.uniform(0.86, 1.0)), float(rng.uniform(0.88, 1.0))
    sprite.polygon(
        [(x - w * back, sill), (x - w, waist + h * 0.1), (x - w * 0.9, waist), (x + w * 0.85, waist + h * 0.04),
         (x + w, waist + h * 0.16), (x + w * front, sill)],
        paint,
    )  # fmt: skip
    roof = base - h
    a, b = -w * float(rng.uniform(0.5, 0.85)), w * float(rng.uniform(0.3, 0.5))
    c, d = a + w * float(rng.uniform(0.12, 0.3)), b - w * float(rng.uniform(0.15, 0.3))
    sprite.polygon([(x + a, waist + h * 0.02), (x + c, roof), (x + d, roof), (x + b, waist + h * 0.04)], paint)
    m = h * 0.07
    sprite.polygon(
        [(x + a + w * 0.10, waist), (x + c + w * 0.05, roof + m), (x + d - w * 0.04, roof + m), (x + b - w * 0.08, waist)],
        glass,
    )
    sprite.rectangle(x + (c + d) / 2 - w * 0.03, roof + m, x + (c + d) / 2 + w * 0.03, waist, paint)


def paint_car(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float, frontal: bool = False
) -> None:
    """Paint a car from its side (or from its front or back) standing on y = base."""
    s = height
    w = s * (0.62 if frontal else float(rng.uniform(1.25, 1.6)))
    flip = -1.0 if rng.uniform() < 0.5 else 1.0
    paint = light.lit(pick(rng, _PAINT))
    glass = light.lit(mix(rgb(0.15, 0.18, 0.22), light.horizon, float(rng.uniform(0, 0.5))))
    tyre = light.lit(rgb(0.06, 0.06, 0.07))
    shadow(canvas, light, x, base - s * 0.02, w * 1.12, s * 0.14)
    sprite = Sprite(canvas, x - w * 1.05, base - s * 1.02, x + w * 1.05, base + s * 0.02)
    if frontal:
        for side in (-1, 1):
            sprite.rectangle(x + side * w * 0.72 - w * 0.16, base - s * 0.3, x + side * w * 0.72 + w * 0.16, base, tyre)
        sprite.polygon(
            [(x - w * 0.95, base - s * 0.12), (x - w, base - s * 0.5), (x - w * 0.85, base - s * 0.62), (x + w * 0.85, base - s * 0.62),
             (x + w, base - s * 0.5), (x + w * 0.95, base - s * 0.12)],
            paint,
        )  # fmt: skip
        sprite.polygon([(x - w * 0.86, base - s * 0.6), (x - w * 0.62, base - s), (x + w * 0.62, base - s), (x + w * 0.86, base - s * 0.6)], paint)
        sprite.polygon([(x - w * 0.74, base - s * 0.62), (x - w * 0.55, base - s * 0.94), (x + w * 0.55, base - s * 0.94), (x + w * 0.74, base - s * 0.62)], glass)
        lamp = rgb(0.85, 0.12, 0.08) if rng.uniform() < 0.5 else rgb(1.0, 0.97, 0.85)
        for side in (-1, 1):
            sprite.ellipse(x + side * w * 0.76, base - s * 0.44, w * 0.15, s * 0.07, lamp if light.night else light.lit(lamp))
        sprite.rectangle(x - w * 0.4, base - s * 0.36, x + w * 0.4, base - s * 0.24, mix(paint, tyre, 0.6))
    else:
        _body(sprite, rng, x, base, w * flip, s, paint, glass)
        hidden = rng.uniform() < 0.2  # wheels lost in shadow: only the road tells it from a boat
        for side in (-0.58, 0.60):
            if not hidden:
                sprite.ellipse(x + side * w, base - s * 0.17, s * 0.18, s * 0.18, tyre)
                sprite.ellipse(x + side * w, base - s * 0.17, s * 0.09, s * 0.09, light.lit(rgb(0.6, 0.6, 0.62)))
        if hidden:
            sprite.rectangle(x - w * 0.86, base - s * 0.14, x + w * 0.86, base - s * 0.02, mix(paint, tyre, 0.7))
    sprite.stamp(classes.CAR, 0.03)


def paint_boat(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float
) -> None:
    """Paint a sailing boat, a rowing boat, or a motor boat whose body is a car's."""
    s = height
    kind = int(rng.integers(5))  # 0, 1 sail; 2 rowing; 3 motor; 4 car-like
    flip = -1.0 if rng.uniform() < 0.5 else 1.0
    hull = light.lit(pick(rng, _PAINT))
    glass = light.lit(mix(rgb(0.15, 0.18, 0.22), light.horizon, float(rng.uniform(0, 0.5))))
    if kind == 4:
        w = s * float(rng.uniform(1.25, 1.6))
        sprite = Sprite(canvas, x - w * 1.05, base - s * 1.02, x + w * 1.05, base + s * 0.02)
        sprite.rectangle(x - w * 0.86, base - s * 0.14, x + w * 0.86, base - s * 0.02, mix(hull, rgb(0, 0, 0), 0.5))
        _body(sprite, rng, x, base, w * flip, s, hull, glass)
        sprite.stamp(classes.BOAT, 0.03)
        return
    if kind < 2:
        w, deck = s * float(rng.uniform(0.28, 0.42)), base - s * 0.13
        sprite = Sprite(canvas, x - w * 1.1, base - s * 1.02, x + w * 1.1, base + s * 0.02)
        sail = light.lit(pick(rng, ((0.96, 0.95, 0.92), (0.93, 0.90, 0.84), (0.85, 0.35, 0.25), (0.95, 0.95, 0.97)), 0.02))
        sprite.rectangle(x - s * 0.014, base - s, x + s * 0.014, deck, light.lit(rgb(0.35, 0.27, 0.2)))
        sprite.polygon([(x + flip * s * 0.02, base - s * 0.97), (x + flip * w * 0.95, deck - s * 0.05), (x + flip * s * 0.02, deck - s * 0.05)], sail)
        sprite.polygon([(x - flip * s * 0.02, base - s * 0.88), (x - flip * w * 0.85, deck - s * 0.04), (x - flip * s * 0.02, deck - s * 0.04)], sail * np.float32(0.88))
    else:
        w, deck = s * float(rng.uniform(1.0, 1.7)), base - s * (0.45 if kind == 3 else 0.62)
        sprite = Sprite(canvas, x - w * 1.1, base - s * 1.02, x + w * 1.1, base + s * 0.02)
        if kind == 3:
            sprite.polygon([(x - flip * w * 0.6, deck), (x - flip * w * 0.5, base - s), (x + flip * w * 0.15, base - s), (x + flip * w * 0.4, deck)], mix(hull, rgb(1, 1, 1), 0.6) * light.tint)
            sprite.polygon([(x - flip * w * 0.5, deck - s * 0.1), (x - flip * w * 0.44, base - s * 0.9), (x + flip * w * 0.1, base - s * 0.9), (x + flip * w * 0.26, deck - s * 0.1)], glass)
        else:
            sprite.ellipse(x - flip * w * 0.1, deck, w * 0.75, s * 0.12, hull * np.float32(0.5))
    sprite.polygon([(x - flip * w * 0.95, deck), (x + flip * w * 1.05, deck - s * 0.06), (x + flip * w * 0.7, base), (x - flip * w * 0.8, base)], hull)
    stripe = mix(hull, rgb(1, 1, 1), 0.5)
    sprite.polygon([(x - flip * w * 0.93, deck + s * 0.02), (x + flip * w * 0.98, deck), (x + flip * w * 0.93, deck + s * 0.06), (x - flip * w * 0.91, deck + s * 0.07)], stripe)
    sprite.stamp(classes.BOAT, 0.03)


def paint_house(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float, distance: float = 0.0
) -> None:
    """Paint a house with a pitched roof, seen from its front with one side wall."""
    s = height
    w = s * float(rng.uniform(0.5, 0.9))  # half the front's width
    side = s * float(rng.uniform(0.0, 0.5)) * light.side * -1
    wall = light.lit(pick(rng, WALLS), distance)
    roof = light.lit(pick(rng, _ROOFS), distance)
    dark = light.lit(rgb(0.16, 0.18, 0.22), distance)
    warm = rgb(0.98, 0.85, 0.50)
    eaves = base - s * float(rng.uniform(0.5, 0.65))
    shadow(canvas, light, x, base, w * 1.3, s * 0.05)
    sprite = Sprite(canvas, x - w - abs(side) - s * 0.1, base - s * 1.1, x + w + abs(side) + s * 0.1, base + s * 0.01)
    gable = rng.uniform() < 0.5
    edge = x + (w if side > 0 else -w)
    sprite.polygon([(edge, base), (edge, eaves), (edge + side, eaves), (edge + side, base)], wall * np.float32(0.72))
    chimney = x + w * float(rng.uniform(-0.6, 0.6))
    sprite.rectangle(chimney - s * 0.05, base - s * 1.06, chimney + s * 0.05, eaves, wall * np.float32(0.6))
    sprite.rectangle(x - w, eaves, x + w, base, wall)
    over = s * 0.07
    if gable:
        sprite.polygon([(x, base - s), (x + side, base - s), (edge + side + np.sign(side) * over, eaves + over), (edge, eaves + over)], roof * np.float32(0.8))
        sprite.polygon([(x - w, eaves + 0.0), (x, base - s), (x + w, eaves)], wall * np.float32(0.95))
        sprite.line([(x - w - over, eaves + over), (x, base - s), (x + w + over, eaves + over)], s * 0.06, roof)
    else:
        inset = w * float(rng.uniform(0.05, 0.4))
        sprite.polygon([(x - w - over, eaves + over * 0.5), (x - w + inset, base - s), (x + w - inset + max(side, 0), base - s), (x + w + over + max(side, 0), eaves + over * 0.5)], roof)
        if side < 0:
            sprite.polygon([(x - w + side - over, eaves + over * 0.5), (x - w + inset + side * 0.5, base - s), (x - w + inset, base - s), (x - w, eaves + over * 0.5)], roof * np.float32(0.8))
    columns = int(rng.integers(2, 5))
    door = int(rng.integers(columns))
    pane = w * 0.55 / columns
    for i in range(columns):
        cx = x + w * (2 * (i + 0.5) / columns - 1)
        if i == door:
            sprite.rectangle(cx - pane * 0.8, base - s * 0.3, cx + pane * 0.8, base, light.lit(pick(rng, _ROOFS), distance))
            continue
        lit = light.night and rng.uniform() < 0.6
        sprite.rectangle(cx - pane * 1.2, base - s * 0.40, cx + pane * 1.2, base - s * 0.16, mix(wall, rgb(1, 1, 1), 0.4))
        sprite.rectangle(cx - pane, base - s * 0.38, cx + pane, base - s * 0.18, warm if lit else dark)
    sprite.stamp(classes.HOUSE, 0.05)


def paint_streetlight(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float, arm: float
) -> None:
    """Paint a streetlight; `arm` (-1..1) is the direction its lamp hangs over, 0 for a lantern on top."""
    s = height
    metal = light.lit(pick(rng, ((0.20, 0.22, 0.23), (0.45, 0.46, 0.48), (0.15, 0.22, 0.18))))
    glow = rgb(1.0, 0.92, 0.66) if light.night else light.lit(rgb(0.92, 0.92, 0.86))
    reach = s * 0.26 * arm
    sprite = Sprite(canvas, x - s * 0.34, base - s * 1.02, x + s * 0.34, base + s * 0.01)
    pole = s * 0.022
    sprite.polygon([(x - pole * 1.5, base), (x - pole, base - s * 0.9), (x + pole, base - s * 0.9), (x + pole * 1.5, base)], metal)
    sprite.rectangle(x - pole * 2.4, base - s * 0.1, x + pole * 2.4, base, metal)
    if arm:
        sprite.line([(x, base - s * 0.88), (x + reach * 0.4, base - s * 0.96), (x + reach, base - s * 0.97)], pole * 2, metal)
        sprite.polygon([(x + reach * 0.6, base - s), (x + reach * 1.25, base - s * 0.985), (x + reach * 1.25, base - s * 0.95), (x + reach * 0.6, base - s * 0.95)], metal)
        sprite.ellipse(x + reach * 0.92, base - s * 0.945, abs(reach) * 0.3, s * 0.022, glow)
    else:
        sprite.polygon([(x - s * 0.05, base - s * 0.86), (x - s * 0.075, base - s * 0.96), (x + s * 0.075, base - s * 0.96), (x + s * 0.05, base - s * 0.86)], glow)
        sprite.polygon([(x - s * 0.09, base - s * 0.955), (x, base - s * 1.01), (x + s * 0.09, base - s * 0.955)], metal)
    sprite.stamp(classes.STREETLIGHT)


def paint_fence(
    canvas: Canvas, light: Light, rng: np.random.Generator, corners: list[tuple[float, float, float]], colour: Colour, plank: float
) -> None:
    """Paint a plank fence along corners (x, base, height); planks are `plank` heights wide."""
    paint = light.lit(colour)
    gap = paint * np.float32(0.45)
    xs, bases, heights = zip(*corners, strict=True)
    tallest = max(heights)
    sprite = Sprite(canvas, min(xs), min(bases) - tallest * 1.1, max(xs), max(bases) + 0.01)
    for (x0, b0, h0), (x1, b1, h1) in zip(corners, corners[1:], strict=False):
        sprite.polygon([(x0, b0), (x0, b0 - h0 * 0.88), (x1, b1 - h1 * 0.88), (x1, b1)], gap)
        length = float(np.hypot(x1 - x0, b1 - b0)) / max((h0 + h1) / 2, 1e-3)
        count = int(np.clip(length / plank, 1, 80))
        # Even steps along the ground are uneven ones in the picture: nearer planks are wider.
        t = np.arange(count + 1) / count
        near = h1 / max(h0, 1e-3)
        t = t / (near + (1 - near) * t) if near > 0 else t
        for a, b in zip(t, t[1:], strict=False):
            a2 = a + (b - a) * 0.78
            xa, xb = x0 + (x1 - x0) * a, x0 + (x1 - x0) * a2
            ya, yb = b0 + (b1 - b0) * a, b0 + (b1 - b0) * a2
            ha, hb = h0 + (h1 - h0) * a, h0 + (h1 - h0) * a2
            shade = np.float32(rng.uniform(0.88, 1.08))
            sprite.polygon([(xa, ya), (xa, ya - ha * 0.95), ((xa + xb) / 2, (ya + yb) / 2 - (ha + hb) / 2 * 1.04), (xb, yb - hb * 0.95), (xb, yb)], paint * shade)
        for level in (0.25, 0.72):
            sprite.line([(x0, b0 - h0 * level), (x1, b1 - h1 * level)], max(h0, h1) * 0.06, paint * np.float32(0.8))
    sprite.stamp(classes.FENCE, 0.06)


def paint_rock(canvas: Canvas, light: Light, rng: np.random.Generator, x: float, base: float, height: float) -> None:
    """Paint a boulder: a jagged outline with facets of light and shade."""
    s, w = height, height * float(rng.uniform(0.8, 1.6))
    h = canvas.height
    left, right = max(int((x - w * 1.2) * h), 0), min(int((x + w * 1.2) * h) + 1, canvas.width)
    top, bottom = max(int((base - s * 1.2) * h), 0), min(int((base + s * 0.15) * h) + 1, h)
    angles = rng.uniform(0.75, 1.15, 8).astype(np.float32)
    stone = light.lit(pick(rng, ((0.45, 0.43, 0.40), (0.36, 0.33, 0.30), (0.55, 0.50, 0.44), (0.28, 0.27, 0.28))))
    tilt = float(rng.uniform(-0.4, 0.4))
    if right <= left or bottom <= top:
        return
    shadow(canvas, light, x, base, w * 1.2, s * 0.15)
    xs = (canvas.x[left:right] - np.float32(x)) / np.float32(w)
    ys = (np.float32(base) - canvas.y[top:bottom]) / np.float32(s)
    turn = (np.arctan2(ys, xs) / np.float32(np.pi) + 1) * 4
    low = turn.astype(np.intp) % 8
    radius = mix(angles[low], angles[(low + 1) % 8], turn - np.floor(turn))
    grain = canvas.grain[top:bottom, left:right]
    body = radius - np.sqrt(xs * xs + ys * ys) + 0.03 * grain
    body = np.minimum(body, ys + 0.1)
    coverage = np.clip(body * np.float32(s * h) + np.float32(0.5), 0, 1)
    facet = np.where(xs * light.side + tilt + 0.35 * np.sin(ys * 5 + tilt * 9) > 0, np.float32(1.15), np.float32(0.75))
    shade = facet * (0.75 + 0.4 * np.clip(ys, 0, 1)) * (1 + 0.16 * grain)
    canvas.paint(coverage.astype(np.float32), (stone * shade[..., None]).astype(np.float32), classes.ROCK, top, left)
    _ = smoothstep
