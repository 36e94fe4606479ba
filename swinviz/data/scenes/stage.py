"""The stage: what everything that paints needs to know, and how to place things in perspective."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from swinviz.data.scenes.canvas import Canvas, Color, mix, rgb
from swinviz.data.scenes.light import Light, Triple


@dataclass(frozen=True)
class Stage:
    """A canvas with its light, its random numbers, and the camera: horizon (y) and eye height (meters)."""

    canvas: Canvas
    light: Light
    rng: np.random.Generator
    horizon: float
    eye: float

    def uniform(self, low: float, high: float) -> float:
        """Draw a number between two bounds."""
        return float(self.rng.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self.rng.uniform() < probability)

    def anywhere(self) -> float:
        """Draw an x across the picture."""
        return self.uniform(0.05, 0.95) * self.canvas.aspect

    def pick(self, colors: tuple[Triple, ...], spread: float = 0.03) -> Color:
        """Return a blend of two of the colors with a small random shift."""
        a, b = self.rng.integers(len(colors), size=2)
        color = mix(rgb(*colors[a]), rgb(*colors[b]), self.uniform(0, 1))
        shift = self.rng.normal(0, spread, (3, 1, 1)).astype(np.float32)
        return np.clip(color * np.float32(self.rng.normal(1, 0.06)) + shift, 0.02, 1)

    def size(self, base: float, meters: float) -> float:
        """Return the height in the picture of something that stands on the ground at y = base."""
        return max(base - self.horizon, 0.0) * meters / self.eye

    def base(self, size: float, meters: float) -> float:
        """Return where a thing of this many meters stands if it is `size` tall in the picture."""
        return self.horizon + size * self.eye / meters

    def label_at(self, x: float, y: float) -> int:
        """Return the label under a point, or the nearest one inside the picture."""
        row = min(max(int(y * self.canvas.height), 0), self.canvas.height - 1)
        column = min(max(int(x * self.canvas.height), 0), self.canvas.width - 1)
        return int(self.canvas.label[row, column])

    def shade(self, x: float, base: float, width: float, depth: float) -> None:
        """Darken the ground under a thing; labels stay as they are."""
        rows, columns = self.canvas.box(x - width, base - depth, x + width, base + depth)
        dx = (self.canvas.x[columns] - np.float32(x)) * np.float32(1 / max(width, 1e-4))
        dy = (self.canvas.y[rows] - np.float32(base)) * np.float32(1 / max(depth, 1e-4))
        self.canvas.image[:, rows, columns] *= 1 - np.float32(0.5) * np.clip(1 - dx * dx - dy * dy, 0, 1)

    def scatter(
        self,
        paint: Callable[["Stage", float, float, float], None],
        count: int,
        sizes: tuple[float, float],
        meters: tuple[float, float],
        grounds: tuple[int, ...],
    ) -> None:
        """Stand `count` things of random size on ground with one of the labels, far ones first.

        `paint(stage, x, base, size)` draws one; `sizes` bounds its height in the picture and `meters` its
        true height, which together say how far away it stands. A thing that finds no ground is left out.
        """
        for size in sorted(self.uniform(*sizes) for _ in range(count)):
            base = self.base(size, self.uniform(*meters))
            for _ in range(4):
                x = self.uniform(0, 1) * self.canvas.aspect
                if base < 1.06 and self.label_at(x, base) in grounds:
                    paint(self, x, base, size)
                    break
