"""Image files decoded in a process of their own: the same pixels, an end to what is too slow or crashes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.demo_samples import file_bytes, picture

from swinviz.errors import ImageError
from swinviz.images import read_image, read_isolated


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About half a second of decoding."""
    file = tmp_path_factory.mktemp("large") / "large.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(np.tile(noise, (70, 70, 1))).save(file, progressive=True)
    return file


def written(folder: Path, content: bytes, name: str = "a.png") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_pixels_are_those_of_read_image_and_large_ones_are_reduced(tmp_path: Path) -> None:
    file = written(tmp_path, file_bytes(picture((30, 90))))
    whole, size = read_isolated(file, 90)
    assert np.array_equal(whole, read_image(file))
    assert size == (30, 90)
    reduced, size = read_isolated(file, 45)
    assert (reduced.shape, size) == ((15, 45, 3), (30, 90))


def test_what_read_image_refuses_is_refused_in_the_same_sentence(tmp_path: Path) -> None:
    for content, limits in [(b"no picture", {}), (file_bytes(picture((30, 90))), {"max_side": 80})]:
        file = written(tmp_path, content)
        with pytest.raises(ImageError) as ours:
            read_isolated(file, 90, **limits)
        with pytest.raises(ImageError) as plain:
            read_image(file, **limits)
        assert str(ours.value) == str(plain.value)


def test_a_file_that_takes_too_long_is_given_up_in_a_sentence(large: Path) -> None:
    with pytest.raises(
        ImageError, match=r"'large.jpg' takes longer than 0.02 seconds to open; save it again"
    ):
        read_isolated(large, 90, seconds=0.02)
    with pytest.raises(ImageError, match=r"takes longer than 1e-09 seconds"):
        read_isolated(large, 90, seconds=1e-9)  # not even by the clock


def test_a_small_picture_does_not_wait_for_a_large_one(tmp_path: Path, large: Path) -> None:
    small = written(tmp_path, file_bytes(picture()))
    order: list[str] = []

    def read(file: Path) -> None:
        read_isolated(file, 90)
        order.append(file.name)

    slow = threading.Thread(target=read, args=(large,))
    slow.start()
    read(small)
    slow.join()
    assert order == ["a.png", "large.jpg"]


def test_a_decoder_that_crashes_costs_its_picture_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = written(tmp_path, file_bytes(picture()))
    run = subprocess.run
    crash = [sys.executable, "-c", "import os; os.abort()"]
    monkeypatch.setattr("subprocess.run", lambda _command, **options: run(crash, **options))
    with pytest.raises(ImageError, match=r"'a.png' cannot be opened safely; save it again"):
        read_isolated(small, 90)
    monkeypatch.undo()
    assert read_isolated(small, 90)[1] == picture().shape[:2]


def test_the_process_may_not_ask_for_more_than_two_gigabytes() -> None:
    code = "import numpy as np; from swinviz.images import isolated; isolated._bind(9); np.ones({})"
    for numbers, ends in [(2**24, 0), (2**28, 1)]:
        ended = subprocess.run([sys.executable, "-c", code.format(numbers)], capture_output=True, check=False)
        assert ended.returncode == ends
    assert b"MemoryError" in ended.stderr


def test_the_process_starts_without_torch() -> None:
    code = "import sys, swinviz.images.isolated; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
