"""Permissions that hold, also where the tests run as root, as they do in most containers."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

# Linux lets root through by two of its capabilities; without them root is bound like every owner of a file.
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_VERSION_3 = 0x20080522  # of the structures that capget and capset take: effective, permitted, inheritable
_PR_CAPBSET_DROP = 24


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Let nobody in this thread write where permissions forbid it, inside the block."""
    if not IS_ROOT:
        yield
        return
    libc = ctypes.CDLL(None)
    header, before = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, before)
    reduced = (ctypes.c_uint32 * 6)(*before)
    reduced[0] &= ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    assert libc.capset(header, reduced) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def bind_by_permissions() -> None:
    """The same, for a process that is about to start: a `preexec_fn`."""
    if IS_ROOT:
        libc = ctypes.CDLL(None)
        for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            assert libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0
