"""Small training runs, for the tests and for processes that tests start and kill.

python training_runs.py FOLDER STEPS [WORKERS]: train a tiny model in FOLDER, resuming what is there.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from support.models import tiny_config
from swinviz import SwinUPerNet
from swinviz.training import Callback, DistributedContext, JsonLines, Recipe, RunOptions, TrainResult, train

Array = NDArray[np.uint8]


class Stripes:
    """Images whose left part is dark and whose right part is bright, and labels that say so."""

    classes = ("dark", "bright", "brighter")
    palette = ((0, 0, 0), (128, 128, 128), (255, 255, 255))

    def __init__(self, length: int = 10, size: int = 32) -> None:
        self.length, self.size = length, size

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        border = self.size * (1 + index % 4) // 5
        labels = np.zeros((self.size, self.size), np.uint8)
        labels[:, border:] = 1 + index % 2
        return np.repeat((labels * 90 + 20)[..., None], 3, axis=2), labels

    def name(self, index: int) -> str:
        return f"stripes_{index}.png"


def noisy(image: Array, labels: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Augment by grain and flipping."""
    flip = int(rng.integers(2)) * 2 - 1
    grain = rng.integers(0, 40, image.shape, dtype=np.uint8)
    return (image + grain)[:, ::flip], labels[:, ::flip]


RECIPE = Recipe(learning_rate=1e-3, warmup_iters=3, max_iters=12, batch_size=4, ema_decay=0.9, seed=7)


def run(
    folder: Path | None = None,
    recipe: Recipe = RECIPE,
    *,
    callbacks: tuple[Callback, ...] = (),
    context: DistributedContext | None = None,
    steady: bool = False,
    **how: Any,
) -> TrainResult:
    """Train the tiny model on stripes, telling callbacks of every step.

    Args:
        folder: where states are saved; None saves none.
        recipe: how to learn.
        callbacks: who is told.
        context: of processes.
        steady: drop nothing at random.
        how: fields of `RunOptions`; by default a state is saved every 3 steps.
    """
    torch.manual_seed(0)
    options = RunOptions(folder, **{"save_every": 3, "log_every": 1, "workers": 0} | how)
    config = replace(tiny_config(), scale=(64, 32))
    if steady:
        backbone, head = replace(config.backbone, drop_path_rate=0.0), replace(config.head, dropout=0.0)
        config = replace(config, backbone=backbone, head=head)
    model = SwinUPerNet(config)
    return train(model, Stripes(), noisy, recipe, options, callbacks=callbacks, context=context)


def weights(result: TrainResult) -> dict[str, torch.Tensor]:
    return result.model.state_dict()


if __name__ == "__main__":
    torch.set_num_threads(1)
    where, steps = Path(sys.argv[1]), int(sys.argv[2])
    long = Recipe(learning_rate=1e-3, warmup_iters=3, max_iters=steps, batch_size=4, ema_decay=0.9, seed=7)
    done = run(
        where,
        long,
        save_every=2,
        workers=int(sys.argv[3]) if len(sys.argv) > 3 else 0,
        callbacks=(JsonLines(where / "log.jsonl"),),
    )
    if done.finished:
        torch.save(weights(done), where / "final.pt")
