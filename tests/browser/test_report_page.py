"""The evaluation's page in a real browser: what a reader clicks, and what the page then shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect
from support import browser
from support.models import tiny_model
from support.training_runs import Stripes

from swinviz.evaluation import Report, evaluate
from swinviz.report_page import picture_images, save_report_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report() -> Report:
    torch.manual_seed(0)
    model = tiny_model(classes=3).eval()
    return evaluate(model, Stripes(6, 48), progress=False)


@pytest.fixture
def opened(report: Report, tab: browser.Tab, tmp_path: Path) -> Page:
    torch.manual_seed(0)
    model, dataset = tiny_model(classes=3).eval(), Stripes(6, 48)
    images = tuple(image._replace(miou=image.miou / 2 + 0.1) for image in report.images)
    pictures = picture_images(report, model, dataset, count=3, progress=False)
    # Image 0 holds dark and bright; this says that the model saw the third class there too.
    pictures[0] = replace(
        picture_images(report, model, dataset, numbers=[0], progress=False)[0], predicted=(0, 2)
    )
    path = save_report_page(
        report, tmp_path / "report.html", pictures, baseline=replace(report, images=images)
    )
    tab.page.goto(path.as_uri())
    return tab.page


def scores(page: Page) -> list[float]:
    cells = page.locator("#report .columns tbody td:nth-child(2)").all_inner_texts()
    return [float(cell) for cell in cells if cell != "–"]


def test_images_come_in_the_order_asked_for(opened: Page, report: Report) -> None:
    opened.get_by_label("order").select_option("worst first")
    assert scores(opened) == sorted(scores(opened))
    assert len(scores(opened)) == 6
    opened.get_by_label("order").select_option("best first")
    assert scores(opened) == sorted(scores(opened), reverse=True)
    opened.get_by_label("name").fill("stripes_3")
    expect(opened.get_by_role("status")).to_have_text("1 of 6 images")


def test_a_click_on_a_confusion_shows_the_images_of_the_true_class(opened: Page, report: Report) -> None:
    opened.get_by_label("order").select_option("worst first")
    opened.locator(".confusion button[aria-label^='brighter taken for']").first.click()
    holding = [image for image in report.images if 2 in dict(image.iou)]
    expect(opened.get_by_role("status")).to_have_text(f"{len(holding)} of 6 images")
    expect(opened.get_by_role("columnheader", name="IoU of brighter")).to_be_visible()
    assert scores(opened) == [round(value, 1) for value in sorted(100 * dict(i.iou)[2] for i in holding)]


def test_the_worst_image_is_shown_with_its_pictures_and_by_keyboard(opened: Page, report: Report) -> None:
    opened.get_by_label("order").select_option("worst first")
    first = opened.locator("#report .columns tbody tr").first
    first.focus()
    opened.keyboard.press("Enter")
    expect(opened.locator(".panels img")).to_have_count(6)
    assert all(opened.locator(".panels img").evaluate_all("images => images.map((i) => i.naturalWidth > 0)"))
    expect(opened.locator(".panels + .legend, .legend")).to_contain_text("dark")
    expect(opened.locator("#report .columns tbody tr[aria-selected='true']")).to_be_focused()


def test_classes_that_were_only_predicted_are_named_too(opened: Page, report: Report) -> None:
    opened.get_by_label("name").fill("stripes_0")
    opened.locator("#report .columns tbody tr").first.click()
    expect(opened.locator(".legend")).to_contain_text("brighter, predicted only")
    expect(opened.locator(".legend")).not_to_contain_text("dark, predicted only")


def test_curves_are_drawn_by_distance_to_classes_and_to_windows(opened: Page, report: Report) -> None:
    for title, curve in (("Class boundaries", report.boundaries), ("Window borders", report.borders)):
        assert curve is not None
        chart = opened.locator(".charts > div", has=opened.get_by_role("heading", name=title))
        expect(chart.locator("polyline")).to_have_count(2)  # this report and the earlier one
        expect(chart.locator("circle")).to_have_count(2 * int((curve.total > 0).sum()))


def test_differences_to_the_earlier_report_are_those_of_the_figures(opened: Page, report: Report) -> None:
    rows = opened.locator("#report .columns tbody tr").all_inner_texts()
    by_name = {row.split("\t")[0]: row.split("\t")[2] for row in rows}
    for image in report.images:
        points = 100 * (image.miou - (image.miou / 2 + 0.1))
        assert by_name[image.name] == f"{'+' if points >= 0 else '−'}{abs(points):.1f}"
