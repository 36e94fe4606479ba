"""The demo in a real browser with a fake camera: every tab from end to end, by mouse and by keyboard."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from support import browser
from support.browser import Page, Server, Tab
from support.demo_pages import (
    BITS,
    CLASSES,
    FOCUS,
    VIEWER,
    WAIT,
    WHITE,
    color_at,
    drag,
    expected_labels,
    move_to,
    open_tab,
    photo,
    upload,
)
from support.demo_samples import HOSTILE, bad_uploads, file_bytes, small_model

pytestmark = pytest.mark.browser

# Visible parts of the page that reach beyond a phone's screen.
PARTS = "#picture, .sv-example, .sv-stage, .sv-bar > *, .sv-more"
BEYOND = (
    f"[...document.querySelectorAll('{PARTS}')]"
    + """.filter((part) => {
  const { right, width } = part.getBoundingClientRect();
  return width > 0 && right > innerWidth + 1;
}).map((part) => part.className || part.id)"""
)


# --- Image ----------------------------------------------------------------------------------------------


def test_hovering_names_the_class_of_that_very_pixel_and_how_sure_it_is(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(photo()))
    labels = expected_labels(photo())
    for x, y in ((0, 0), (79, 59), (79, 0), (40, 30)):
        move_to(opened, "#viewer canvas", x, y)
        tip = opened.locator("#viewer .sv-tip")
        expect(tip).to_contain_text(CLASSES[labels[y, x]])
        expect(tip).to_contain_text("% sure")
    assert opened.title() == "swinviz", "a class name ran as HTML"


@pytest.mark.parametrize("size", [(90, 30), (30, 120)])
def test_tall_and_wide_pictures_are_read_where_they_are_shown(opened: Page, size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    upload(opened, "good.png", file_bytes(image))
    labels = expected_labels(image)
    box = opened.locator("#viewer canvas").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(size[1] / size[0], rel=0.05)
    for y, x in [(0, 0), (size[0] - 1, size[1] - 1), (size[0] // 3, size[1] // 4)]:
        move_to(opened, "#viewer canvas", x, y)
        expect(opened.locator("#viewer .sv-tip")).to_contain_text(CLASSES[labels[y, x]])


def test_overlay_and_before_after_sliders_show_what_they_say(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(photo()))
    canvas, palette = "#viewer canvas", small_model(classes=CLASSES).config.palette
    labels = expected_labels(photo())
    drag(opened, "Overlay", 100)
    assert color_at(opened, canvas, 70, 50) == list(palette[labels[50, 70]])
    drag(opened, "Before | after", 50)
    assert color_at(opened, canvas, 70, 50) == list(palette[labels[50, 70]])
    assert np.abs(np.array(color_at(opened, canvas, 10, 50)) - photo()[50, 10]).max() <= 8
    drag(opened, "Before | after", 100)
    assert np.abs(np.array(color_at(opened, canvas, 70, 50)) - photo()[50, 70]).max() <= 8


def test_a_click_on_the_legend_isolates_a_class_and_another_gives_all_back(opened: Page) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    upload(opened, "good.png", file_bytes(noise))
    labels = expected_labels(noise)
    present = np.unique(labels)
    rows = opened.locator("#viewer .sv-class:visible")
    expect(rows).to_have_count(len(present))
    shares = [(labels == int(row.get_attribute("data-class") or -1)).mean() for row in rows.all()]
    assert shares == sorted(shares, reverse=True)
    drag(opened, "Overlay", 100)
    first = rows.first
    index = int(first.get_attribute("data-class") or -1)
    (inside,), outside = np.argwhere(labels == index)[:1], np.argwhere(labels != index)[:1]
    palette = small_model(classes=CLASSES).config.palette
    for row in rows.all():
        color = palette[int(row.get_attribute("data-class") or -1)]
        expect(row.locator(".sv-swatch")).to_have_css("background-color", "rgb({}, {}, {})".format(*color))
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    assert color_at(opened, "#viewer canvas", inside[1], inside[0]) == list(palette[index])
    for y, x in outside:
        assert color_at(opened, "#viewer canvas", x, y) != list(palette[labels[y, x]])
    first.press("Enter")
    expect(first).to_have_attribute("aria-pressed", "false")
    for y, x in outside:
        assert color_at(opened, "#viewer canvas", x, y) == list(palette[labels[y, x]])


def test_mask_overlay_and_shares_can_be_downloaded(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(photo()))
    files = {}
    for name in ("Mask", "Overlay", "Shares"):
        with opened.expect_download() as waiting:
            opened.get_by_role("button", name=f"↓ {name}").click()
        files[name] = Path(waiting.value.path()).read_bytes()
    labels = expected_labels(photo())
    assert (np.asarray(Image.open(io.BytesIO(files["Mask"]))) == labels).all()
    overlay = Image.open(io.BytesIO(files["Overlay"]))
    assert overlay.size[0] >= 80
    assert overlay.size[1] > 60, "the legend is below the picture"
    below = np.asarray(overlay.convert("RGB"))[60:]
    for number, color in enumerate(small_model(classes=CLASSES).config.palette):
        squares = (below == color).all(axis=-1).sum()  # of 16 x 16 pixels, some of them dotted
        assert (squares > 150) == bool((labels == number).mean() >= 0.0005), number
    shares = {row["index"]: row["share"] for row in json.loads(files["Shares"])["shares"]}
    palette = small_model(classes=CLASSES).config.palette
    rows = [index for index, share in shares.items() if share >= 0.0005]  # as the legend names them
    assert [tuple(below[12 + 24 * row + 5, 13]) for row in range(len(rows))] == [palette[row] for row in rows]
    assert shares == pytest.approx({int(k): float((labels == k).mean()) for k in np.unique(labels)}, abs=1e-6)


def test_a_bad_upload_shows_a_sentence_and_the_next_good_one_works(opened: Page, tab: Tab) -> None:
    upload(opened, "bad.png", bad_uploads()["cut.png"])
    toast = opened.get_by_test_id("toast-body").first
    expect(toast).to_contain_text("bad.png", timeout=WAIT)
    assert "/" not in toast.inner_text().replace("bad.png", "")
    tab.errors.clear()  # the browser says that it cannot show the file either
    upload(opened, "good.png", file_bytes(photo()))


def test_a_files_name_is_text_wherever_the_page_shows_it(opened: Page, tab: Tab) -> None:
    for name, content in (
        (f"bad {HOSTILE}.png", bad_uploads()["cut.png"]),
        (f"good {HOSTILE}.png", file_bytes(photo())),
    ):
        upload(opened, name, content)
    expect(opened.get_by_test_id("toast-body").first).to_contain_text("img src", timeout=WAIT)
    assert opened.title() == "swinviz", "a file's name ran as HTML"
    assert opened.locator("img[src=x]").count() == 0
    tab.errors.clear()  # the browser says that it cannot show the damaged file


def test_the_keyboard_reads_the_picture_and_reaches_every_control(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(photo()))
    labels = expected_labels(photo())
    opened.locator("#viewer canvas").focus()
    for _ in range(60):
        opened.keyboard.press("ArrowRight")
        opened.keyboard.press("ArrowDown")
    expect(opened.locator("#viewer .sv-spoken")).to_contain_text(CLASSES[labels[59, 79]])
    reached = set()
    opened.locator("#viewer input").first.focus()
    for _ in range(12):
        reached.add(opened.evaluate(FOCUS))
        opened.keyboard.press("Tab")
    assert {"Overlay", "Before | after", "↓ Mask", "↓ Overlay", "↓ Shares"} <= reached


# --- models ---------------------------------------------------------------------------------------------


def test_a_model_that_cannot_be_downloaded_says_so_and_the_old_one_stays(opened: Page) -> None:
    opened.locator("#model input").click()
    opened.get_by_role("option", name="swin-t ·").click()
    fetch = opened.get_by_role("button", name="Download 240 MB and use it")
    fetch.click()
    expect(opened.get_by_test_id("toast-body").filter(has_text="stays in place")).to_be_visible(timeout=WAIT)
    expect(opened.locator("#model input")).to_have_value("tiny", timeout=WAIT)
    expect(fetch).to_be_hidden()
    upload(opened, "good.png", file_bytes(photo()))
    expect(opened.locator("#viewer .sv-note").first).to_contain_text("tiny on cpu")


def test_switching_models_reaches_every_tab(opened: Page) -> None:
    opened.locator("#model input").click()
    opened.get_by_role("option", name="nano").click()
    expect(opened.locator("#viewer .sv-note").first).to_contain_text("nano on cpu", timeout=WAIT)
    open_tab(opened, "About")
    expect(opened.locator("#about")).to_contain_text("only scenes of its own making", timeout=WAIT)
    open_tab(opened, "Attention")
    expect(opened.locator("#attention")).to_contain_text("nano", timeout=WAIT)


# --- Attention ------------------------------------------------------------------------------------------


def test_the_explorer_shows_the_uploaded_picture_and_follows_it(opened: Page) -> None:
    for size in ((60, 80), (90, 60)):
        open_tab(opened, "Image")
        upload(opened, "good.png", file_bytes(np.resize(photo(), (*size, 3))))
        open_tab(opened, "Attention")
        viewer = opened.locator("#attention .swinviz-explorer[data-ready=true]")
        height, width = size
        short = 64 / min(size)
        expected = f"{min(128, round(width * short))} × {min(128, round(height * short))} px"
        expect(viewer).to_contain_text(expected, timeout=WAIT)


# --- Live -----------------------------------------------------------------------------------------------


def start_camera(page: Page) -> None:
    open_tab(page, "Live")
    page.locator("#live").get_by_role("button", name="Camera").click()
    page.wait_for_selector("#live canvas[data-frame]")


def number_on_screen(page: Page) -> int:
    """Read the film's frame number off the canvas, whichever way round it is shown."""
    mirrored = page.locator("#live").get_by_label("Mirror").is_checked()
    bits = page.locator("#live canvas").evaluate(BITS)
    return sum(bit << place for place, bit in enumerate(bits[::-1] if mirrored else bits))


def test_live_frames_come_in_order_mirrored_and_with_their_figures(opened: Page) -> None:
    start_camera(opened)
    live = opened.locator("#live")
    drag(opened, "Overlay", 0, "#live")
    numbers = []
    for _ in range(6):
        before = opened.get_attribute("#live canvas", "data-frame")
        opened.wait_for_function(
            "before => document.querySelector('#live canvas').dataset.frame !== before", arg=before
        )
        numbers.append(number_on_screen(opened))
    steps = np.diff(numbers) % 64
    assert steps.any(), f"the picture stands still: {numbers}"  # one may come twice from a slow camera
    assert (steps < 60).all(), f"frames went back: {numbers}"
    width = opened.locator("#live canvas").evaluate("canvas => canvas.width")
    assert color_at(opened, "#live canvas", width - 10, 150)[0] < 120, (
        "the dark left half is not on the right"
    )
    live.get_by_label("Mirror").uncheck()
    assert color_at(opened, "#live canvas", 10, 150)[0] < 120
    expect(live.locator(".sv-numbers")).to_contain_text("frames/s")
    expect(live.locator(".sv-numbers")).to_contain_text("ms from camera to screen")
    live.get_by_role("button", name="Stop").click()
    expect(live.get_by_role("button", name="Camera")).to_be_visible()


def test_live_attention_of_a_fixed_point_is_drawn_where_it_was_clicked(opened: Page) -> None:
    start_camera(opened)
    live = opened.locator("#live")
    drag(opened, "Overlay", 0, "#live")
    live.get_by_label("Attention").check()
    live.get_by_label("stage").select_option("1")
    live.get_by_label("head").select_option("0")
    move_to(opened, "#live canvas", 80, 200)
    opened.mouse.down()
    opened.mouse.up()
    opened.wait_for_function(WHITE, arg=[80, 200])


def test_a_reload_in_mid_stream_leaves_the_server_serving(opened: Page, app: Server) -> None:
    for _ in range(3):
        start_camera(opened)
        opened.reload(wait_until="domcontentloaded")
        opened.wait_for_selector(f"{VIEWER}[data-state=ready]", state="attached")
    start_camera(opened)
    assert "Traceback" not in app.tail()


# --- Compare, About, all --------------------------------------------------------------------------------


def test_compare_shows_what_an_edit_changes(opened: Page) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    upload(opened, "good.png", file_bytes(noise))
    open_tab(opened, "Compare")
    viewer = opened.locator("#compare .sv-viewer[data-state=ready]")
    viewer.wait_for()
    expect(viewer).to_contain_text("tiny, as it is")
    expect(viewer).to_contain_text("tiny, windows not shifted")
    expect(viewer.locator("tbody tr")).to_have_count(len(np.unique(expected_labels(noise))))
    expect(viewer.locator(".sv-changed")).to_contain_text("% of the pixels change their class")
    palette = small_model(classes=CLASSES).config.palette
    drag(opened, "Overlay", 100, "#compare")
    drag(opened, "Left | right", 100, "#compare")
    assert color_at(opened, "#compare canvas", 33, 44) == list(palette[expected_labels(noise)[44, 33]])


def test_every_tab_is_readable_at_phone_width(app: Server, chromium: browser.Browser) -> None:
    with browser.open_tab(chromium, size=(390, 844)) as opened:
        page = opened.page
        page.set_default_timeout(WAIT)
        page.goto(app.url, wait_until="domcontentloaded")
        page.wait_for_selector(f"{VIEWER}[data-state=ready]")
        for name in ("Image", "Attention", "Live", "Compare", "About"):
            tabs = page.locator(f"[role=tab][data-tab-id={name.lower()}]")
            if not tabs.is_visible():
                page.locator(".overflow-menu > button").click()
                tabs = page.locator(".overflow-dropdown").get_by_text(name)
            tabs.click()
            page.wait_for_timeout(700)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert page.evaluate(BEYOND) == [], name
            assert name == "Image" or f"tab={name.lower()}" in page.url
        opened.assert_clean()
