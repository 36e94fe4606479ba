"""Training on several devices with torch's own engine: `torchrun --nproc-per-node N -m swinviz train ...`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from swinviz.devices import parse_device

__all__ = ["DistributedContext", "SynchronizedBatchNorm2d", "distributed_context", "synchronize_batch_norm"]


@dataclass(frozen=True)
class DistributedContext:
    """The processes that train together.

    Attributes:
        rank: number of this process; the one numbered 0 writes and reports.
        world: number of processes.
        device: where this process computes.
    """

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether the flag is raised in any process, so that all of them stop at the same step."""
        if self.world == 1:
            return flag
        votes = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(votes)
        return bool(votes > 0)

    def mean(self, value: Tensor) -> Tensor:
        """Average a tensor of any shape over the processes."""
        if self.world == 1:
            return value
        return _total(value) / self.world

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def distributed_context(device: torch.device | str | None = None) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started; alone where it started none.

    Args:
        device: where to compute; by default this process's GPU, or the CPU where there is none.

    Yields:
        The team. NCCL connects it on GPUs, gloo on CPUs.

    Raises:
        ValueError: there is no such device.
    """
    device = parse_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if "RANK" not in os.environ:
        yield DistributedContext(device=device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield DistributedContext(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


class SynchronizedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization over the images of all processes, on any device.

    torch's own SyncBatchNorm needs GPUs. This one sums counts, sums and squared deviations with a
    differentiable all-reduce, so the gradient, too, is that of one process with the whole batch.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (B, C, H, W) with the statistics of every process's images."""
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        count = x.numel() // x.shape[1] * dist.get_world_size()  # every process has the same share
        mean = _sum_over_team(x.sum(dim=(0, 2, 3))) / count  # C
        centerd = x - mean[:, None, None]
        variance = _sum_over_team(centerd.square().sum(dim=(0, 2, 3))) / count  # C
        self._remember(mean, variance * (count / (count - 1)))
        scale = self.weight * (variance + self.eps).rsqrt()
        return centerd * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def _sum_over_team(value: Tensor) -> Tensor:
    """Sum a tensor over the processes; its gradient is summed too, since every process uses the sum."""
    return _SumOverTeam.apply(value)  # type: ignore[no-untyped-call]


class _SumOverTeam(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, value: Tensor) -> Tensor:
        return _total(value)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return _total(gradient)


def _total(value: Tensor) -> Tensor:
    total = value.clone()
    dist.all_reduce(total)
    return total


def synchronize_batch_norm(model: nn.Module) -> None:
    """Let every batch normalization of a model see all processes' images, keeping its names and weights."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SynchronizedBatchNorm2d
