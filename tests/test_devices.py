"""Devices by name, on a machine that lacks most of them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch

from swinviz.devices import best_device, fast_precision, parse_device


@pytest.mark.parametrize("name", ["foo", "cuda:99", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="choose cpu") as refused:
        parse_device(name)
    assert repr(name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_name_means_the_best_device() -> None:
    assert parse_device(None) == best_device()
    assert parse_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [((False, False), "float32"), ((True, False), "bfloat16"), ((False, True), "bfloat16")],
)
def test_bfloat16_is_taken_only_where_the_processor_multiplies_in_it(
    instructions: tuple[bool, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, there in zip(
        ("_is_avx512_bf16_supported", "_is_amx_tile_supported"), instructions, strict=True
    ):
        monkeypatch.setattr(torch.cpu, name, lambda there=there: there, raising=False)
    assert fast_precision(torch.device("cpu")) == expected


def test_a_torch_that_cannot_tell_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert fast_precision(torch.device("cpu")) == "float32"


_FAULTS = """
import resource, threading, torch
from swinviz.devices import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    together = [torch.ones(1_000_000) for _ in range(10)]
    del together
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
torch.set_num_threads(1)
found, kept = [], keep_freed_memory()
thread = threading.Thread(target=lambda: [faults() for _ in range(12)])
thread.start()
thread.join()
print(kept, sum(found[3:]))  # the first times ask for memory whatever was said
"""


def _faults(**environment: str) -> tuple[str, int]:
    command = [sys.executable, "-c", _FAULTS]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    kept, faults = done.stdout.split()
    return kept, int(faults)


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="only glibc can be told"
)
def test_freed_memory_is_used_again_without_a_page_fault() -> None:
    kept, faults = _faults()
    assert kept == "True"
    assert faults < 2000  # nine times 10 tensors with 1000 pages of 4 KiB each
    kept, faults = _faults(MALLOC_TRIM_THRESHOLD_="131072")  # glibc's own, and somebody's decision
    assert kept == "False"
    assert faults > 8000
