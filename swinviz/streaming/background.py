"""Two threads beside the caller's: one that fetches ahead, one that works behind, each at most so far."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Generic, TypeVar

__all__ = ["Prefetch", "WorkBehind"]

_T = TypeVar("_T")
_POLL: Final = 0.2  # seconds after which a thread that waits looks whether it is still wanted


class _End:
    """The end of an iterable, and the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Prefetch(Iterator[_T]):
    """Iterates over something in a thread of its own, a few items ahead of whoever takes them.

    Args:
        items: what is iterated over; an error that it raises is raised here, after the items before it.
        depth: items that wait at most; one more is in the making.

    >>> with Prefetch(range(3), depth=2) as ahead:
    ...     list(ahead)
    [0, 1, 2]
    """

    def __init__(self, items: Iterable[_T], depth: int) -> None:
        self._waiting: queue.Queue[_T | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._items = items
        self._thread = threading.Thread(target=self._run, name="swinviz-read", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        iterator = iter(self._items)
        try:
            for item in iterator:
                if not self._put(item):
                    return
            self._put(_End())
        except BaseException as error:  # noqa: BLE001  # raised again where the items are taken
            self._put(_End(error))
        finally:
            if hasattr(iterator, "close"):  # a generator's files are closed in the thread that opened them
                iterator.close()

    def _put(self, item: _T | _End) -> bool:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._waiting.put(item, timeout=_POLL)
                return True
        return False

    def __iter__(self) -> Prefetch[_T]:
        return self

    def __next__(self) -> _T:
        if self._stopped.is_set():
            raise StopIteration
        item = self._waiting.get()
        if isinstance(item, _End):
            self.close()
            if item.error is not None:
                raise item.error
            raise StopIteration
        return item

    def close(self) -> None:
        """Stop fetching and wait until the thread is gone."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> Prefetch[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WorkBehind(Generic[_T]):
    """Calls a function on one item after another, in a thread of its own and in order.

    Leaving the `with` block waits until all is done; leaving it by an error drops what still waits.

    Args:
        work: called on each item; its first error is raised by the next `put`, or at the end.
        depth: items that wait at most; `put` waits when there are as many.

    >>> done = []
    >>> with WorkBehind(done.append, depth=2) as behind:
    ...     for number in range(3):
    ...         behind.put(number)
    >>> done
    [0, 1, 2]
    """

    def __init__(self, work: Callable[[_T], object], depth: int) -> None:
        self._waiting: queue.Queue[_T | _End] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._dropped = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, name="swinviz-write", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not isinstance(item := self._waiting.get(), _End):
            if self._error is None and not self._dropped.is_set():
                try:
                    self._work(item)
                except BaseException as error:  # noqa: BLE001  # raised again by put() or at the end
                    self._error = error

    def put(self, item: _T) -> None:
        """Leave an item to the thread.

        Raises:
            BaseException: whatever the function raised on an item before.
        """
        if self._error is not None:
            raise self._error
        self._waiting.put(item)

    def __enter__(self) -> WorkBehind[_T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._dropped.set()
        self._waiting.put(_End())
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error
