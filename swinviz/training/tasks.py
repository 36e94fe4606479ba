"""Training tasks: the data set, the model, the augmentation and the recipe that belong together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch

from swinviz.data.pairs import FileDataset
from swinviz.data.photos import PHOTO_DATASETS, PhotoDataset, PhotoMixture
from swinviz.data.scenes import Scenes
from swinviz.data.transforms import Camera, TrainTransform
from swinviz.presets import Preset, build
from swinviz.segmenter import SwinUPerNet
from swinviz.training.classes import with_classes
from swinviz.training.losses import PixelLoss
from swinviz.training.recipe import RECIPES, Recipe
from swinviz.training.set_loss import SetLoss

__all__ = ["UNPADDED", "Task", "ade20k_task", "finetuning_task", "photos_task", "scenes_task"]

UNPADDED = 112
"""Side in pixels that fills whole windows of 7 tokens in three of the four stages; so do its multiples."""


@dataclass(frozen=True)
class Task:
    """Everything a run needs besides its options.

    Attributes:
        make_model: makes the model to start from; called after the seed is set.
        dataset: images and labels to learn from.
        transform: their augmentation.
        recipe: how to learn.
        held_out: images and labels to measure with; None where there are none.
        loss: what is minimized; None for what the recipe names.
        photos: held-out photographs by data set, measured as `evaluate_photos` does.
    """

    make_model: Callable[[], SwinUPerNet]
    dataset: FileDataset | Scenes | PhotoMixture
    transform: TrainTransform
    recipe: Recipe
    held_out: FileDataset | Scenes | None = None
    loss: PixelLoss | None = None
    photos: Mapping[str, PhotoDataset] = field(default_factory=lambda: MappingProxyType({}))

    def seeded_model(self) -> SwinUPerNet:
        """Make the model; the recipe's seed decides its fresh weights."""
        torch.manual_seed(self.recipe.seed)
        return self.make_model()


def scenes_task(start: SwinUPerNet | Preset | str = "nano", side: int = UNPADDED) -> Task:
    """Train on the procedural scenes, of which no run sees one twice.

    Args:
        start: a preset or its name, whose shape is trained from random weights as `nano` was, or a model to
            go on from.
        side: height and width of the crops, in pixels.
    """
    drawn = max(160, side)
    dataset = Scenes("train", length=1_000_000, size=(drawn, drawn))

    def make_model() -> SwinUPerNet:
        if isinstance(start, SwinUPerNet):
            return with_classes(start, dataset.classes, dataset.palette)
        return build(start, dataset.classes, dataset.palette)

    return Task(
        make_model=make_model,
        dataset=dataset,
        transform=TrainTransform.for_scenes(side),
        recipe=RECIPES["nano"],
        held_out=Scenes("val", length=500),
    )


def photos_task(start: SwinUPerNet, root: str | os.PathLike[str], side: int = 2 * UNPADDED) -> Task:
    """Go on from a trained model on photographs whose labels are sets of classes.

    Args:
        start: the model; classes that it knows by name keep their rows of the classifiers.
        root: folder that holds `camvid/`, `stanford/` and `labelmefacade/`, each with `train/` and `val/`.
        side: height and width of the crops, in pixels.
    """
    dataset = PhotoMixture(root)
    held_out = {
        name: reader(Path(root) / name, "val")
        for name, reader in PHOTO_DATASETS.items()
        if (Path(root) / name / "val").is_dir()
    }
    return Task(
        make_model=lambda: with_classes(start, dataset.classes, dataset.palette),
        dataset=dataset,
        transform=TrainTransform(
            scale=(2048, 320), ratios=(0.7, 2.4), crop=(side, side), cat_max_ratio=1.0, camera=Camera()
        ),
        recipe=RECIPES["photos"],
        loss=SetLoss(dataset.sets),
        photos=MappingProxyType(held_out),
    )


def ade20k_task(
    make_model: Callable[[], SwinUPerNet], dataset: FileDataset, held_out: FileDataset | None
) -> Task:
    """Train a model on ADE20K by the published recipe."""
    return Task(make_model, dataset, TrainTransform(), RECIPES["published"], held_out)


def finetuning_task(model: SwinUPerNet, dataset: FileDataset, held_out: FileDataset | None = None) -> Task:
    """Go on from a trained model on somebody's own images, whose classes it takes over.

    Crops are as large as fills whole windows at the size the model looks at, and sizes vary around it.
    """
    short = min(model.config.scale)
    side = max(UNPADDED, short // UNPADDED * UNPADDED)
    return Task(
        make_model=lambda: with_classes(model, dataset.classes, dataset.palette),
        dataset=dataset,
        transform=TrainTransform(scale=model.config.scale, ratios=(0.6, 1.6), crop=(side, side)),
        recipe=RECIPES["finetune"],
        held_out=held_out,
    )
