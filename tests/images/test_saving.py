"""An image file is written whole or not at all, and what stands in the way is said in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from support.image_files import RGB, one_sentence

from swinviz.errors import ImageError
from swinviz.images import read_image, save_image


@pytest.mark.parametrize(
    "name", ["a.png", "b.PNG", "c.webp", "d.tif", "e.bmp", "ünï cödé 画.png", "n" * 240 + ".png"]
)
def test_saved_image_is_read_back_exactly(picture: RGB, tmp_path: Path, name: str) -> None:
    assert save_image(tmp_path / name, picture) == tmp_path / name
    assert np.array_equal(read_image(tmp_path / name), picture)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_saved_label_map_and_palette_are_kept(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    save_image(tmp_path / "labels.png", labels)
    assert np.array_equal(cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED), labels)
    picture = Image.fromarray(labels)
    picture.putpalette(list(range(36)))
    save_image(tmp_path / "palette.png", picture)
    with Image.open(tmp_path / "palette.png") as saved:
        assert saved.mode == "P"
        assert np.array_equal(np.asarray(saved), labels)


def test_saved_file_has_the_permissions_that_the_user_asked_for(picture: RGB, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_image(tmp_path / "a.png", picture)
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


def full_disk(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def read_only(*_: Any) -> None:
    raise OSError(30, "Read-only file system")


@pytest.mark.parametrize(
    ("fault", "reason"), [(full_disk, "disk is full"), (read_only, "may not be written")]
)
@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_fault_while_saving_leaves_the_old_file_and_nothing_else(
    picture: RGB,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[..., None],
    reason: str,
    step: str,
) -> None:
    save_image(tmp_path / "a.png", picture)
    monkeypatch.setattr(Path, step, fault)
    with pytest.raises(ImageError, match=f"'a.png' cannot be saved because .*{reason}") as error:
        save_image(tmp_path / "a.png", 255 - picture)
    one_sentence(error)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert np.array_equal(read_image(tmp_path / "a.png"), picture)


def test_file_that_outgrows_the_space_is_not_left_half_written(tmp_path: Path) -> None:
    # A real limit of the kernel's, in a process of its own: the write stops in the middle.
    script = """
import resource, signal, sys
import numpy as np
from swinviz.images import save_image
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
save_image(sys.argv[1], np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "'a.png' cannot be saved because the disk is full" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_saving_into_a_missing_folder_or_over_a_folder_is_explained(picture: RGB, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=re.escape(f"there is no folder {str(tmp_path / 'no')!r}")) as error:
        save_image(tmp_path / "no" / "a.png", picture)
    one_sentence(error)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="it is a folder") as error:
        save_image(tmp_path / "folder.png", picture)
    one_sentence(error)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.png"]


def test_unknown_format_or_unfit_image_is_explained(picture: RGB, tmp_path: Path) -> None:
    for name, image in {
        "a.xyz": picture,
        "none": picture,
        "a.jpg": np.zeros((4, 5, 4), np.uint8),
        "a.png": np.zeros((4, 5, 3), np.float32),
        "b.png": np.zeros((4, 5, 7), np.uint8),
    }.items():
        with pytest.raises(ImageError, match=name) as error:
            save_image(tmp_path / name, image)  # type: ignore[arg-type]
        one_sentence(error)
    assert list(tmp_path.iterdir()) == []
