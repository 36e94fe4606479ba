"""Sharded training in two processes: python -m torch.distributed.run ... sharded_processes.py FOLDER.

FOLDER/cut and FOLDER/single hold runs that were stopped; what comes out goes into FOLDER/rank{0,1}.pt.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from support.training_processes import untrained
from support.training_runs import RECIPE, Stripes, noisy
from support.training_runs import run as run_with_chance
from swinviz import SwinUPerNet
from swinviz.training import (
    DistributedContext,
    Recipe,
    RunOptions,
    StepReport,
    TrainResult,
    distributed_context,
    train,
)
from swinviz.training.step import TrainStep

STEADY = Recipe(learning_rate=1e-3, warmup_iters=2, max_iters=8, batch_size=8, ema_decay=0.9, clip_norm=0.05)


class Losses:
    """A callback that remembers losses, and asks the run to stop after a step."""

    def __init__(self, last: int = -1) -> None:
        self.values: list[float] = []
        self.last = last

    def begin(self, first_step: int, max_iters: int) -> None: ...

    def step(self, report: StepReport, model: SwinUPerNet) -> None:
        self.values.append(report.loss)
        if report.step == self.last:
            os.kill(os.getpid(), signal.SIGTERM)

    def end(self) -> None: ...


def steady(
    folder: Path | None, context: DistributedContext | None = None, *, last: int = -1, **how: Any
) -> tuple[TrainResult, list[float]]:
    """Train without dropout, so that any number of processes takes the same steps."""
    losses = Losses(last)
    options = RunOptions(folder, save_every=1000, log_every=1, **how)
    result = train(untrained(), Stripes(), noisy, STEADY, options, callbacks=(losses,), context=context)
    return result, losses.values


def overflow(context: DistributedContext) -> tuple[bool, float]:
    """Whether one process's infinite gradient moved the weights of this one, and the scale that was left."""
    step = TrainStep(untrained(), Recipe(precision="float16", batch_size=4), context, sharded=True)
    step.scaler.scale(torch.ones(()))  # which makes the scaler begin
    for parameter in step.model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.ones_like(parameter)
            if context.is_main:
                parameter.grad.to_local().fill_(float("inf"))
    before = [_local(parameter).clone() for parameter in step.model.parameters()]
    step.scaler.step(step.optimizer), step.scaler.update()
    moved = any(
        not torch.equal(old, _local(new)) for old, new in zip(before, step.model.parameters(), strict=True)
    )
    return moved, step.scaler.get_scale()


def _local(parameter: torch.Tensor) -> torch.Tensor:
    assert isinstance(parameter, DTensor)
    return parameter.to_local().detach()


def shares(context: DistributedContext) -> tuple[int, int]:
    """Numbers of this process among the weights, and among the first moments."""
    step = TrainStep(untrained(), RECIPE, context, sharded=True)
    for parameter in step.model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    step.optimizer.step()
    moments = (state["exp_avg"] for state in step.optimizer.state.values())
    return sum(_local(p).numel() for p in step.model.parameters()), sum(_local(m).numel() for m in moments)


def main(folder: Path) -> None:
    """Train in every way that the test asks about."""
    found: dict[str, Any] = {}
    with distributed_context("cpu") as context:
        result, found["losses"] = steady(folder / "sharded", context, sharded=True)
        found["weights"] = result.model.state_dict()
        resumed, _ = steady(folder / "single", context, sharded=True)
        found["single resumed by two"] = resumed.model.state_dict()
        steady(folder / "stopped", context, sharded=True, last=3)
        checkpointed, _ = steady(None, context, sharded=True, activation_checkpointing=True)
        found["checkpointed"] = checkpointed.model.state_dict()

        where = folder / "chance"
        found["uninterrupted"] = run_with_chance(context=context, sharded=True).model.state_dict()
        stopping = (Losses(5),)
        stopped = run_with_chance(where, context=context, sharded=True, save_every=1000, callbacks=stopping)
        found["stopped after"] = stopped.steps
        found["resumed"] = run_with_chance(where, context=context, sharded=True).model.state_dict()
        found["overflow"], found["shares"] = overflow(context), shares(context)
        torch.save(found, folder / f"rank{context.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
