"""Sentences on pictures that cannot be read: one home for Python and for the page that does without it."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["REFUSALS"]

REFUSALS = MappingProxyType(
    {
        "empty": "{name} is empty (0 bytes); export or download it again",
        "unknown": "{name} is not a PNG, JPEG, WebP, GIF, TIFF or BMP image; convert it",
        "damaged": "{name} is truncated or damaged ({reason}); export or download it again",
        "long": "{name} has {width} x {height} pixels, a side beyond the limit of {limit}; "
        "cut it into pieces",
        "large": "{name} has {width} x {height} pixels, more than the limit of {limit} million; "
        "make it smaller or raise max_pixels",
        "memory": "{name} needs more memory than there is; make it smaller",
    }
)
"""Reason -> sentence with places for what it is about; `name` comes in quotes."""
