"""Memory of every way of seeing, of swin-t on 512x512, beside the model: each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.seeing_memory import WAYS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("way", WAYS)
def test_it_looks_with_less_than_a_gigabyte_beside_swin_t(way: str) -> None:
    tests = Path(__file__).parent
    paths = os.pathsep.join([str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")])
    printed = subprocess.run(
        [sys.executable, "-m", "support.seeing_memory", way],
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert 20e6 < int(printed) < 1e9
