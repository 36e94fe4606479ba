"""Resized images equal OpenCV's, which the published figures were measured with, in every byte."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from support.image_files import RGB

from swinviz.images import resize, resizing

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def opencv(image: RGB, size: tuple[int, int]) -> RGB:
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


@given(old=sizes, new=sizes, seed=st.integers(0, 2**32 - 1))
@example(old=(1, 1), new=(5, 7), seed=0)
@example(old=(40, 60), new=(20, 30), seed=0)  # half the size, which OpenCV averages
@example(old=(40, 60), new=(20, 31), seed=0)
@example(old=(40, 120), new=(20, 30), seed=0)
@example(old=(13, 17), new=(26, 34), seed=0)
def test_every_byte_is_opencvs(old: tuple[int, int], new: tuple[int, int], seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*old, 3), dtype=np.uint8)
    assert np.array_equal(resize(image, new), opencv(image, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((683, 1024), (512, 768)),
        ((375, 500), (512, 683)),
        ((1500, 1001), (767, 512)),
        ((256, 256), (512, 512)),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_and_threads_meet_without_a_seam(
    old: tuple[int, int], new: tuple[int, int], threads: int, rng: np.random.Generator
) -> None:
    image, before = rng.integers(0, 256, (*old, 3), dtype=np.uint8), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert np.array_equal(resize(image, new), opencv(image, new))
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_three_thousand_random_sizes_are_opencvs(rng: np.random.Generator) -> None:
    for trial in range(3000):
        new = tuple(rng.integers(1, 300, 2).tolist())
        old = tuple(rng.integers(1, 300, 2).tolist())
        if trial % 10 == 0:  # whole multiples, among them halves
            old = new[0] * int(rng.integers(1, 4)), new[1] * int(rng.integers(1, 4))
        image = rng.integers(0, 256, (*old, 3), dtype=np.uint8)
        assert np.array_equal(resize(image, new), opencv(image, new)), (old, new)


def test_exact_arithmetic_would_differ_by_a_level_here_and_there(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    exact = F.interpolate(torch.tensor(image).permute(2, 0, 1)[None].double(), (90, 131), mode="bilinear")
    off = resize(image, (90, 131)) - exact[0].permute(1, 2, 0).numpy()
    assert 0.5 < np.abs(off).max() < 1.0  # a rounded level would never be half a level off


def test_shrinking_does_not_blur() -> None:
    stripes = np.zeros((4, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, (4, 80))[0, :, 0].astype(int) - stripes[0, 2::5, 0]).max() == 0
    assert resize(stripes, (4, 80)).flags.c_contiguous


def test_the_image_is_left_as_it_is(picture: RGB) -> None:
    picture.flags.writeable = False
    same = resize(picture, (5, 7))
    assert same.tolist() == picture.tolist()
    same[:] = 0
    assert picture.any()


def test_parts_of_larger_images_are_resized_like_copies_of_them(rng: np.random.Generator) -> None:
    whole = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for part in (whole[3:40, 5:48], whole[::-1, ::2], whole[..., ::-1], whole[:40, 10:50]):
        assert np.array_equal(resize(part, (20, 20)), resize(np.ascontiguousarray(part), (20, 20)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"), [((683, 1024), (512, 768)), ((480, 640), (512, 683)), ((240, 320), (224, 299))]
)
def test_it_takes_no_longer_than_floating_point(
    old: tuple[int, int], new: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (*old, 3), dtype=np.uint8)

    def floating() -> RGB:
        pixels = torch.tensor(image).movedim(-1, 0)[None].float()
        resized = F.interpolate(pixels, size=new, mode="bilinear")
        return np.asarray(resized[0].round().byte().movedim(0, -1).contiguous().numpy())

    seconds: dict[str, list[float]] = {"ours": [], "floating": []}
    for _ in range(40):
        for name, run in (("ours", lambda: resize(image, new)), ("floating", floating)):
            start = time.process_time()  # of all threads: what others do to the machine is not in it
            run()
            seconds[name].append(time.process_time() - start)
    assert min(seconds["ours"]) < 1.1 * min(seconds["floating"])


def test_one_pixel_of_work_is_not_spread_over_threads(monkeypatch: pytest.MonkeyPatch, picture: RGB) -> None:
    monkeypatch.setattr(resizing, "ThreadPoolExecutor", None)
    assert resize(picture, (40, 50)).shape == (40, 50, 3)
