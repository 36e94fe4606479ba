"""Processes that train or evaluate together, as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.distributed.rendezvous import rendezvous

from swinviz.devices import parse_device

__all__ = ["DistributedContext", "all_reduce", "distributed_context"]

_T = TypeVar("_T")
_PATIENCE = timedelta(days=1)  # the slowest process may still be at work when the others are done
_meetings = count()


@dataclass(frozen=True)
class DistributedContext:
    """This process among all: the only one, unless torchrun started more.

    Attributes:
        rank: number of this process; the one numbered 0 writes and reports.
        world_size: number of processes.
        device: device that this process computes on.
        group: process group for plain objects, over the CPU.
    """

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    group: dist.ProcessGroup | None = None

    @property
    def is_main(self) -> bool:
        """True for the process that writes and reports."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is raised in any process, so that all of them stop at the same step."""
        if self.world_size == 1:
            return flag
        votes = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(votes)
        return bool(votes > 0)

    def mean(self, value: Tensor) -> Tensor:
        """Average a tensor of any shape over the processes."""
        if self.world_size == 1:
            return value
        return _sum(value) / self.world_size

    def broadcast(self, value: _T) -> _T:
        """Give every process the value of the main one."""
        if self.world_size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self.group)
        return values[0]

    def gather(self, value: _T) -> list[_T]:
        """Give every process the values of all, in the order of their ranks."""
        if self.world_size == 1:
            return [value]
        values: list[_T] = [value] * self.world_size
        dist.all_gather_object(values, value, group=self.group)
        return values


@contextmanager
def distributed_context(device: torch.device | str | None = None) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started, if it did, and part from them at the end.

    All of them must come here, equally often. Inside another context the processes are joined already, and
    stay so afterwards: training evaluates now and then.

    Args:
        device: device to compute on; by default this process's GPU, or the CPU if there is none.

    Yields:
        The context. NCCL connects it on GPUs, gloo on CPUs.

    Raises:
        ValueError: there is no such device.
    """
    device = parse_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not dist.is_available() or ("RANK" not in os.environ and not dist.is_initialized()):
        yield DistributedContext(device=device)
        return
    joined_here = not dist.is_initialized()
    if joined_here:
        _join("nccl" if device.type == "cuda" else "gloo")
    # A group of its own, because the one above may only speak for GPUs, and waits for minutes only.
    group = dist.new_group(backend="gloo", timeout=_PATIENCE)
    try:
        yield DistributedContext(dist.get_rank(), dist.get_world_size(), device, group)
    finally:
        dist.destroy_process_group(None if joined_here else group)


def _join(backend: str) -> None:
    store, rank, world_size = _store()
    # Every meeting has its own names in the store: under the old ones processes that are quick would find the
    # addresses of the last meeting and wait forever.
    fresh = dist.distributed_c10d.PrefixStore(f"meeting {next(_meetings)}", store)
    dist.init_process_group(backend, store=fresh, rank=rank, world_size=world_size)


@cache
def _store() -> tuple[Any, int, int]:
    """The store through which processes find one another, this one's rank, and how many there are."""
    return next(rendezvous("env://", timeout=_PATIENCE))


def all_reduce(value: Tensor) -> Tensor:
    """Sum a tensor of any shape over the processes; its gradient is summed too, since all use the sum."""
    return _AllReduce.apply(value)  # type: ignore[no-untyped-call]


# torch.distributed.nn.functional.all_reduce does the same, and warns that it is deprecated for a private one.
class _AllReduce(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor) -> Tensor:
        return _sum(value)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return _sum(gradient)


def _sum(value: Tensor) -> Tensor:
    total = value.clone()
    dist.all_reduce(total)
    return total
