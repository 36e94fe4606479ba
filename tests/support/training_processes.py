"""Training on several processes: python -m torch.distributed.run ... training_processes.py FOLDER.

Saves the weights after 20 steps without dropout, which draws other numbers in each process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from support.models import tiny_config
from support.training_runs import Stripes, noisy
from swinviz import SwinUPerNet
from swinviz.model.swin import DropPath
from swinviz.training import DistributedContext, Recipe, RunOptions, distributed_context, train
from swinviz.training.batch_norm import SynchronizedBatchNorm2d


def without_chance(model: SwinUPerNet) -> SwinUPerNet:
    for module in model.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    return model


def untrained() -> SwinUPerNet:
    torch.manual_seed(0)
    model = without_chance(SwinUPerNet(tiny_config()))
    for norm in model.backbone.norms:
        # The batch normalization after it takes this bias out again, so that its gradient is rounding noise,
        # which AdamW's division by its own size would turn into steps of chance.
        norm.bias.requires_grad_(False)
    return model


def run(
    folder: Path | None, context: DistributedContext | None = None, gradient_accumulation_steps: int = 1
) -> SwinUPerNet:
    recipe = Recipe(
        learning_rate=1e-3,
        warmup_iters=5,
        max_iters=20,
        batch_size=8,
        gradient_accumulation_steps=gradient_accumulation_steps,
    )
    return train(
        untrained(), Stripes(), noisy, recipe, RunOptions(folder, save_every=0), context=context
    ).model


def normalize_half(rank: int, port: int, folder: str) -> None:
    """Normalize this process's half of a batch; here, where processes that are spawned can import it."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)
    x = torch.load(f"{folder}/x.pt")[2 * rank : 2 * rank + 2].requires_grad_()
    norm = SynchronizedBatchNorm2d(3)
    y = norm(x)
    (y * torch.load(f"{folder}/weight.pt")[2 * rank : 2 * rank + 2]).sum().backward()
    torch.save((y.detach(), x.grad, norm.state_dict()), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    with distributed_context("cpu") as joined:
        trained = run(None, joined)
        torch.save(trained.state_dict(), Path(sys.argv[1]) / f"rank{joined.rank}.pt")
