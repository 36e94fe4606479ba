"""Value noise: the one source of texture for clouds, slopes, foliage, waves and ground."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

TILE = 256  # side of a noise tile; a power of two, so that wrapping an index is a bit mask


def _smooth_upsample(grid: Field, size: int) -> Field:
    """Upsample a periodic square grid to (size, size) with smoothstep interpolation."""
    cells = grid.shape[0]
    position = np.arange(size, dtype=np.float32) * (cells / size)
    low = position.astype(np.intp)
    high = (low + 1) % cells
    t = position - low
    t = t * t * (3 - 2 * t)
    rows = grid[low] * (1 - t)[:, None] + grid[high] * t[:, None]
    out: Field = rows[:, low] * (1 - t) + rows[:, high] * t
    return out


@lru_cache(maxsize=8)
def tile(persistence: float = 0.6, coarsest: int = 4) -> Field:
    """Return a (256, 256) periodic fractal noise tile with mean 0 and standard deviation 1.

    `persistence` is the amplitude of each octave relative to the next coarser one, `coarsest` the
    number of cells per side of the first octave. The tile is the same on every call: a scene's
    randomness is where it reads the tile.
    """
    rng = np.random.default_rng([coarsest, int(persistence * 1000)])
    total = np.zeros((TILE, TILE), np.float32)
    amplitude, cells = 1.0, coarsest
    while cells <= TILE:
        total += np.float32(amplitude) * _smooth_upsample(
            rng.standard_normal((cells, cells), np.float32), TILE
        )
        amplitude *= persistence
        cells *= 2
    total -= total.mean()
    total /= total.std()
    total.setflags(write=False)
    return total


def sample(texture: Field, v: Field, u: Field) -> Field:
    """Read a tile bilinearly at rows `v` and columns `u` (in texels, wrapped; broadcast together)."""
    v, u = np.broadcast_arrays(v, u)
    v0, u0 = np.floor(v), np.floor(u)
    fv, fu = v - v0, u - u0
    top = (v0.astype(np.int32) & (TILE - 1)) * TILE
    bottom = ((top // TILE + 1) & (TILE - 1)) * TILE
    left = u0.astype(np.int32) & (TILE - 1)
    right = (left + 1) & (TILE - 1)
    flat = texture.ravel()
    upper = flat[top + left]
    upper += fu * (flat[top + right] - upper)
    lower = flat[bottom + left]
    lower += fu * (flat[bottom + right] - lower)
    out: Field = upper + fv * (lower - upper)
    return out


def sample_nearest(texture: Field, v: Field, u: Field) -> Field:
    """Read a tile at the nearest texel: three times cheaper, for textures that are fine anyway."""
    rows = (v.astype(np.int32) & (TILE - 1)) * TILE
    out: Field = texture.ravel()[rows + (u.astype(np.int32) & (TILE - 1))]
    return out


def profile(
    rng: np.random.Generator, x: Field, cells: float, octaves: int = 5, persistence: float = 0.5
) -> Field:
    """Return a one-dimensional fractal curve over `x`, about -1..1, with `cells` bumps per unit of x."""
    total = np.zeros_like(x)
    amplitude, norm = 1.0, 0.0
    for _ in range(octaves):
        position = (x - x[0]) * np.float32(cells) + np.float32(rng.uniform())
        low = position.astype(np.intp)
        t = position - low
        t = t * t * (3 - 2 * t)
        knots = rng.uniform(-1, 1, 256).astype(np.float32)
        total += np.float32(amplitude) * (knots[low % 256] * (1 - t) + knots[(low + 1) % 256] * t)
        norm += amplitude
        amplitude *= persistence
        cells *= 2
    return total / np.float32(norm)
