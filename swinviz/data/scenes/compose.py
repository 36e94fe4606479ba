"""Composition: where things stand, so that only their surroundings tell some of them apart."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from swinviz.data.scenes import classes, objects, terrain
from swinviz.data.scenes.canvas import Canvas, mix, rgb, smoothstep
from swinviz.data.scenes.noise import Field, profile
from swinviz.data.scenes.sky import Light, choose_light, paint_sky
from swinviz.data.scenes.streets import paint_facades, paint_front_facades

PERSON_METRES = 1.7


@dataclass(frozen=True)
class Stage:
    """A canvas with its light, its random numbers, and the camera: horizon (y) and eye height (metres)."""

    canvas: Canvas
    light: Light
    rng: np.random.Generator
    horizon: float
    eye: float

    def size(self, base: float, metres: float) -> float:
        """Return the height in the picture of something that stands on the ground at y = base."""
        return max(base - self.horizon, 0.0) * metres / self.eye

    def base(self, size: float, metres: float) -> float:
        """Return where a thing of this many metres stands if it is `size` tall in the picture."""
        return self.horizon + size * self.eye / metres

    def uniform(self, low: float, high: float) -> float:
        """Draw a number between two bounds."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self.rng.uniform() < probability)

    def anywhere(self) -> float:
        """Draw an x across the picture."""
        return self.uniform(0.05, 0.95) * self.canvas.aspect


def _background(stage: Stage, base: float, chance: float = 0.7, low: float = 0.05, high: float = 0.28) -> None:
    """Paint none to two ranges of mountains, the farther one paler."""
    if stage.chance(chance):
        height = stage.uniform(low, high)
        if stage.chance(0.5):
            terrain.paint_mountains(stage.canvas, stage.light, stage.rng, base, height * 1.25, 0.9, classes.MOUNTAIN)
        terrain.paint_mountains(stage.canvas, stage.light, stage.rng, base, height, 0.45, classes.MOUNTAIN)


def _everywhere_below(canvas: Canvas, y: float) -> Field:
    return np.broadcast_to(canvas.below(np.full(canvas.width, y, np.float32)), (canvas.height, canvas.width))


def _land(stage: Stage, material: terrain.Material, label: int, coverage: Field | None = None, top: float | None = None) -> None:
    """Cover the ground below the horizon, or where `coverage` (height, width) says."""
    if coverage is None:
        coverage = _everywhere_below(stage.canvas, stage.horizon if top is None else top)
    colours = terrain.ground(stage.canvas, stage.light, stage.rng, stage.horizon, material)
    terrain.paint_ground(stage.canvas, colours, coverage, label)


def _people(stage: Stage, count: int, low: float, high: float, where: Callable[[float, float], bool] | None = None) -> None:
    """Place people `low`..`high` tall (parts of the picture), far ones first, where `where(x, base)` allows."""
    for size in sorted(stage.uniform(low, high) for _ in range(count)):
        for _ in range(4):
            x, base = stage.anywhere(), stage.base(size, PERSON_METRES)
            if base < 1.08 and (where is None or where(x, base)):
                objects.paint_person(stage.canvas, stage.light, stage.rng, x, base, size)
                break


def _is_on(stage: Stage, *labels: int) -> Callable[[float, float], bool]:
    """Return a test of whether the ground at (x, base) has one of the labels."""

    def test(x: float, base: float) -> bool:
        canvas = stage.canvas
        row = min(max(int(base * canvas.height), 0), canvas.height - 1)
        column = min(max(int(x * canvas.height), 0), canvas.width - 1)
        return int(canvas.label[row, column]) in labels

    return test


def _trees(stage: Stage, count: int, low: float, high: float, *ground: int) -> None:
    """Place trees `low`..`high` tall, far ones first, on ground with one of the labels."""
    on = _is_on(stage, *ground)
    for size in sorted(stage.uniform(low, high) for _ in range(count)):
        metres = stage.uniform(4, 9)
        for _ in range(4):
            x, base = stage.uniform(-0.05, 1.05) * stage.canvas.aspect, min(stage.base(size, metres), 1.05)
            if on(x, base):
                objects.paint_tree(stage.canvas, stage.light, stage.rng, x, base, size, 0.25 if size < 0.2 else 0.0)
                break


def _boats(stage: Stage, count: int, water: int, low: float, high: float) -> None:
    on = _is_on(stage, water)
    for size in sorted(stage.uniform(low, high) for _ in range(count)):
        for _ in range(5):
            x = stage.anywhere()
            base = stage.horizon + stage.uniform(0.02, 0.1) + size * stage.uniform(0.1, 1.0)
            if base < 0.98 and on(x, base):
                objects.paint_boat(stage.canvas, stage.light, stage.rng, x, base, size)
                break


def _rocks(stage: Stage, count: int, low: float, high: float, *ground: int) -> None:
    on = _is_on(stage, *ground)
    for size in sorted(stage.uniform(low, high) for _ in range(count)):
        x, base = stage.anywhere(), stage.base(size, stage.uniform(0.5, 1.2))
        if on(x, min(base, 0.99)):
            objects.paint_rock(stage.canvas, stage.light, stage.rng, x, min(base, 1.05), size)


def _shore(stage: Stage, low: float, high: float) -> Field:
    """Return the outline (width,) of a near shore: level, slanting or curved."""
    x = stage.canvas.x
    middle, slant = stage.uniform(low, high), stage.uniform(-0.35, 0.35) / max(stage.canvas.aspect, 0.2)
    bend = stage.uniform(-0.15, 0.15)
    t = x / np.float32(stage.canvas.aspect) - np.float32(0.5)
    curve = middle + slant * (x - np.float32(stage.canvas.aspect / 2)) + bend * (t * t * 4 - 0.5)
    curve = curve + np.float32(0.02) * profile(stage.rng, x, 3.0, octaves=4)
    return np.maximum(curve, np.float32(stage.horizon + 0.06)).astype(np.float32)


def _surf(stage: Stage, outline: Field, strength: float) -> None:
    """Whiten the water in bands along the shore; labels stay as they are."""
    canvas, rng = stage.canvas, stage.rng
    top = canvas.row(stage.horizon)
    gap = (outline - canvas.y[top:]) / np.maximum(canvas.y[top:] - np.float32(stage.horizon) + np.float32(0.1), 0.05)
    wobble = profile(rng, canvas.x, 5.0, octaves=4)
    foam = np.zeros_like(gap)
    for _ in range(int(rng.integers(1, 4))):
        at, width = rng.uniform(0.0, 0.5), rng.uniform(0.03, 0.09)
        foam = np.maximum(foam, np.clip(1 - np.abs(gap - np.float32(at) - 0.06 * wobble) / np.float32(width), 0, 1))
    foam = foam * smoothstep(-1.2, 0.6, canvas.grain[top:]) * np.float32(strength) * (gap > -0.01)
    canvas.image[top:] += foam[..., None] * (rgb(0.97, 0.98, 1.0) * stage.light.tint - canvas.image[top:])


def _wet_sand(stage: Stage, outline: Field) -> None:
    """Darken the sand just above the water's edge."""
    canvas = stage.canvas
    gap = canvas.y - outline
    wet = np.clip(1 - gap / np.float32(stage.uniform(0.03, 0.12)), 0, 1) * (gap > 0)
    canvas.image *= (1 - np.float32(stage.uniform(0.15, 0.35)) * wet)[..., None]


def seaside(stage: Stage) -> None:
    """Paint open sea to the horizon, perhaps a headland, and a beach, rocks or a meadow in front."""
    canvas, rng = stage.canvas, stage.rng
    paint_sky(canvas, stage.light, rng, stage.horizon, classes.SKY)
    if stage.chance(0.4):
        outline = terrain.ridge(canvas, rng, stage.horizon, stage.uniform(0.06, 0.25), 1.5)
        del outline
        _headland(stage)
    low = stage.chance(0.15)
    shore = _shore(stage, stage.horizon + 0.15, 1.0) if not low else np.full(canvas.width, 1.2, np.float32)
    terrain.paint_water(
        canvas, stage.light, rng, stage.horizon, stage.horizon, _everywhere_below(canvas, stage.horizon), classes.SEA,
        mirror=stage.uniform(0.3, 0.8), swell=stage.uniform(0.15, 1.0),
    )  # fmt: skip
    beach = rng.uniform()
    material, label = (
        (terrain.SAND, classes.SAND) if beach < 0.65 else (terrain.ROCK, classes.ROCK) if beach < 0.82 else (terrain.GRASS, classes.GRASS)
    )
    if not low:
        _land(stage, material, label, canvas.below(shore))
        if stage.chance(0.7):
            _surf(stage, shore, stage.uniform(0.4, 1.0))
        if label == classes.SAND:
            _wet_sand(stage, shore)
            if stage.chance(0.25):
                dune = shore + np.float32(stage.uniform(0.12, 0.3)) + np.float32(0.04) * profile(rng, canvas.x, 4.0)
                _land(stage, terrain.GRASS, classes.GRASS, canvas.below(dune.astype(np.float32)))
    _boats(stage, int(rng.integers(0, 4)), classes.SEA, 0.08, 0.3)
    _rocks(stage, int(rng.integers(0, 5)), 0.06, 0.2, classes.SAND, classes.SEA, classes.ROCK)
    _trees(stage, int(rng.integers(0, 2)), 0.3, 0.7, classes.SAND, classes.GRASS)
    _people(stage, int(rng.integers(0, 4)), 0.14, 0.4, _is_on(stage, classes.SAND, classes.GRASS, classes.ROCK))


def _headland(stage: Stage) -> None:
    """Paint a mountainous coast from one side, ending in the sea before the picture does."""
    canvas, rng = stage.canvas, stage.rng
    before = canvas.image.copy(), canvas.label.copy()
    terrain.paint_mountains(canvas, stage.light, rng, stage.horizon, stage.uniform(0.08, 0.28), stage.uniform(0.2, 0.9), classes.MOUNTAIN)
    end, side = stage.uniform(0.2, 0.75) * canvas.aspect, stage.chance(0.5)
    slope = stage.uniform(0.4, 1.2)
    reach = (canvas.x - np.float32(end)) * (-1 if side else 1)
    keep = np.clip((canvas.y - np.float32(stage.horizon) + reach * np.float32(slope)) * canvas.height + np.float32(0.5), 0, 1)
    canvas.image[:] = mix(before[0], canvas.image, keep[..., None])
    gone = keep < 0.5
    canvas.label[gone] = before[1][gone]


def lakeside(stage: Stage) -> None:
    """Paint a lake that mirrors the sky, enclosed by land on its far side, with a meadow or beach in front."""
    canvas, rng = stage.canvas, stage.rng
    paint_sky(canvas, stage.light, rng, stage.horizon, classes.SKY)
    _background(stage, stage.horizon, 0.85, 0.08, 0.3)
    far = stage.horizon + stage.uniform(0.02, 0.07)
    if stage.chance(0.5):
        _land(stage, terrain.GRASS, classes.GRASS, top=stage.horizon)
    else:
        _land(stage, terrain.SAND if stage.chance(0.3) else terrain.ROCK, classes.SAND, top=stage.horizon) if stage.chance(0.3) else _land(
            stage, terrain.GRASS, classes.GRASS, top=stage.horizon
        )
    if stage.chance(0.75):
        terrain.paint_tree_line(canvas, stage.light, rng, far, stage.uniform(0.03, 0.12), 0.35, classes.TREE)
    for _ in range(int(rng.integers(0, 3))):
        if stage.chance(0.5):
            objects.paint_house(canvas, stage.light, rng, stage.anywhere(), far, stage.uniform(0.1, 0.18), 0.3)
        else:
            objects.paint_tree(canvas, stage.light, rng, stage.anywhere(), far, stage.uniform(0.1, 0.25), 0.3)
    edge = np.float32(far) + np.float32(0.008) * profile(rng, canvas.x, 5.0)
    terrain.paint_water(
        canvas, stage.light, rng, stage.horizon, far, canvas.below(edge), classes.LAKE,
        mirror=stage.uniform(0.55, 0.95), swell=stage.uniform(0.0, 0.6),
    )  # fmt: skip
    if stage.chance(0.85):
        shore = _shore(stage, far + 0.25, 1.05)
        kind = rng.uniform()
        if kind < 0.6:
            _land(stage, terrain.GRASS, classes.GRASS, canvas.below(shore))
        elif kind < 0.8:
            _land(stage, terrain.SAND, classes.SAND, canvas.below(shore))
        else:
            _land(stage, terrain.ROCK, classes.ROCK, canvas.below(shore))
    _boats(stage, int(rng.integers(0, 3)), classes.LAKE, 0.08, 0.26)
    _rocks(stage, int(rng.integers(0, 4)), 0.06, 0.2, classes.LAKE, classes.GRASS, classes.SAND, classes.ROCK)
    _trees(stage, int(rng.integers(0, 3)), 0.3, 0.9, classes.GRASS)
    _people(stage, int(rng.integers(0, 3)), 0.14, 0.35, _is_on(stage, classes.SAND, classes.GRASS, classes.ROCK))


def _paddock(stage: Stage) -> None:
    """Fence a piece of the meadow in: the same grass is field inside the fence and grass outside."""
    canvas, rng = stage.canvas, stage.rng
    metres = stage.uniform(1.0, 1.6)
    back, front = stage.horizon + stage.uniform(0.06, 0.14), stage.horizon + stage.uniform(0.26, 0.6)
    centre, half = stage.anywhere(), stage.uniform(0.35, 1.1)
    near, far = half * 1.2, half * 1.2 * (back - stage.horizon) / (front - stage.horizon)
    skew = stage.uniform(-0.2, 0.2)
    corners = [(centre - near, front), (centre - far + skew, back), (centre + far + skew, back), (centre + near, front)]
    y = canvas.y
    t = (y - np.float32(back)) / np.float32(front - back)
    left = corners[1][0] + (corners[0][0] - corners[1][0]) * t
    right = corners[2][0] + (corners[3][0] - corners[2][0]) * t
    inside = (canvas.x > left) & (canvas.x < right) & (t > 0) & (t < 1) & (canvas.label == classes.GRASS)
    canvas.label[inside] = classes.FIELD
    colour = terrain.pick(rng, ((0.90, 0.89, 0.86), (0.48, 0.36, 0.26), (0.62, 0.55, 0.46), (0.35, 0.27, 0.22)))
    plank = stage.uniform(0.25, 0.5)
    tall = [stage.size(b, metres) for _, b in corners]
    ring = [(x, b, h) for (x, b), h in zip(corners, tall, strict=True)]
    objects.paint_fence(canvas, stage.light, rng, ring[1:3], colour, plank)
    _trees(stage, int(rng.integers(0, 2)), 0.15, 0.3, classes.FIELD)
    objects.paint_fence(canvas, stage.light, rng, ring[0:2], colour, plank)
    objects.paint_fence(canvas, stage.light, rng, ring[2:4], colour, plank)
    objects.paint_fence(canvas, stage.light, rng, [ring[0], ring[3]], colour, plank)


def _cross_fence(stage: Stage) -> None:
    """Run a fence across the picture: beyond it lies the field, before it the grass."""
    canvas, rng = stage.canvas, stage.rng
    base = stage.horizon + stage.uniform(0.12, 0.45)
    other = stage.horizon + (base - stage.horizon) * stage.uniform(0.6, 1.5)
    line = np.float32(base) + (canvas.x / np.float32(canvas.aspect)) * np.float32(other - base)
    beyond = (canvas.y < line) & (canvas.label == classes.GRASS)
    canvas.label[beyond] = classes.FIELD
    colour = terrain.pick(rng, ((0.90, 0.89, 0.86), (0.48, 0.36, 0.26), (0.62, 0.55, 0.46), (0.35, 0.27, 0.22)))
    metres = stage.uniform(0.9, 1.5)
    corners = [(0.0, base, stage.size(base, metres)), (canvas.aspect, other, stage.size(other, metres))]
    objects.paint_fence(canvas, stage.light, rng, corners, colour, stage.uniform(0.25, 0.5))


def meadow(stage: Stage) -> None:
    """Paint grassland with mountains, houses, trees, a fence, and perhaps a road."""
    canvas, rng = stage.canvas, stage.rng
    paint_sky(canvas, stage.light, rng, stage.horizon, classes.SKY)
    _background(stage, stage.horizon, 0.65)
    _land(stage, terrain.GRASS, classes.GRASS)
    if stage.chance(0.5):
        terrain.paint_tree_line(canvas, stage.light, rng, stage.horizon + stage.uniform(0.005, 0.03), stage.uniform(0.03, 0.1), 0.4, classes.TREE)
    road = stage.chance(0.35)
    if road:
        _road(stage, stage.uniform(1.8, 3.2), 0.0)
    for size in sorted(stage.uniform(0.12, 0.38) for _ in range(int(rng.integers(0, 3)))):
        x, base = stage.anywhere(), stage.base(size, 7.0)
        if _is_on(stage, classes.GRASS)(x, base):
            objects.paint_house(canvas, stage.light, rng, x, base, size, 0.1)
    if not road:
        which = rng.uniform()
        if which < 0.45:
            _cross_fence(stage)
        elif which < 0.85:
            _paddock(stage)
    _trees(stage, int(rng.integers(0, 5)), 0.12, 0.8, classes.GRASS)
    if road:
        _cars(stage, int(rng.integers(0, 3)), classes.ROAD)
    _rocks(stage, int(rng.integers(0, 2)), 0.06, 0.16, classes.GRASS)
    _people(stage, int(rng.integers(0, 3)), 0.14, 0.4, _is_on(stage, classes.GRASS, classes.ROAD, classes.FIELD))


def desert(stage: Stage) -> None:
    """Paint sand without a sea: mountains, rocks, a road."""
    canvas, rng = stage.canvas, stage.rng
    paint_sky(canvas, stage.light, rng, stage.horizon, classes.SKY)
    _background(stage, stage.horizon, 0.9)
    _land(stage, terrain.SAND, classes.SAND)
    if stage.chance(0.5):
        _road(stage, stage.uniform(2, 4), 0.0)
    _rocks(stage, int(rng.integers(1, 6)), 0.06, 0.25, classes.SAND)
    _cars(stage, int(rng.integers(0, 3)), classes.ROAD)
    _trees(stage, int(rng.integers(0, 2)), 0.2, 0.5, classes.SAND)
    _people(stage, int(rng.integers(0, 3)), 0.14, 0.4, _is_on(stage, classes.SAND, classes.ROAD))


def _road(stage: Stage, half_width: float, sidewalk: float, side: float = 0.0) -> None:
    """Paint a road to the vanishing point, `half_width` metres each way, with sidewalks of this width."""
    canvas, rng = stage.canvas, stage.rng
    drop = np.maximum(canvas.y - np.float32(stage.horizon), np.float32(1e-4)) / np.float32(stage.eye)  # 1 / distance
    vanish = canvas.aspect * stage.uniform(0.3, 0.7)
    bend = stage.uniform(-0.05, 0.05) if sidewalk == 0 else 0.0
    centre = np.float32(vanish) + np.float32(side) * drop + np.float32(bend * 0.15) / (drop + np.float32(0.1))
    offset = np.abs(canvas.x - centre)
    scale = np.float32(canvas.height)
    below = canvas.y > stage.horizon
    if sidewalk:
        walk = np.clip(((half_width + sidewalk) * drop - offset) * scale + np.float32(0.5), 0, 1) * below
        _land(stage, terrain.PAVING, classes.SIDEWALK, walk.astype(np.float32))
    cover = (np.clip((half_width * drop - offset) * scale + np.float32(0.5), 0, 1) * below).astype(np.float32)
    _land(stage, terrain.ASPHALT, classes.ROAD, cover)
    paint = rgb(0.93, 0.93, 0.90) if stage.chance(0.75) else rgb(0.92, 0.75, 0.25)
    depth = 1 / drop
    line = np.clip((np.float32(0.09) * drop - offset) * scale + np.float32(0.5), 0, 1) * ((depth * np.float32(0.22) + np.float32(stage.uniform(0, 1))) % 1 < 0.55)
    if stage.chance(0.5):
        edge = np.clip((np.float32(0.08) * drop - np.abs(offset - np.float32(half_width * 0.92) * drop)) * scale + np.float32(0.5), 0, 1)
        line = np.maximum(line, edge)
    if stage.chance(0.85):
        line = line * cover * np.float32(stage.uniform(0.5, 0.95))
        canvas.image += line[..., None] * (stage.light.lit(paint) - canvas.image)
    del rng


def _cars(stage: Stage, count: int, *ground: int, frontal: bool | None = None) -> None:
    on = _is_on(stage, *ground)
    for size in sorted(stage.uniform(0.1, 0.26) for _ in range(count)):
        base = stage.base(size, 1.5)
        for _ in range(5):
            x = stage.anywhere()
            if on(x, base):
                facing = stage.chance(0.75) if frontal is None else frontal
                objects.paint_car(stage.canvas, stage.light, stage.rng, x, base, size, facing)
                break


def street(stage: Stage) -> None:
    """Look down a street: facades or gardens with houses either side, cars, people, streetlights."""
    canvas, rng = stage.canvas, stage.rng
    paint_sky(canvas, stage.light, rng, stage.horizon, classes.SKY)
    _background(stage, stage.horizon, 0.3, 0.05, 0.15)
    city = stage.chance(0.65)
    _land(stage, terrain.PAVING if city else terrain.GRASS, classes.SIDEWALK if city else classes.GRASS)
    half, walk = stage.uniform(2.5, 5.0), stage.uniform(1.5, 3.5)
    side = stage.uniform(-0.6, 0.6) * half
    state = rng.bit_generator.state
    vanish = canvas.aspect * stage.uniform(0.3, 0.7)
    rng.bit_generator.state = state  # the road draws the same vanishing point
    if city:
        paint_facades(canvas, stage.light, rng, stage.horizon, stage.eye, vanish, side, half + walk, classes.BUILDING)
        rng.bit_generator.state = state
    else:
        terrain.paint_tree_line(canvas, stage.light, rng, stage.horizon + 0.02, stage.uniform(0.04, 0.12), 0.3, classes.TREE)
        rng.bit_generator.state = state
    _road(stage, half, walk, side)
    # Whatever lines the street, far to near.
    kinds = ("tree", "lamp") if city else ("house", "tree", "lamp", "house")
    drops = np.geomspace(0.05, 0.32, int(rng.integers(3, 7))) * stage.uniform(0.8, 1.2)
    for drop in drops:
        base = stage.horizon + stage.eye * float(drop)
        for edge in (-1.0, 1.0):
            kind = kinds[int(rng.integers(len(kinds)))]
            line = half + (0.4 if kind == "lamp" else walk * 0.7 if city else walk + 5.0 if kind == "house" else walk + 1.5)
            x = vanish + (side + edge * line) * float(drop)
            if stage.chance(0.35) or not -0.3 < x < canvas.aspect + 0.3:
                continue
            if kind == "lamp":
                objects.paint_streetlight(canvas, stage.light, rng, x, base, stage.size(base, stage.uniform(4.5, 6.5)), -edge if stage.chance(0.6) else 0.0)
            elif kind == "tree":
                objects.paint_tree(canvas, stage.light, rng, x, base, stage.size(base, stage.uniform(3.5, 7)))
            else:
                objects.paint_house(canvas, stage.light, rng, x, base, stage.size(base, stage.uniform(5, 7.5)))
    _cars(stage, int(rng.integers(0, 4)), classes.ROAD, frontal=True)
    _people(stage, int(rng.integers(0, 4)), 0.14, 0.42, _is_on(stage, classes.SIDEWALK))


def roadside(stage: Stage) -> None:
    """Look across a street: a row of buildings or houses, sidewalk, cars passing, lights, people."""
    canvas, rng = stage.canvas, stage.rng
    paint_sky(canvas, stage.light, rng, stage.horizon, classes.SKY)
    _background(stage, stage.horizon, 0.3, 0.1, 0.25)
    kerb = stage.horizon + stage.uniform(0.18, 0.32)
    wall = kerb - stage.uniform(0.06, 0.14)
    green = stage.chance(0.45)
    _land(stage, terrain.GRASS if green else terrain.PAVING, classes.GRASS if green else classes.SIDEWALK)
    if green:
        for x in np.arange(-0.1, canvas.aspect + 0.2, stage.uniform(0.35, 0.6)):
            place = float(x) + stage.uniform(-0.08, 0.08)
            if stage.chance(0.7):
                objects.paint_house(canvas, stage.light, rng, place, wall, stage.uniform(0.24, 0.42))
            else:
                objects.paint_tree(canvas, stage.light, rng, place, wall, stage.uniform(0.25, 0.5))
        if stage.chance(0.5):
            colour = terrain.pick(rng, ((0.90, 0.89, 0.86), (0.48, 0.36, 0.26), (0.62, 0.55, 0.46)))
            tall = stage.uniform(0.07, 0.13)
            fence = wall + 0.03
            canvas.label[(canvas.y < fence) & (canvas.label == classes.GRASS)] = classes.FIELD
            objects.paint_fence(canvas, stage.light, rng, [(0.0, fence, tall), (canvas.aspect, fence, tall)], colour, stage.uniform(0.25, 0.5))
    else:
        paint_front_facades(canvas, stage.light, rng, wall, classes.BUILDING)
    flat = np.full(canvas.width, 0, np.float32)
    if green:
        _land(stage, terrain.PAVING, classes.SIDEWALK, canvas.below(flat + np.float32(kerb - stage.uniform(0.03, 0.05))))
    for _ in range(int(rng.integers(1, 4))):
        x = stage.anywhere()
        if stage.chance(0.6):
            objects.paint_streetlight(canvas, stage.light, rng, x, kerb - 0.01, stage.uniform(0.4, 0.7), float(rng.integers(-1, 2)))
        else:
            objects.paint_tree(canvas, stage.light, rng, x, kerb - 0.015, stage.uniform(0.3, 0.6))
    _land(stage, terrain.ASPHALT, classes.ROAD, canvas.below(flat + np.float32(kerb)))
    end = stage.uniform(0.85, 1.2)
    middle = (kerb + min(end, 1.0)) / 2
    dashes = np.clip((np.float32(0.008) - np.abs(canvas.y - np.float32(middle))) * canvas.height + np.float32(0.5), 0, 1) * (canvas.x * np.float32(3.0) % 1 < 0.6)
    canvas.image += (dashes * np.float32(0.8))[..., None] * (stage.light.lit(rgb(0.93, 0.93, 0.9)) - canvas.image)
    for base in sorted(stage.uniform(kerb + 0.05, min(end, 1.0)) for _ in range(int(rng.integers(0, 4)))):
        objects.paint_car(canvas, stage.light, rng, stage.anywhere(), base, stage.uniform(0.13, 0.2) + 0.25 * (base - kerb))
    if end < 1:
        _land(stage, terrain.GRASS if green else terrain.PAVING, classes.GRASS if green else classes.SIDEWALK, canvas.below(flat + np.float32(end)))
    _people(stage, int(rng.integers(0, 4)), 0.16, 0.34, _is_on(stage, classes.SIDEWALK))


TEMPLATES: tuple[tuple[Callable[[Stage], None], float], ...] = (
    (seaside, 0.27), (lakeside, 0.20), (meadow, 0.20), (desert, 0.05), (street, 0.15), (roadside, 0.13),
)  # fmt: skip


def compose(layout: np.random.Generator, texture: np.random.Generator, height: int, width: int) -> Canvas:
    """Draw a whole scene: choose a place, the light and the camera, paint from far to near, then develop it."""
    canvas = Canvas(height, width, texture)
    draw = layout.uniform() * sum(weight for _, weight in TEMPLATES)
    template = TEMPLATES[-1][0]
    for candidate, weight in TEMPLATES:
        if draw < weight:
            template = candidate
            break
        draw -= weight
    street_like = template in (street, roadside)
    horizon = float(layout.uniform(0.36, 0.58) if street_like else layout.uniform(0.25, 0.65))
    light = choose_light(layout, horizon, canvas.aspect)
    eye = float(layout.uniform(1.7, 3.5) if street_like else layout.uniform(1.8, 6))
    template(Stage(canvas, light, layout, horizon, eye))
    _develop(canvas, light, layout, texture)
    return canvas


def _develop(canvas: Canvas, light: Light, layout: np.random.Generator, texture: np.random.Generator) -> None:
    """Turn the painted scene into a photograph: softness, exposure, contrast, colour cast, vignette, grain."""
    image = canvas.image
    softness = float(layout.uniform(0, 0.22))
    if min(canvas.height, canvas.width) > 2:
        for axis in (0, 1):
            blurred = image * np.float32(1 - 2 * softness)
            forward, backward = np.roll(image, 1, axis), np.roll(image, -1, axis)
            edge = [slice(None)] * 3
            edge[axis] = slice(0, 1)
            forward[tuple(edge)] = image[tuple(edge)]
            edge[axis] = slice(-1, None)
            backward[tuple(edge)] = image[tuple(edge)]
            image = blurred + np.float32(softness) * (forward + backward)
    np.clip(image, 0, 1, out=image)
    gain = np.exp(layout.normal(0, 0.10)) * (1 + layout.normal(0, 0.025, 3))
    radius = ((canvas.x / canvas.aspect - 0.5) ** 2 + (canvas.y - 0.5) ** 2) * np.float32(layout.uniform(0, 0.5))
    image = image * gain.astype(np.float32) * (1 - radius)[..., None]
    contrast = np.float32(layout.uniform(0.85, 1.2))
    image = (image - 0.45) * contrast + np.float32(0.45 + layout.normal(0, 0.02))
    grain = texture.standard_normal((canvas.height, canvas.width, 1), np.float32) * np.float32(layout.uniform(0.0, 0.03))
    canvas.image = np.clip(image + grain, 0, 1)
    del light
