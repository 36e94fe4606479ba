"""Pictures from visitors and to choose from."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio import Error
from PIL import Image
from support.demo_samples import (
    picture,
)

from swinviz.demo.pictures import examples, open_picture


def test_a_files_name_cannot_become_html_in_a_message(tmp_path: Path) -> None:
    file = tmp_path / "<b onclick=x>.png"
    file.write_bytes(b"no picture")
    with pytest.raises(Error) as refusal:
        open_picture(str(file), 100)
    assert "&lt;b onclick=x&gt;.png" in str(refusal.value.message)


def test_large_pictures_are_reduced_and_small_ones_left(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    Image.fromarray(picture((300, 100))).save(file)
    assert open_picture(str(file), 150).shape == (150, 50, 3)
    assert (open_picture(str(file), 300) == picture((300, 100))).all()


def test_examples_are_files_that_exist_and_can_be_read() -> None:
    files = examples()
    assert len(files) >= 4
    for file in files:
        assert min(open_picture(file, 640).shape[:2]) > 100
