"""Bounds on what is computed at once."""

from __future__ import annotations

import pytest

from swinviz.demo.security.slots import BusyError, ComputeSlots, StreamSlots


def test_places_turn_away_at_once_and_slots_after_patience() -> None:
    places, slots = StreamSlots(1), ComputeSlots(1)
    with places.taken(), slots.taken():
        with pytest.raises(BusyError, match="live places"), places.taken():
            pass
        with pytest.raises(BusyError, match="busy"), slots.taken(patience=0.01):
            pass
    with places.taken(), slots.taken(patience=0.01):
        pass  # both came free again
