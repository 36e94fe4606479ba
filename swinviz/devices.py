"""Devices and number types by the names that a person gives them, and the memory in use on a device."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch

__all__ = [
    "GB",
    "PRECISIONS",
    "best_device",
    "device_name",
    "fast_precision",
    "keep_freed_memory",
    "parse_device",
    "peak_memory",
    "reset_peak_memory",
]

GB: Final = 2**30
"""Bytes of a gigabyte, as the published table counts them."""

PRECISIONS: dict[str, torch.dtype | None] = {
    "float32": None,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""Autocast type by name; None leaves the matrix products in the type of the weights."""


def best_device() -> torch.device:
    """Return the fastest device of this machine: a GPU if there is one, under torchrun this process's own."""
    if torch.cuda.is_available():
        return _own_gpu()
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def parse_device(name: str | torch.device | None) -> torch.device:
    """Return the device of a name, after a tensor was put there.

    Args:
        name: such as cpu, cuda (under torchrun, this process's GPU), cuda:1 or mps; None for the best one.

    Raises:
        ValueError: no device has this name, or this machine lacks it.

    >>> parse_device("cpu")
    device(type='cpu')
    """
    if name is None:
        return best_device()
    try:
        # And back on the CPU, so that `meta`, which holds no numbers, is refused too.
        torch.zeros(1, device=name).cpu()
        device = torch.device(name)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without it
        raise ValueError(f"there is no device {str(name)!r} on this machine: choose {_choices()}.") from error
    return _own_gpu() if device == torch.device("cuda") else device


def fast_precision(device: torch.device) -> str:
    """Choose the precision of `PRECISIONS` in which a device multiplies soonest.

    bfloat16 where the processor has instructions for it, float32 elsewhere: emulated, bfloat16 is slower.

    Args:
        device: where the model is.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # Private, and the only ones that torch has; a torch without them is taken to have no such instructions.
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    answers = [supported() for name in names if (supported := getattr(torch.cpu, name, None))]
    return "bfloat16" if device.type == "cpu" and any(answers) else "float32"


def keep_freed_memory() -> bool:
    """Let the process keep the memory that tensors leave, for the next ones, instead of handing it back.

    By default glibc hands large pieces back to the system at once, in threads other than the first for good,
    and takes each page anew. A program that computes the same again and again, such as a training or the
    demo, should not pay for that; its memory stays at its peak then. Call it before threads are started.
    Whoever sets MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_ or GLIBC_TUNABLES decides instead.

    Returns:
        True where the C library can be told so and nobody decided otherwise.
    """
    theirs = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    if sys.platform != "linux" or any(name in os.environ for name in theirs):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    # By old glibc a threshold above 32 MB is refused.
    large = any(mallopt(_M_MMAP_THRESHOLD, size) for size in (2**30, 2**25))
    # Only the first arena keeps what it has: the others' pieces of 64 MB go back as soon as they are empty.
    return bool(large and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1) and mallopt(_M_ARENA_MAX, 1))


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of malloc.h


def reset_peak_memory(device: torch.device) -> None:
    """Measure the peak of memory from now on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        # Another system than Linux, or a container that forbids it: then it is the peak since the start.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> float:
    """Return the most memory in use since `reset_peak_memory`, in bytes; NaN where that is unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    if sys.platform == "darwin":
        import resource  # Windows has no such module

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float("nan")


def device_name(device: torch.device) -> str:
    """Return the name of a processor for reports."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def _own_gpu() -> torch.device:
    rank = os.environ.get("LOCAL_RANK")  # torchrun sets it
    return torch.device("cuda" if rank is None else f"cuda:{rank}")


def _choices() -> str:
    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return " or ".join(names)
