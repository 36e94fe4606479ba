"""What is learned from is not what is measured with, whatever format the pictures come in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.labeled import CLASSES, PALETTE, segmentation
from support.models import tiny_model

import swinviz
from swinviz.checkpoints import save
from swinviz.cli import main
from swinviz.data import FileDataset, hold_out, open_dataset, open_parts
from swinviz.errors import DatasetError
from swinviz.formats import FORMAT_NAMES, labeled_picture, open_writer

COUNT = 12
MASKS = ("voc", "cityscapes")


def write(root: Path, form: str, count: int = COUNT, *, uncovered: bool = False) -> Path:
    """A folder in a format; uncovered leaves the class sky out of it."""
    writer = open_writer(form, root, CLASSES, PALETTE)
    names = [f"picture {number:02d}" for number in range(count)]
    for seed, name in enumerate(names):
        picture = labeled_picture(segmentation((40, 56), seed), name)
        if uncovered:
            picture.labels[picture.labels == 0] = 255
        writer.add(picture)
    writer.finish(names)
    return root


def pixels(dataset: FileDataset) -> dict[str, bytes]:
    return {dataset.name(index): dataset[index][0].tobytes() for index in range(len(dataset))}


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_every_format_without_parts_is_divided_and_nothing_is_in_both(
    tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = write(tmp_path / form, form)
    with caplog.at_level("INFO"):
        learned, held = open_parts(str(root), share=0.25)
    assert held is not None
    whole, first, second = (pixels(dataset) for dataset in (open_dataset(str(root)), learned, held))
    assert first.keys() | second.keys() == whole.keys()
    assert not first.keys() & second.keys()
    assert first | second == whole
    assert f"{len(held)} of 12 pictures are held out" in caplog.text
    assert held.classes == learned.classes == CLASSES


def test_more_pictures_move_none_of_the_old_ones(tmp_path: Path) -> None:
    few, many = (
        hold_out(open_dataset(str(write(tmp_path / str(count), "geojson", count))), 0.3) for count in (12, 30)
    )
    assert few[1] is not None
    assert many[1] is not None
    old = {f"picture {number:02d}" for number in range(12)}
    assert set(few[1].names) == set(many[1].names) & old
    assert 3 <= len(many[1]) <= 16  # of 30, 9 on average


@pytest.mark.parametrize(("count", "held"), [(4, None), (5, 1), (12, 1)])
def test_a_small_set_gives_one_picture_and_a_tiny_one_none(
    tmp_path: Path, count: int, held: int | None
) -> None:
    dataset = open_dataset(str(write(tmp_path / "set", "geojson", count)))
    learned, part = hold_out(dataset, 0.001)
    assert (None if part is None else len(part)) == held
    assert len(learned) == count - (held or 0)
    assert hold_out(dataset, 0.0) == (dataset, None)
    with pytest.raises(ValueError, match="not including, 1"):
        hold_out(dataset, 1.0)


class TestPartsOfTheirOwn:
    def test_of_coco_by_the_names_of_its_files(self, tmp_path: Path) -> None:
        root = write(tmp_path / "coco", "coco")
        content = json.loads((root / "annotations" / "instances_default.json").read_text())
        (root / "annotations" / "instances_default.json").unlink()
        for split, wanted in (("train", range(8)), ("val", range(8, 12))):
            images = [content["images"][number] for number in wanted]
            part = content | {"images": images}
            part["annotations"] = [
                entry for entry in content["annotations"] if entry["image_id"] in {i["id"] for i in images}
            ]
            (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(part))
        learned, held = open_parts(str(root))
        assert held is not None
        assert (len(learned), len(held)) == (8, 4)
        assert held.names == [f"picture {number:02d}" for number in range(8, 12)]

    def test_of_coco_with_other_classes_are_refused(self, tmp_path: Path) -> None:
        root = write(tmp_path / "coco", "coco")
        path = root / "annotations" / "instances_default.json"
        content = json.loads(path.read_text())
        (root / "annotations" / "instances_train.json").write_text(json.dumps(content))
        content["categories"][0]["name"] = "cloud"
        (root / "annotations" / "instances_val.json").write_text(json.dumps(content))
        path.unlink()
        with pytest.raises(DatasetError, match="other classes"):
            open_parts(str(root))

    def test_of_voc_by_its_lists(self, tmp_path: Path) -> None:
        root = write(tmp_path / "voc", "voc")
        names = [f"picture {number:02d}" for number in range(COUNT)]
        lists = root / "ImageSets" / "Segmentation"
        (lists / "train.txt").write_text("\n".join(names[:9]))
        (lists / "val.txt").write_text("\n".join(names[9:]))
        learned, held = open_parts(str(root))
        assert held is not None
        assert (learned.names, held.names) == (names[:9], names[9:])

    def test_of_cityscapes_by_its_folders(self, tmp_path: Path) -> None:
        root = write(tmp_path / "train", "cityscapes", 3)
        other = write(tmp_path / "val", "cityscapes", 2)
        for kind in ("leftImg8bit", "gtFine"):
            shutil.copytree(other / kind / "train", root / kind / "val")
        learned, held = open_parts(str(root))
        assert held is not None
        assert (len(learned), len(held)) == (3, 2)

    def test_of_yolo_only_where_they_are_two_folders(self, tmp_path: Path) -> None:
        root = write(tmp_path / "yolo", "yolo")  # whose data.yaml names one folder for both
        learned, held = open_parts(str(root), share=0.25)
        assert held is not None
        assert not set(learned.names) & set(held.names)
        for kind in ("images", "labels"):
            shutil.copytree(root / kind / "train", root / kind / "val")
        text = (root / "data.yaml").read_text().replace("val: images/train", "val: images/val")
        (root / "data.yaml").write_text(text)
        learned, held = open_parts(str(root))
        assert held is not None
        assert (len(learned), len(held)) == (12, 12)


class TestBackground:
    @pytest.mark.parametrize("form", [form for form in FORMAT_NAMES if form not in MASKS])
    def test_pixels_that_nothing_covers_are_one_class_more(self, tmp_path: Path, form: str) -> None:
        root = write(tmp_path / form, form, 2, uncovered=True)
        plain, dataset = open_dataset(str(root)), open_dataset(str(root), background="the rest")
        assert dataset.classes == (*plain.classes, "the rest")
        assert len(dataset.palette) == len(dataset.classes)
        for index in range(2):
            before, labels = plain[index][1], dataset[index][1]
            assert (before == 255).any()
            np.testing.assert_array_equal(labels, np.where(before == 255, len(plain.classes), before))

    def test_a_class_of_the_set_is_taken_where_it_has_this_name(self, tmp_path: Path) -> None:
        root = write(tmp_path / "coco", "coco", 1, uncovered=True)
        dataset = open_dataset(str(root), background="rock & roll")
        assert dataset.classes == CLASSES
        before, labels = open_dataset(str(root))[0][1], dataset[0][1]
        np.testing.assert_array_equal(labels, np.where(before == 255, 2, before))

    @pytest.mark.parametrize("form", MASKS)
    def test_masks_say_themselves_what_is_background(self, tmp_path: Path, form: str) -> None:
        root = write(tmp_path / form, form, 1)
        with pytest.raises(DatasetError, match="say themselves"):
            open_dataset(str(root), background="background")

    def test_images_and_masks_have_none(self, tmp_path: Path) -> None:
        for name in ("images", "masks"):
            (tmp_path / name).mkdir()
        with pytest.raises(DatasetError, match="no annotated areas"):
            open_dataset(str(tmp_path), background="background")


def test_train_measures_with_what_it_holds_out_and_evaluate_finds_the_same_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = write(tmp_path / "set", "geojson", uncovered=True)
    tiny = str(save(tiny_model(), tmp_path / "tiny.safetensors"))
    words = ["--crop", "32", "--batch", "2", "--iterations", "1", "--workers", "0", "--device", "cpu"]
    words += ["--model", tiny, "--hold-out", "0.25", "--background"]
    with caplog.at_level("INFO"):
        assert main(["train", str(root), "-o", str(tmp_path / "run"), *words]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    said = float(printed.split("held-out mIoU")[1].split()[0])
    weights = tmp_path / "run" / "model.safetensors"
    assert swinviz.load(weights).config.classes[-1] == "background"
    told = (tmp_path / "run" / "run.toml").read_text()
    assert 'background = "background"' in told
    assert "hold_out = 0.25" in told
    again = ["evaluate", "--data", str(root), "--model", str(weights), "--hold-out", "0.25", "--background"]
    assert main([*again, "-o", str(tmp_path / "report"), "--device", "cpu"]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["figures"]["miou"] == pytest.approx(said, abs=1e-4)
    held = hold_out(open_dataset(str(root)), 0.25)[1]
    assert held is not None
    assert sorted(image[1] for image in report["images"]) == held.names
    assert f"{len(held)} of 12 pictures are held out" in caplog.text
    assert main([*again[:-3], "--hold-out", "0.0"]) == 2
    assert "none or all" in capsys.readouterr().err
