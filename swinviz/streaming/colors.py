"""Color maps of amounts and of signed numbers as tables, for pictures and videos drawn without matplotlib."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEAT", "SIGNED", "color_table"]

# Evenly spaced colors, two digits a channel, of the maps that `plots.style` names (HEAT, DIVERGING), as the
# explorer's colors.js has them; a figure library is too much to import for them.
HEAT: Final = (
    "0000040403120b0724150b37210c4a2e0a5a3c09654a0c6b57106d63146e70196e7d1e6d89226a962766a32b61af315cbb3755c63e4d"
    "d14644db4f3be35932eb6528f1711ef67f14f98d0afb9c06fcab0ffbba1ff9ca32f5d949f2e865f3f586fcffa4"
)
"""Matplotlib's inferno, for amounts from 0 up."""

SIGNED: Final = "2d004b5427888073acb2abd2d8daebf7f7f7fee0b6fdb863e08214b358067f3b08"
"""ColorBrewer's PuOr from purple to orange, for numbers about 0."""


@lru_cache(maxsize=2)
def color_table(points: str) -> NDArray[np.uint8]:
    """Interpolate a map's colors: 256 levels (256, 3).

    Args:
        points: evenly spaced colors, as `HEAT` and `SIGNED` have them.

    >>> color_table("000000ff0000")[[0, 51, 255]].tolist()
    [[0, 0, 0], [51, 0, 0], [255, 0, 0]]
    """
    colors = np.frombuffer(bytes.fromhex(points), np.uint8).reshape(-1, 3)
    steps, levels = np.linspace(0, 255, len(colors)), np.arange(256)
    channels = [np.interp(levels, steps, channel) for channel in colors.T]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)
