"""The training data as one endless stream, in which every sample is decided by its position alone.

Step n of a run reads positions n * batch_size onwards. Position p decides which image comes (epochs are
permutations drawn from the seed and the epoch) and the random numbers of its augmentation. So the data of a
step depend neither on workers nor on devices, nor on when the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from swinviz.data.dataset import LabeledDataset, name_of
from swinviz.images import normalize
from swinviz.training.recipe import Recipe

__all__ = ["Stream", "TensorSample", "Transform", "batches", "index_at"]

Transform = Callable[
    [NDArray[np.uint8], NDArray[np.uint8], np.random.Generator], tuple[NDArray[np.uint8], NDArray[np.uint8]]
]
"""Takes an image (H, W, 3), its labels (H, W) and a source of randomness; returns the augmented two."""


class TensorSample(NamedTuple):
    """One augmented sample, or a batch of them: then every field has a leading axis B.

    Attributes:
        image: (3, H, W), normalized.
        labels: (H, W) int64, 0 to K - 1 or 255.
        name: where it came from, for messages.
    """

    image: Tensor
    labels: Tensor
    name: str


@lru_cache(maxsize=4)
def _permutation(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(length)


def index_at(position: int, length: int, seed: int) -> int:
    """Return which of `length` images stands at a position of the stream; every epoch holds each once.

    >>> sorted(index_at(position, 4, seed=0) for position in range(4, 8))
    [0, 1, 2, 3]
    """
    epoch, place = divmod(position, length)
    return int(_permutation(length, seed, epoch)[place])


class Stream(Dataset[TensorSample]):
    """A data set's samples by position, augmented.

    Args:
        dataset: images and labels; its `name(index)`, if it has one, names them in messages.
        transform: the augmentation; None for none.
        seed: of the order and the augmentation.

    Raises:
        ValueError: the data set is empty.
    """

    def __init__(self, dataset: LabeledDataset, transform: Transform | None, seed: int) -> None:
        if not len(dataset):
            raise ValueError("the data set is empty: give at least two images, each with its labels.")
        self.dataset, self.transform, self.seed = dataset, transform, seed

    def __getitem__(self, position: int) -> TensorSample:
        index = index_at(position, len(self.dataset), self.seed)
        image, labels = self.dataset[index]
        if self.transform is not None:
            # The 1 keeps this generator apart from the permutations', which are seeded by (seed, epoch).
            image, labels = self.transform(image, labels, np.random.default_rng((self.seed, position, 1)))
        return TensorSample(
            normalize(np.ascontiguousarray(image)),
            torch.from_numpy(labels.astype(np.int64)),
            name_of(self.dataset, index),
        )


class _Positions(Sampler[list[int]]):
    """The positions of each batch that one device reads, from one step on."""

    def __init__(self, recipe: Recipe, start: int, rank: int, world_size: int) -> None:
        parts_per_step = recipe.gradient_accumulation_steps
        self.parts = range(start * parts_per_step, recipe.max_iters * parts_per_step)
        self.part_size = recipe.batch_size // parts_per_step
        self.share = self.part_size // world_size
        self.rank = rank

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[list[int]]:
        for part in self.parts:
            first = part * self.part_size + self.rank * self.share
            yield list(range(first, first + self.share))


def batches(
    stream: Stream, recipe: Recipe, start: int = 0, *, rank: int = 0, world_size: int = 1, workers: int = 0
) -> DataLoader[TensorSample]:
    """Load what one device reads from step `start` to the end: `gradient_accumulation_steps` batches a step.

    Args:
        stream: the data.
        recipe: gives batch size, parts and number of steps.
        start: first step.
        rank: number of this device.
        world_size: number of devices.
        workers: processes that load and augment; 0 does it between the steps.

    Returns:
        Iterable of batched `TensorSample`s.

    Raises:
        ValueError: the batch does not divide among the devices, or is too small for its parts.
    """
    parts = recipe.gradient_accumulation_steps
    part_size = recipe.batch_size // parts
    if part_size % world_size:
        raise ValueError(
            f"{part_size} images at a time do not divide among {world_size} devices: "
            "change batch_size or gradient_accumulation_steps."
        )
    if part_size < 2:
        raise ValueError(
            f"a batch of {recipe.batch_size} in {parts} parts leaves one image at a time, which "
            "pyramid pooling cannot be trained with: use fewer parts or a larger batch."
        )
    return DataLoader(stream, batch_sampler=_Positions(recipe, start, rank, world_size), num_workers=workers)
