"""Several processes that evaluate together, as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any, TypeVar

import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

__all__ = ["Processes", "process_group"]

_T = TypeVar("_T")
_PATIENCE = timedelta(days=1)  # the slowest process may still be at work when the others are done
_meetings = count()


@dataclass(frozen=True)
class Processes:
    """This process among all: the only one, unless torchrun started more.

    Attributes:
        rank: number of this process.
        count: how many there are.
        group: the group through which they talk, over the CPU.
    """

    rank: int = 0
    count: int = 1
    group: dist.ProcessGroup | None = None

    def from_first(self, value: _T) -> _T:
        """Give every process the value of the first."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self.group)
        return values[0]

    def gather(self, value: _T) -> list[_T]:
        """Give every process the values of all, in the order of their ranks."""
        if self.count == 1:
            return [value]
        values: list[_T] = [value] * self.count
        dist.all_gather_object(values, value, group=self.group)
        return values


@contextmanager
def process_group() -> Iterator[Processes]:
    """Join the processes that torchrun started, if it did, and part from them at the end.

    All of them must come here, equally often.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))  # torchrun sets it
    if not dist.is_available() or (started == 1 and not dist.is_initialized()):
        yield Processes()
        return
    joined_here = not dist.is_initialized()  # otherwise training did, and goes on afterwards
    if joined_here:
        _meet()
    # Not the group that training uses: that one may only speak for GPUs.
    group = dist.new_group(backend="gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), group)
    finally:
        dist.destroy_process_group(None if joined_here else group)


def _meet() -> None:
    store, rank, world_size = _store()
    # Every meeting has its own names in the store: under the old ones processes that are quick would find the
    # addresses of the last meeting and wait for ever.
    fresh = dist.distributed_c10d.PrefixStore(f"evaluation {next(_meetings)}", store)
    dist.init_process_group("gloo", store=fresh, rank=rank, world_size=world_size, timeout=_PATIENCE)


@cache
def _store() -> tuple[Any, int, int]:
    """The store through which processes find one another, this one's rank, and how many there are."""
    return next(rendezvous("env://", timeout=_PATIENCE))
