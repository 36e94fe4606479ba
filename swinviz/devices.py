"""Devices and number types by the names that a person gives them."""

from __future__ import annotations

import os

import torch

__all__ = ["PRECISIONS", "best_device", "parse_device"]

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


def _own_gpu() -> torch.device:
    rank = os.environ.get("LOCAL_RANK")  # torchrun sets it
    return torch.device("cuda" if rank is None else f"cuda:{rank}")


def _choices() -> str:
    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return " or ".join(names)
