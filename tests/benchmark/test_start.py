"""A start is measured in fresh processes, part by part."""

from __future__ import annotations

import pytest

from swinviz.benchmark.start import Start, _run, benchmark_start
from swinviz.errors import SwinvizError


def test_parts_add_up_and_those_after_torch_are_counted_apart() -> None:
    seconds = {"Python itself": 1.0, "torch's import": 2.0, "ours": 4.0}
    start = Start("nap", seconds, dict.fromkeys(seconds, 0.5))
    assert (start.since(), start.since("torch's import")) == (7.0, 4.0)
    assert start.table().splitlines()[-2:] == [
        f"  {'together':38s}      7.00       1.50",
        f"  {'after torch':38s}      4.00",
    ]


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(SwinvizError, match="ZeroDivisionError"):
        _run("1 / 0", "nano")


@pytest.mark.slow
def test_both_starts_reach_their_end() -> None:
    segmentation, demo = benchmark_start(rounds=1, progress=False)
    assert list(segmentation.seconds)[-1] == "first segmentation"
    assert list(demo.seconds)[-1] == "page answers"
    for start in (segmentation, demo):
        assert all(seconds > 0 for seconds in (*start.seconds.values(), *start.processor_seconds.values()))
