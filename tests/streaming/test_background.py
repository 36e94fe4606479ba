"""The two threads: nothing lost or out of order, no more waiting than allowed, errors where they belong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from swinviz.streaming.background import Prefetch, WorkBehind


def numbers(count: int, made: list[int], closed: list[bool]) -> Iterator[int]:
    try:
        for number in range(count):
            made.append(number)
            yield number
        raise LookupError("the end")
    finally:
        closed.append(True)


def test_prefetching_keeps_order_and_raises_the_error_after_the_items() -> None:
    closed: list[bool] = []
    taken = []
    with (
        pytest.raises(LookupError, match="the end"),
        Prefetch(numbers(50, [], closed), depth=3) as ahead,
    ):
        taken.extend(iter(ahead))  # extend keeps what came before the error
    assert taken == list(range(50))
    assert closed == [True]


def test_prefetching_stays_within_its_depth_and_stops_when_nobody_wants_more() -> None:
    made: list[int] = []
    closed: list[bool] = []
    with Prefetch(numbers(50, made, closed), depth=3) as ahead:
        next(ahead)
        time.sleep(0.3)
        assert len(made) == 5  # one taken, three waiting, one in the making
    assert closed == [True]
    assert len(made) == 5
    assert not [thread for thread in threading.enumerate() if thread.name == "swinviz-read"]
    assert list(ahead) == []


def test_working_behind_keeps_order_and_makes_the_caller_wait() -> None:
    done: list[int] = []
    put: list[int] = []

    def work(number: int) -> None:
        assert len(put) - len(done) <= 4  # two waiting, one at work, one being put
        time.sleep(0.01)
        done.append(number)

    with WorkBehind(work, depth=2) as behind:
        for number in range(20):
            behind.put(number)
            put.append(number)
    assert done == list(range(20))


def test_an_error_behind_is_raised_by_a_later_put_or_at_the_end() -> None:
    def fail(number: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WorkBehind(fail, depth=1) as behind:
        behind.put(1)

    def put_many() -> None:
        with WorkBehind(fail, depth=1) as behind:
            for number in range(100):  # would wait forever if nobody took them
                behind.put(number)
                time.sleep(0.002)
            pytest.fail("no error for 100 items")

    with pytest.raises(OSError, match="disk full"):
        put_many()


def test_an_error_of_the_caller_drops_what_waits() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.05)
        done.append(number)

    def interrupted() -> None:
        with WorkBehind(work, depth=5) as behind:
            for number in range(5):
                behind.put(number)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(done) < 4
    assert not [thread for thread in threading.enumerate() if thread.name == "swinviz-write"]
