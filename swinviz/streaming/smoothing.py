"""Labels that do not flicker: a pixel changes its class when the frames against it outweigh those for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from swinviz.inference import Segmentation

__all__ = ["LabelSmoother"]

_MEMORY: Final = np.float32(2.0)  # frames, at full confidence, that a class can hold a pixel against another


class LabelSmoother:
    """A majority vote over time, weighted by confidence, pixel by pixel; the demo's smoothing.js does so too.

    Each pixel holds a class and how much speaks for it. A frame that says the same adds its confidence, up
    to that of two sure frames; one that says another takes it away, and brings its own class where it has
    more.
    """

    def __init__(self) -> None:
        self._held: NDArray[np.uint8] | NDArray[np.int32] | None = None
        self._weight: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def smooth(self, result: Segmentation) -> Segmentation:
        """Return a frame's segmentation with labels that take the frames before into account.

        Args:
            result: the next frame; one of another size starts anew.
        """
        labels, sure = result.labels, result.scores.astype(np.float32)
        if self._held is None or self._held.shape != labels.shape:
            self._held, self._weight = labels, np.zeros(labels.shape, np.float32)
        weight, agree = self._weight, labels == self._held
        change = ~agree & (weight <= sure)
        self._held = np.where(change, labels, self._held)
        self._weight = np.where(agree, np.minimum(_MEMORY, weight + sure), np.abs(weight - sure))
        return replace(result, labels=self._held)
