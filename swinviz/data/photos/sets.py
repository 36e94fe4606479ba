"""Labels that leave a choice: each is a set of classes, and a hint may say which of them is likely.

Stanford Background's "foreground object" is a car, a person, an animal or any other thing; its "road" is a
road or a sidewalk. A pixel carries the number of an entry of a `ClassSets` table, so label maps stay
pictures of bytes that every augmentation understands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.photos.classes import OUTDOOR_CLASSES

__all__ = ["ClassSet", "ClassSets"]


class ClassSet(NamedTuple):
    """One entry of the table.

    Attributes:
        classes: what the pixel may be, as a human said.
        hint: what a machine takes it for; part of `classes`, or empty.
        trust: weight (0..1) of the hint.
    """

    classes: frozenset[str]
    hint: frozenset[str] = frozenset()
    trust: float = 0.0


class ClassSets:
    """A table of class sets, which grows as data sets name new ones.

    Args:
        classes: every class, in the order of the model's logits.

    >>> sets = ClassSets(("road", "sidewalk", "car"))
    >>> sets.number({"road", "sidewalk"}), sets.number({"car"}), sets.number({"road", "sidewalk"})
    (0, 1, 0)
    >>> sets.members()
    array([[ True,  True, False],
           [False, False,  True]])
    """

    def __init__(self, classes: Sequence[str] = OUTDOOR_CLASSES) -> None:
        self.classes = tuple(classes)
        self.entries: list[ClassSet] = []

    def number(self, classes: Iterable[str], hint: Iterable[str] = (), trust: float = 0.0) -> int:
        """Return the number of an entry, adding it if it is new.

        A hint that contradicts the set is left out: a machine chooses inside a human's label, never
        against it.

        Raises:
            ValueError: an unknown class, an empty set, a trust outside 0 to 1, or more than 255 entries.
        """
        chosen = frozenset(classes)
        likely = frozenset(hint) & chosen
        unknown = sorted((chosen | frozenset(hint)) - set(self.classes))
        if unknown or not chosen:
            raise ValueError(
                f"{', '.join(unknown) or 'an empty set'} is no set of {', '.join(self.classes)}."
            )
        if not 0.0 <= trust <= 1.0:
            raise ValueError(f"trust is {trust}: choose it from 0 to 1.")
        entry = ClassSet(chosen, likely, trust) if likely and trust else ClassSet(chosen)
        if entry not in self.entries:
            if len(self.entries) == IGNORE_INDEX:
                raise ValueError(
                    f"more than {IGNORE_INDEX} sets of classes do not fit into a picture of bytes."
                )
            self.entries.append(entry)
        return self.entries.index(entry)

    def members(self) -> NDArray[np.bool_]:
        """Tell which classes each entry allows: (S, K)."""
        return np.array([[name in entry.classes for name in self.classes] for entry in self.entries])

    def hints(self) -> NDArray[np.bool_]:
        """Tell which classes each entry's hint names: (S, K), all False where there is none."""
        return np.array([[name in entry.hint for name in self.classes] for entry in self.entries])

    def trusts(self) -> NDArray[np.float32]:
        """Weight of each entry's hint: (S,), 0 where there is none."""
        return np.array([entry.trust for entry in self.entries], np.float32)
