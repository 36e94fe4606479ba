"""Bounds on how much is computed at once, and for how many live visitors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from swinviz.errors import SwinvizError

__all__ = ["BusyError", "ComputeSlots", "StreamSlots"]


class BusyError(SwinvizError):
    """More is asked than there are places for; the message can be shown."""


class ComputeSlots:
    """Bound on computations at the same time, whoever asked for them: pictures and live frames alike."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self, patience: float = 120.0) -> Iterator[None]:
        """Hold one slot inside the `with` block.

        Args:
            patience: seconds to wait for one.

        Raises:
            BusyError: none came free in time.
        """
        if not self._free.acquire(timeout=patience):
            raise BusyError("The demo is busy; please try again in a minute.")
        try:
            yield
        finally:
            self._free.release()


class StreamSlots:
    """A fixed number of places, such as live streams; who finds none is turned away.

    Args:
        count: how many there are.
        full: the sentence for those who find none.
    """

    def __init__(self, count: int, full: str = "") -> None:
        self.count = count
        self._full = full or f"All {count} live places are taken; please try again in a minute."
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self, patience: float = 0.0) -> Iterator[None]:
        """Hold one place inside the `with` block.

        Args:
            patience: seconds to wait for one.

        Raises:
            BusyError: none came free in time.
        """
        if not self._free.acquire(timeout=patience):
            raise BusyError(self._full)
        try:
            yield
        finally:
            self._free.release()
