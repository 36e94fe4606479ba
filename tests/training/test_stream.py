"""The data of a step depends on its number alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.training_runs import Stripes, noisy

from swinviz.training import Recipe
from swinviz.training.stream import Stream, batches, index_at

RECIPE = Recipe(max_iters=6, batch_size=4)


def read(start: int = 0, recipe: Recipe = RECIPE, **where: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    stream = Stream(Stripes(), noisy, seed=5)
    return [(images, labels) for images, labels, _ in batches(stream, recipe, start, **where)]


def assert_equal(ours: list[tuple[torch.Tensor, ...]], theirs: list[tuple[torch.Tensor, ...]]) -> None:
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(our, their, strict=True))


def test_every_epoch_holds_every_image_once_in_an_order_of_its_own() -> None:
    epochs = [[index_at(10 * epoch + place, 10, seed=5) for place in range(10)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_starting_at_step_3_reads_what_a_run_from_the_start_reads_there() -> None:
    assert_equal(read(start=3), read()[3:])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_neither_order_nor_augmentation(workers: int) -> None:
    assert_equal(read(workers=workers), read())


def test_the_same_image_is_augmented_anew_in_the_next_epoch() -> None:
    stream = Stream(Stripes(length=1), noisy, seed=5)
    assert not torch.equal(stream[0].image, stream[1].image)
    assert torch.equal(stream[1].image, stream[1].image)


def test_processes_share_a_batch_without_overlap() -> None:
    left, right = read(rank=0, world_size=2), read(rank=1, world_size=2)
    joined = [
        tuple(torch.cat(pair) for pair in zip(a, b, strict=True)) for a, b in zip(left, right, strict=True)
    ]
    assert_equal(joined, read())


def test_parts_of_an_accumulated_batch_are_that_batch() -> None:
    parts = read(recipe=replace(RECIPE, gradient_accumulation_steps=2))
    joined = [
        tuple(torch.cat(pair) for pair in zip(*two, strict=True))
        for two in zip(parts[::2], parts[1::2], strict=True)
    ]
    assert_equal(joined, read())


def test_augmentations_of_one_batch_differ() -> None:
    draws: list[float] = []

    def note(
        image: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        draws.append(rng.random())
        return image, labels

    stream = Stream(Stripes(), note, seed=5)
    for position in range(20):
        stream[position]
    assert len(set(draws)) == 20


def test_empty_data_set_is_refused_with_what_to_give() -> None:
    with pytest.raises(ValueError, match="empty: give at least two images"):
        Stream(Stripes(length=0), None, seed=0)


def test_one_image_alone_can_be_trained_on() -> None:
    images, labels, names = next(iter(batches(Stream(Stripes(length=1), noisy, seed=0), RECIPE)))
    assert images.shape == (4, 3, 32, 32)
    assert labels.shape == (4, 32, 32)
    assert list(names) == ["stripes_0.png"] * 4


@pytest.mark.parametrize(
    ("recipe", "world_size", "says"),
    [
        (Recipe(batch_size=6), 4, "do not divide among 4 devices"),
        (Recipe(batch_size=4, gradient_accumulation_steps=4), 1, "leaves one image at a time"),
    ],
)
def test_batch_that_cannot_be_shared_says_what_to_change(recipe: Recipe, world_size: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        batches(Stream(Stripes(), noisy, seed=0), recipe, world_size=world_size)
