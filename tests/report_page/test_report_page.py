"""The evaluation's page: pictures against arrays, and names that try to break out of it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.models import tiny_model
from support.training_runs import Stripes

from swinviz import SwinUPerNet
from swinviz.errors import SwinvizError
from swinviz.evaluation import Report, border_accuracy, evaluate
from swinviz.report_page import Pictures, picture_images, save_report_page

EVIL = '</script><img src=x onerror=alert(1)>"&'


@pytest.fixture(scope="module")
def model() -> SwinUPerNet:
    torch.manual_seed(0)
    return tiny_model(classes=3).eval()


@pytest.fixture(scope="module")
def report(model: SwinUPerNet) -> Report:
    return evaluate(model, Stripes(6, 48), progress=False)


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_pictures_are_the_arrays_in_the_classes_colors(model: SwinUPerNet, report: Report) -> None:
    dataset = Stripes(6, 48)
    (shown,) = picture_images(report, model, dataset, numbers=[3], progress=False).values()
    image, truth = dataset[3]
    result = model.segment(image)
    palette = np.array(model.config.palette)
    np.testing.assert_array_equal(decoded(shown.truth), palette[truth])
    np.testing.assert_array_equal(decoded(shown.prediction), palette[result.labels])
    np.testing.assert_array_equal(decoded(shown.errors)[..., 3] == 255, result.labels != truth)
    np.testing.assert_allclose(decoded(shown.confidence), 255 * result.scores, atol=0.51)
    assert np.abs(decoded(shown.photo).astype(int) - image).mean() < 6
    assert set(shown.predicted) == set(result.labels.ravel().tolist())


def test_pixels_without_a_label_are_gray_and_no_error(model: SwinUPerNet, report: Report) -> None:
    class Unlabeled(Stripes):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            image, labels = super().__getitem__(index)
            labels[:10] = 255
            return image, labels

    (shown,) = picture_images(report, model, Unlabeled(6, 48), numbers=[0], progress=False).values()
    assert (decoded(shown.truth)[:10] == 128).all()
    assert (decoded(shown.errors)[:10, :, 3] == 0).all()


def test_the_worst_images_are_pictured_and_those_that_got_worse(model: SwinUPerNet, report: Report) -> None:
    worst = [image.number for image in report.worst(2)]
    assert list(picture_images(report, model, Stripes(6, 48), count=2, progress=False)) == worst
    best = report.worst(6)[-1]
    earlier = tuple(image._replace(miou=1.0 if image == best else 0.0) for image in report.images)
    baseline = replace(report, images=earlier)
    shown = picture_images(
        report,
        model,
        Stripes(6, 48),
        count=2,
        baseline=baseline,
        progress=False,
    )
    assert list(shown) == [best.number, worst[0]]


def test_large_images_are_shown_small(model: SwinUPerNet, report: Report) -> None:
    (shown,) = picture_images(report, model, Stripes(6, 48), numbers=[0], side=20, progress=False).values()
    names = Pictures.__dataclass_fields__.keys() - {"predicted"}
    assert {decoded(getattr(shown, name)).shape[:2] for name in names} == {(20, 20)}


def test_no_name_ends_the_script_that_holds_it(report: Report, tmp_path: Path) -> None:
    evil = replace(
        report,
        dataset=EVIL,
        classes=(EVIL, *report.classes[1:]),
        images=tuple(image._replace(name=EVIL) for image in report.images),
    )
    text = save_report_page(evil, tmp_path / "report.html").read_text("utf-8")
    assert text.count("</script>") == 2
    assert "<img" not in text
    stored = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    assert stored["report"]["classes"][0]["name"] == EVIL


def test_reports_on_other_classes_are_not_compared(report: Report, tmp_path: Path) -> None:
    other = replace(report, classes=("x", *report.classes[1:]))
    with pytest.raises(SwinvizError, match="compare evaluations on one data set"):
        save_report_page(report, tmp_path / "report.html", baseline=other)
    assert not list(tmp_path.iterdir())


def test_a_stored_report_has_all_that_the_page_shows(
    model: SwinUPerNet, report: Report, tmp_path: Path
) -> None:
    again = Report.load(report.save(tmp_path / "report.json"))
    assert again.images == report.images
    assert again.palette == tuple(model.config.palette)
    np.testing.assert_array_equal(again.calibration, report.calibration)
    np.testing.assert_array_equal(again.borders.right, report.borders.right)


def test_the_figures_of_images_are_those_of_loops(model: SwinUPerNet, report: Report) -> None:
    dataset = Stripes(6, 48)
    bins = np.zeros((3, 15))
    for index, image in enumerate(report.images):
        picture, truth = dataset[index]
        result = model.segment(picture)
        for label, iou in image.iou:
            both = ((result.labels == label) & (truth == label)).sum()
            assert iou == pytest.approx(both / ((result.labels == label) | (truth == label)).sum(), abs=1e-6)
        assert {label for label, _ in image.iou} == set(np.unique(truth).tolist())
        for y, x in np.ndindex(truth.shape):
            place = min(int(result.scores[y, x] * 15), 14)
            bins[:, place] += (1, result.scores[y, x], result.labels[y, x] == truth[y, x])
    np.testing.assert_allclose(report.calibration, bins, rtol=1e-5)
    borders = border_accuracy(model, dataset, progress=False)
    np.testing.assert_array_equal(report.borders.right, borders.right)
    np.testing.assert_array_equal(report.borders.total, borders.total)
    np.testing.assert_allclose(report.borders.distance, borders.distance)
