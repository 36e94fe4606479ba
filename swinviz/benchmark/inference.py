"""Segmenting: the whole model, its decode head alone, and what looking inside costs."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from swinviz.benchmark.measurement import Benchmark, Run, measure, shape_of
from swinviz.benchmark.mmsegmentation import mmsegmentation_run
from swinviz.checkpoints import to_hub_format
from swinviz.errors import SwinvizError
from swinviz.model.hooks import capture
from swinviz.segmenter import SwinUPerNet

__all__ = [
    "benchmark_capture",
    "benchmark_head",
    "benchmark_model",
    "plain_operations",
    "transformers_model",
]


@torch.inference_mode()
def benchmark_model(
    model: SwinUPerNet,
    images: Tensor,
    *,
    rounds: int = 7,
    compiled: bool = False,
    baseline: bool = True,
    progress: bool = True,
) -> Benchmark:
    """Compare whole forward passes, from normalized images to logits of every pixel.

    Args:
        model: in evaluation mode, on the device to be measured.
        images: (B, 3, H, W).
        rounds: how often each candidate runs.
        compiled: measure torch.compile too, which takes minutes to begin.
        baseline: measure transformers too, as the reference, and mmsegmentation where it is installed.
        progress: show a bar.

    Raises:
        SwinvizError: `baseline` is asked for and transformers is not installed.
    """
    prepared = model.for_inference()
    rounded = model.for_inference(dtype=torch.bfloat16, channels_last=images.is_cuda)
    runs: dict[str, Run] = {
        "swinviz": lambda: model(images),
        "swinviz, for inference": lambda: prepared(images),
        "swinviz, for inference, bfloat16": lambda: rounded(images.bfloat16()),
    }
    if compiled:
        fast = model.for_inference(dtype=torch.bfloat16, compile=True, channels_last=images.is_cuda)
        runs["swinviz, bfloat16, compiled"] = lambda: fast(images.bfloat16())
    if baseline:
        theirs = transformers_model(model)
        others = _with_baseline(lambda: theirs(images).logits, images.device)
        if (run := mmsegmentation_run(model, images)) is not None:
            others["mmsegmentation"] = run
        runs = others | runs
    return measure(
        f"whole model, input {shape_of(images)}",
        runs,
        model.device,
        exact=model(images),
        rounds=rounds,
        operations=plain_operations(lambda: model(images), model),
        progress=progress,
    )


@torch.inference_mode()
def benchmark_head(
    model: SwinUPerNet, images: Tensor, *, rounds: int = 7, baseline: bool = True, progress: bool = True
) -> Benchmark:
    """Compare decode heads alone, from the backbone's maps to logits (B, K, H/4, W/4).

    Args:
        model: in evaluation mode, on the device to be measured.
        images: (B, 3, H, W); their maps are computed once, for everybody.
        rounds: how often each candidate runs.
        baseline: measure transformers too, as the reference.
        progress: show a bar.

    Raises:
        SwinvizError: `baseline` is asked for and transformers is not installed.
    """
    features = model.features(images)
    rounded_features = [level.bfloat16() for level in features]
    prepared, rounded = model.for_inference(), model.for_inference(dtype=torch.bfloat16)
    runs: dict[str, Run] = {
        "swinviz": lambda: model.decode(features),
        "swinviz, for inference": lambda: prepared.decode(features),
        "swinviz, for inference, bfloat16": lambda: rounded.decode(rounded_features),
    }
    if baseline:
        theirs = transformers_model(model).decode_head
        runs = _with_baseline(lambda: theirs(features), images.device) | runs
    return measure(
        f"decode head, input {shape_of(images)}",
        runs,
        model.device,
        exact=model.decode(features),
        rounds=rounds,
        operations=plain_operations(lambda: model.decode(features), model),
        progress=progress,
    )


@torch.inference_mode()
def benchmark_capture(
    model: SwinUPerNet, images: Tensor, *, rounds: int = 7, progress: bool = True
) -> Benchmark:
    """Measure what it costs to capture a block's attention pattern, which the fused kernel never makes.

    Args:
        model: in evaluation mode, on the device to be measured.
        images: (B, 3, H, W).
        rounds: how often each way runs.
        progress: show a bar.
    """
    prepared = model.for_inference()
    depths = model.config.backbone.depths
    blocks = {f"stage {stage}": f"stages.{stage}.blocks.1.attn.pattern" for stage in (0, len(depths) - 1)}

    def capturing(name: str) -> Run:
        def run() -> Tensor:
            with capture(prepared, name):
                return prepared(images)

        return run

    runs: dict[str, Run] = {"nothing captured": lambda: prepared(images)}
    runs |= {f"a pattern of {where}": capturing(name) for where, name in blocks.items()}
    title = f"capture, input {shape_of(images)}"
    return measure(title, runs, model.device, exact=prepared(images), rounds=rounds, progress=progress)


def transformers_model(model: SwinUPerNet) -> Any:
    """Make transformers' UperNetForSemanticSegmentation with the same weights, in evaluation mode.

    Raises:
        SwinvizError: transformers is not installed.
    """
    try:
        from transformers import UperNetForSemanticSegmentation
    except ImportError as error:
        raise SwinvizError(
            'transformers is not installed: run pip install "swinviz[test]", or use --no-baseline.'
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        to_hub_format(model, folder)
        theirs: Any = UperNetForSemanticSegmentation.from_pretrained(folder)
        return theirs.to(model.device).eval()


def _with_baseline(run: Run, device: torch.device) -> dict[str, Run]:
    def rounded() -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return run()

    return {"transformers": run, "transformers, bfloat16 autocast": rounded}


def plain_operations(run: Run, model: SwinUPerNet) -> float:
    """Count the operations of a turn in their direct form, as everybody else needs them.

    Args:
        run: the turn.
        model: what it runs.

    Returns:
        Floating-point operations, above 0.
    """
    looked_into = ["head.fusion.*", "*.resid_pre"]  # what is looked into is computed plainly
    with capture(model, looked_into), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())
