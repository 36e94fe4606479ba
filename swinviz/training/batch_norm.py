"""Batch normalization over the images of all processes, on any device."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from swinviz.distributed import all_reduce

__all__ = ["SynchronizedBatchNorm2d", "synchronize_batch_norm"]


class SynchronizedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization whose statistics, and gradients, are those of one process with the whole batch.

    torch's own SyncBatchNorm needs GPUs. This one sums counts, sums and squared deviations with a
    differentiable all-reduce.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (B, C, H, W) with the statistics of every process's images."""
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        count = x.numel() // x.shape[1] * dist.get_world_size()  # every process has the same share
        mean = all_reduce(x.sum(dim=(0, 2, 3))) / count  # C
        centered = x - mean[:, None, None]
        variance = all_reduce(centered.square().sum(dim=(0, 2, 3))) / count  # C
        self._update_running_statistics(mean, variance * (count / (count - 1)))
        scale = self.weight * (variance + self.eps).rsqrt()
        return centered * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def synchronize_batch_norm(model: nn.Module) -> None:
    """Let every batch normalization of a model see all processes' images, keeping its names and weights."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SynchronizedBatchNorm2d
