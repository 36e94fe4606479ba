"""Pictures from visitors and to choose from."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio import Error
from PIL import Image
from support.demo_samples import file_bytes, picture

from swinviz.demo.examples import example_files
from swinviz.demo.pictures import Pictures


def written(folder: Path, name: str, content: bytes) -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


def test_a_files_name_cannot_become_html_in_a_message(tmp_path: Path) -> None:
    file = written(tmp_path, "<b onclick=x>.png", b"no picture")
    with pytest.raises(Error) as refusal:
        Pictures(100, {}).open(file)
    assert "&lt;b onclick=x&gt;.png" in str(refusal.value.message)


def test_large_pictures_are_reduced_and_say_so_and_small_ones_are_left(tmp_path: Path) -> None:
    file = written(tmp_path, "large.png", file_bytes(picture((300, 100))))
    reduced, whole = Pictures(150, {}).open(file), Pictures(300, {}).open(file)
    assert reduced.pixels.shape == (150, 50, 3)
    assert "from 100 × 300 to 50 × 150 pixels" in reduced.note
    assert (whole.pixels == picture((300, 100))).all()
    assert whole.note == ""


def test_a_picture_is_found_by_its_id_while_its_file_is_there(tmp_path: Path) -> None:
    pictures = Pictures(100, {})
    files = [written(tmp_path, f"{seed}.png", file_bytes(picture(seed=seed))) for seed in (0, 1)]
    ids = [pictures.open(file).id for file in files]
    assert [pictures.find(each) for each in ids] == files
    assert all(len(each) >= 24 for each in ids)
    Path(files[0]).unlink()
    assert pictures.find(ids[0]) is None
    assert pictures.find("guess") is None
    again = written(tmp_path, "again.png", file_bytes(picture(seed=0)))
    assert pictures.open(again).id == ids[0]
    assert pictures.find(ids[0]) == again


def test_nobody_can_tell_from_an_id_which_picture_it_is(tmp_path: Path) -> None:
    file = written(tmp_path, "a.png", file_bytes(picture()))
    assert Pictures(100, {}).open(file).id != Pictures(100, {}).open(file).id


def test_a_file_that_browsers_do_not_show_keeps_its_id_as_one_that_they_do(tmp_path: Path) -> None:
    pictures = Pictures(40, {})
    sent = pictures.open(written(tmp_path, "scan.tiff", file_bytes(picture((60, 80)), "TIFF")))
    assert not sent.shown
    assert not pictures.open(str(tmp_path / "scan.tiff")).shown
    shown = pictures.open(written(tmp_path, "image.png", file_bytes(sent.pixels)))
    assert (shown.id, shown.note, shown.name) == (sent.id, sent.note, "scan")
    assert "from 80 × 60" in shown.note
    assert shown.shown, "or the page would be given the picture again and again"


def test_memory_for_decoded_pictures_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swinviz.demo.pictures._DECODED_BYTES", 3 * 48 * 64 * 3)
    pictures = Pictures(100, {})
    files = [written(tmp_path, f"{seed}.png", file_bytes(picture(seed=seed))) for seed in range(8)]
    ids = [pictures.open(file).id for file in files]
    assert pictures._decoded_bytes() <= 3 * 48 * 64 * 3
    assert pictures.open(files[0]).id == ids[0]


def test_examples_are_files_that_can_be_read_and_their_names_are_their_ids() -> None:
    files = example_files()
    assert len(files) == 6
    pictures = Pictures(640, files)
    for name, file in files.items():
        opened = pictures.open(str(file))
        assert min(opened.pixels.shape[:2]) > 100
        assert opened.id == name
        assert pictures.find(name) == str(file)


def test_an_example_that_gradio_copied_is_still_that_example(tmp_path: Path) -> None:
    name, file = next(iter(example_files().items()))
    with Image.open(file) as image:
        copy = written(tmp_path, "copy.png", file_bytes(image.convert("RGB")))
    assert Pictures(640, example_files()).open(copy).id == name
