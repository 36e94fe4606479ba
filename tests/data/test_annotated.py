"""Sets in other people's formats, as training, evaluation and the check take them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from support.labeled import CLASSES, PALETTE, segmentation
from support.models import tiny_model

import swinviz
from swinviz.checkpoints import save
from swinviz.cli import main
from swinviz.data import open_dataset
from swinviz.errors import DatasetError
from swinviz.formats import labeled_picture, open_writer


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    writer = open_writer("coco", tmp_path / "coco", CLASSES, PALETTE)
    for seed in range(3):
        writer.add(labeled_picture(segmentation((40, 56), seed), f"{seed}"))
    writer.finish([f"{seed}" for seed in range(3)])
    return tmp_path / "coco"


def test_training_learns_the_classes_of_a_coco_folder(
    coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tiny_model(), tmp_path / "tiny.safetensors")
    words = ["--crop", "32", "--batch", "2", "--iterations", "1", "--workers", "0", "--device", "cpu"]
    words += ["--model", str(tmp_path / "tiny.safetensors")]
    assert main(["train", str(coco), "-o", str(tmp_path / "run"), *words]) == 0, capsys.readouterr().err
    assert swinviz.load(tmp_path / "run" / "model.safetensors").config.classes == CLASSES


def test_the_check_counts_pixels_and_names_what_is_missing(
    coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--data", str(coco), "--check"]) == 0
    assert "3 images, 5 classes, 0.0 % of the pixels ignored" in capsys.readouterr().out
    (coco / "images" / "default" / "1.jpg").unlink()
    assert main(["evaluate", "--data", str(coco), "--check"]) == 1
    assert "'1.jpg' is annotated, but not below" in capsys.readouterr().out
    with pytest.raises(DatasetError, match=r"1\.jpg"):
        open_dataset(str(coco))


def test_it_can_be_sent_to_worker_processes(coco: Path) -> None:
    dataset = open_dataset(str(coco))
    for one, other in zip(dataset[1], pickle.loads(pickle.dumps(dataset))[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_of_areas_that_overlap_the_smaller_lies_on_top(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    polygons = (
        '<polygon label="dog" points="2,2;6,2;6,6;2,6"/><polygon label="sofa" points="0,0;20,0;20,10;0,10"/>'
    )
    image = f'<image id="0" name="a.png" width="20" height="10">{polygons}</image>'
    (tmp_path / "annotations.xml").write_text(f"<annotations>{image}</annotations>")
    dataset = open_dataset(str(tmp_path))
    _, labels = dataset[0]
    wanted = np.full((10, 20), dataset.classes.index("sofa"))
    wanted[2:6, 2:6] = dataset.classes.index("dog")
    np.testing.assert_array_equal(labels, wanted)
