"""A training step up to the gradients; the optimizer that follows is the same for everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from swinviz.benchmark.inference import transformers_model
from swinviz.benchmark.measurement import Benchmark, Run, measure, shape_of
from swinviz.model.fast import accelerate
from swinviz.segmenter import SwinUPerNet
from swinviz.training.step import Objective

__all__ = ["benchmark_training"]


def benchmark_training(
    model: SwinUPerNet,
    images: Tensor,
    labels: Tensor,
    *,
    rounds: int = 3,
    baseline: bool = True,
    progress: bool = True,
) -> Benchmark:
    """Compare the time to the gradients of both heads' losses.

    Stochastic depth and dropout are left out: they draw random numbers, and without them everybody computes
    the same loss, which is compared.

    Args:
        model: on the device to be measured; copies of it are trained.
        images: (B, 3, H, W), B at least 2.
        labels: (B, H, W), class numbers.
        rounds: how often each candidate runs.
        baseline: measure transformers too.
        progress: show a bar.

    Raises:
        SwinvizError: `baseline` is asked for and transformers is not installed.
    """
    ours, plain = accelerate(_steady_copy(model)), _steady_copy(model)
    runs = {
        "written plainly": _step(plain, lambda: Objective(plain, 0.4)(images, labels)[0]),
        "swinviz": _step(ours, lambda: Objective(ours, 0.4)(images, labels)[0]),
    }
    if baseline:
        theirs = transformers_model(ours).train()
        runs["transformers"] = _step(theirs, lambda: theirs(pixel_values=images, labels=labels).loss)
    title = f"training step, input {shape_of(images)}"
    exact = runs["written plainly"]()
    return measure(title, runs, model.device, exact=exact, rounds=rounds, progress=progress)


def _steady_copy(model: SwinUPerNet) -> SwinUPerNet:
    """The same weights in training mode, without anything random."""
    backbone = replace(model.config.backbone, drop_path_rate=0.0)
    copy = SwinUPerNet(replace(model.config, backbone=backbone, head=replace(model.config.head, dropout=0.0)))
    copy.load_state_dict(model.state_dict())
    return copy.to(model.device).train()


def _step(model: nn.Module, loss_of: Callable[[], Tensor]) -> Run:
    def run() -> Tensor:
        model.zero_grad()
        loss = loss_of()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        return loss.detach()

    return run
