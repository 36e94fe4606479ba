"""Every format both ways: read by those who own it or by its documented schema, and by open_dataset."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from label_studio_converter import brush
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from skimage.draw import polygon2mask
from support.labeled import CLASSES, PALETTE, segmentation

from swinviz.data import open_dataset
from swinviz.errors import DatasetError, SwinvizError
from swinviz.formats import FORMAT_NAMES, labeled_picture, open_writer

NAMES = ("one", "trip/two")
RESULTS = {"one": segmentation((60, 80), seed=0), "trip/two": segmentation((45, 33), seed=1)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder in each format."""
    root = tmp_path_factory.mktemp("formats")
    for form in FORMAT_NAMES:
        writer = open_writer(form, root / form, CLASSES, PALETTE)
        for name, result in RESULTS.items():
            writer.add(labeled_picture(result, name))
            assert all(path.is_file() for path in writer.files(name))
        writer.finish(NAMES)
    return {form: root / form for form in FORMAT_NAMES}


def composed(masks: Sequence[tuple[int, NDArray[np.bool_]]], size: tuple[int, int]) -> NDArray[np.uint8]:
    labels = np.full(size, 255, np.uint8)
    for label, mask in masks:
        assert (labels[mask] == 255).all()  # no pixel twice
        labels[mask] = label
    return labels


def filled(corners: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A polygon (x, y) in pixels as scikit-image fills it, whose coordinates are of pixel centers."""
    return polygon2mask(size, corners[:, ::-1] - 0.5)


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_open_dataset_recognizes_it_and_gives_the_labels_back_exactly(
    form: str, written: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    dataset = open_dataset(str(written[form]))
    assert dataset.recognized in caplog.text
    assert dataset.classes == CLASSES
    assert len(dataset) == 2
    check = dataset.check(progress=False)
    assert check.ok
    assert check.ignored == 0
    for index in range(2):
        name = dataset.name(index)
        result = next(RESULTS[wanted] for wanted in NAMES if name in (wanted, wanted.replace("/", "_")))
        image, labels = dataset[index]
        np.testing.assert_array_equal(labels, result.labels)
        assert abs(image.astype(int) - result.image).mean() < 12  # JPEG
    if form not in ("yolo",):  # which keeps no colors
        assert dataset.palette == PALETTE


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_pixels_of_classes_left_out_have_no_label(form: str, tmp_path: Path) -> None:
    writer = open_writer(form, tmp_path, CLASSES, PALETTE)
    result = RESULTS["one"]
    writer.add(labeled_picture(result, "one", frozenset({0, 3})))
    writer.finish(["one"])
    _, labels = open_dataset(str(tmp_path))[0]
    np.testing.assert_array_equal(labels, np.where(np.isin(result.labels, (0, 3)), result.labels, 255))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, numpy 2
@pytest.mark.parametrize("form", ["coco", "coco-polygons"])
def test_coco_is_read_by_pycocotools(form: str, written: dict[str, Path]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(written[form] / "annotations" / "instances_default.json")
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    for image in coco.loadImgs(coco.getImgIds()):
        result = RESULTS[image["file_name"].removesuffix(".jpg")]
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        assert len(annotations) == len(np.unique(result.labels))
        masks = [(CLASSES.index(names[a["category_id"]]), coco.annToMask(a) > 0) for a in annotations]
        if form == "coco":
            np.testing.assert_array_equal(composed(masks, result.labels.shape), result.labels)
        for (label, mask), annotation in zip(masks, annotations, strict=True):
            true = result.labels == label
            assert iou(mask, true) >= 0.99
            assert annotation["area"] == true.sum()
            left, top, width, height = annotation["bbox"]
            assert true[top : top + height, left : left + width].sum() == true.sum()
        assert (written[form] / "images" / "default" / image["file_name"]).is_file()


def test_panoptic_pictures_hold_the_ids_of_their_segments(written: dict[str, Path]) -> None:
    folder = written["coco-panoptic"] / "annotations"
    content = json.loads((folder / "panoptic_default.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    for annotation in content["annotations"]:
        rgb = np.asarray(Image.open(folder / "panoptic_default" / annotation["file_name"]), np.int64)
        ids = rgb @ np.array([1, 256, 256**2])  # as panopticapi's rgb2id
        result = RESULTS[annotation["file_name"].removesuffix(".png")]
        segments = annotation["segments_info"]
        masks = [(CLASSES.index(names[s["category_id"]]), ids == s["id"]) for s in segments]
        np.testing.assert_array_equal(composed(masks, result.labels.shape), result.labels)
        assert [s["area"] for s in segments] == [int(mask.sum()) for _, mask in masks]


def test_yolo_polygons_cover_each_class(written: dict[str, Path]) -> None:
    described = yaml.safe_load((written["yolo"] / "data.yaml").read_text())
    assert described["names"] == dict(enumerate(CLASSES))
    for name, result in RESULTS.items():
        assert (written["yolo"] / described["train"] / f"{name}.jpg").is_file()
        size = result.labels.shape
        covered = {label: np.zeros(size, bool) for label in range(5)}
        for line in (written["yolo"] / "labels" / "train" / f"{name}.txt").read_text().splitlines():
            label, *numbers = line.split()
            corners = np.array(numbers, float).reshape(-1, 2)
            assert corners.min() >= 0
            assert corners.max() <= 1
            covered[int(label)] ^= filled(corners * (size[1], size[0]), size)
        for label, mask in covered.items():
            assert iou(mask, result.labels == label) >= 0.99


def test_voc_masks_are_indices_of_a_label_map(written: dict[str, Path]) -> None:
    folder = written["voc"]
    assert (folder / "ImageSets" / "Segmentation" / "default.txt").read_text().split() == list(NAMES)
    lines = [line for line in (folder / "labelmap.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    names = [line.split(":")[0] for line in lines]
    colors = [tuple(map(int, line.split(":")[1].split(","))) for line in lines]
    assert names == ["background", *CLASSES]
    for name, result in RESULTS.items():
        with Image.open(folder / "SegmentationClass" / f"{name}.png") as mask:
            assert mask.mode == "P"
            np.testing.assert_array_equal(np.asarray(mask), result.labels + 1)
            rgb = np.asarray(mask.convert("RGB"))
        np.testing.assert_array_equal(rgb, np.array(colors)[result.labels + 1])
        assert (folder / "JPEGImages" / f"{name}.jpg").is_file()


def test_cityscapes_files_have_its_names_and_ids(written: dict[str, Path]) -> None:
    folder = written["cityscapes"]
    rows = [line.split(maxsplit=3) for line in (folder / "label_colors.txt").read_text("utf-8").splitlines()]
    assert [row[3] for row in rows] == ["background", *(name.replace(" ", "_") for name in CLASSES)]
    for name, result in RESULTS.items():
        stem = name.replace("/", "_")
        truth = folder / "gtFine" / "train" / "swinviz"
        for kind in ("labelIds", "instanceIds"):
            ids = np.asarray(Image.open(truth / f"{stem}_gtFine_{kind}.png"))
            np.testing.assert_array_equal(ids, result.labels + 1)
        color = np.asarray(Image.open(truth / f"{stem}_gtFine_color.png"))
        np.testing.assert_array_equal(color, result.colors())
        assert (folder / "leftImg8bit" / "train" / "swinviz" / f"{stem}_leftImg8bit.png").is_file()


def test_a_model_of_cityscapes_classes_gets_its_ids(tmp_path: Path) -> None:
    from swinviz.formats.cityscapes import CITYSCAPES

    names, colors = [row[1] for row in CITYSCAPES], [row[2] for row in CITYSCAPES]
    writer = open_writer("cityscapes", tmp_path, names, colors)
    result = RESULTS["one"]
    writer.add(labeled_picture(result, "a", frozenset(range(4))))
    writer.finish(["a"])
    ids = np.asarray(Image.open(tmp_path / "gtFine" / "train" / "swinviz" / "a_gtFine_labelIds.png"))
    np.testing.assert_array_equal(ids, np.array([7, 8, 11, 12, 0])[result.labels])  # 0 is unlabeled
    _, labels = open_dataset(str(tmp_path))[0]
    np.testing.assert_array_equal(labels, np.where(result.labels < 4, result.labels, 255))


def test_label_studio_brushes_are_read_by_its_converter(written: dict[str, Path]) -> None:
    tasks = json.loads((written["labelstudio"] / "tasks.json").read_text())
    config = ElementTree.parse(written["labelstudio"] / "labeling_config.xml").getroot()
    assert [label.attrib["value"] for label in config.iter("Label")] == list(CLASSES)
    control = config.find("BrushLabels")
    for task in tasks:
        name = task["data"]["image"].rpartition("images/")[2].removesuffix(".jpg")
        result, (prediction,) = RESULTS[name], task["predictions"]
        assert prediction["score"] == pytest.approx(0.75)
        masks = []
        for region in prediction["result"]:
            assert (region["from_name"], region["to_name"]) == (
                control.attrib["name"],
                control.attrib["toName"],
            )
            # What the converter is given of a region, as its own exports have it.
            flat = {**region, **region["value"]}
            (layer,) = brush.decode_from_annotation("label", [flat]).values()
            masks.append((CLASSES.index(region["value"]["brushlabels"][0]), layer > 0))
        np.testing.assert_array_equal(composed(masks, result.labels.shape), result.labels)


def test_label_studio_polygons_are_percent_of_the_picture(written: dict[str, Path]) -> None:
    for task in json.loads((written["labelstudio-polygons"] / "tasks.json").read_text()):
        name = task["data"]["image"].rpartition("images/")[2].removesuffix(".jpg")
        result = RESULTS[name]
        size = result.labels.shape
        covered = {label: np.zeros(size, bool) for label in range(5)}
        for region in task["predictions"][0]["result"]:
            assert (region["original_height"], region["original_width"]) == size
            points = np.array(region["value"]["points"]) / 100 * (size[1], size[0])
            covered[CLASSES.index(region["value"]["polygonlabels"][0])] ^= filled(points, size)
        for label, mask in covered.items():
            assert iou(mask, result.labels == label) >= 0.99


def test_cvat_masks_fill_their_rectangles_row_by_row(written: dict[str, Path]) -> None:
    root = ElementTree.parse(written["cvat"] / "annotations.xml").getroot()
    assert [label.findtext("name") for label in root.iter("label")] == list(CLASSES)
    raw = json.loads((written["cvat"] / "labels.json").read_text("utf-8"))
    assert [label["name"] for label in raw] == list(CLASSES)
    for image in root.iter("image"):
        result = RESULTS[image.attrib["name"].removesuffix(".jpg")]
        assert (int(image.attrib["height"]), int(image.attrib["width"])) == result.labels.shape
        masks = []
        for element in image.iter("mask"):
            left, top, width, height = (int(element.attrib[k]) for k in ("left", "top", "width", "height"))
            values = [
                i % 2 for i, count in enumerate(element.attrib["rle"].split(",")) for _ in range(int(count))
            ]
            mask = np.zeros(result.labels.shape, bool)
            mask[top : top + height, left : left + width] = np.reshape(values, (height, width))
            masks.append((CLASSES.index(element.attrib["label"]), mask))
        np.testing.assert_array_equal(composed(masks, result.labels.shape), result.labels)


def test_geojson_rings_are_closed_and_holes_run_the_other_way(written: dict[str, Path]) -> None:
    holes = 0
    for name, result in RESULTS.items():
        content = json.loads((written["geojson"] / f"{name}.geojson").read_text())
        assert content["type"] == "FeatureCollection"
        masks = []
        for feature in content["features"]:
            assert feature["geometry"]["type"] == "MultiPolygon"
            mask = np.zeros(result.labels.shape, bool)
            for outer, *inner in feature["geometry"]["coordinates"]:
                for ring, turn in ((outer, 1), *((hole, -1) for hole in inner)):
                    assert ring[0] == ring[-1]
                    x, y = np.array(ring).T
                    assert np.sign(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) == turn
                    mask ^= filled(np.array(ring), mask.shape)
                holes += len(inner)
            masks.append((CLASSES.index(feature["properties"]["class"]), mask))
        for label, mask in masks:
            assert iou(mask, result.labels == label) >= 0.99
    assert holes > 3


def test_two_sets_in_one_folder_are_asked_about_and_can_be_named(
    written: dict[str, Path], tmp_path: Path
) -> None:
    source = written["coco"] / "annotations" / "instances_default.json"
    (tmp_path / "annotations").mkdir()
    for split in ("train", "val"):
        (tmp_path / "annotations" / f"instances_{split}.json").write_bytes(source.read_bytes())
    (tmp_path / "images").symlink_to(written["coco"] / "images" / "default")
    with pytest.raises(DatasetError, match="several sets"):
        open_dataset(str(tmp_path))
    assert len(open_dataset(str(tmp_path), "validation")) == 2
    assert len(open_dataset(str(tmp_path / "annotations" / "instances_train.json"))) == 2


def test_pictures_that_are_not_there_are_told_and_left_out(written: dict[str, Path], tmp_path: Path) -> None:
    content = json.loads((written["coco"] / "annotations" / "instances_default.json").read_text())
    content["images"][0]["file_name"] = "../../outside.jpg"
    (tmp_path / "one.json").write_text(json.dumps(content))
    (tmp_path / "trip").symlink_to(written["coco"] / "images" / "default" / "trip")
    Image.new("RGB", (80, 60)).save(tmp_path.parent.parent / "outside.jpg")
    (tmp_path / "two.jpg").write_bytes((tmp_path / "trip" / "two.jpg").read_bytes())
    with pytest.raises(DatasetError, match=r"outside\.jpg' is annotated, but not below"):
        open_dataset(str(tmp_path / "one.json"))


def test_an_annotation_of_another_size_names_the_picture(written: dict[str, Path], tmp_path: Path) -> None:
    content = json.loads((written["coco"] / "annotations" / "instances_default.json").read_text())
    content["images"] = content["images"][:1]
    (tmp_path / "c.json").write_text(json.dumps(content))
    Image.new("RGB", (60, 80)).save(tmp_path / "one.jpg")
    with pytest.raises(DatasetError, match="picture 'one': its annotation is for 80 x 60 pixels"):
        open_dataset(str(tmp_path))[0]


def test_unknown_formats_and_too_many_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SwinvizError, match="no format 'poem': choose among coco"):
        open_writer("poem", tmp_path, CLASSES, PALETTE)
    with pytest.raises(SwinvizError, match="at most 255"):
        open_writer("coco", tmp_path, [str(n) for n in range(256)], [(0, 0, 0)] * 256)
