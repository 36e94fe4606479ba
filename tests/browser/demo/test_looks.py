"""What a visitor sees: proportions, ticked boxes, contrast, messages, addresses that open what they say."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Route, expect
from support import browser
from support.browser import Page, Server, Tab
from support.demo_pages import (
    CLASSES,
    VIEWER,
    WAIT,
    color_at,
    drag,
    move_to,
    open_tab,
    photo,
    upload,
)
from support.demo_samples import bad_uploads, file_bytes, small_model
from support.demo_samples import pixels_of as decoded

import swinviz
from swinviz.demo.examples import example_files
from swinviz.interventions import no_shift

pytestmark = pytest.mark.browser

AT_STAGE = """stage => document.querySelector("#attention .swinviz-explorer").dataset.state
  .includes(`stage=${stage}`)"""
TAB = "[role=tab][data-tab-id={}]"
SIZES = ((1440, 900), (1024, 768), (390, 844))
REFUSE_CAMERA = """name => {
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", name); };
}"""
TABS = ("Image", "Attention", "Live", "Compare", "About")
ACCENT = np.array([0x0F, 0x76, 0x6E])


def noise(size: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)


def pixels_of(page: Page, selector: str) -> np.ndarray:
    with Image.open(io.BytesIO(page.locator(selector).first.screenshot())) as shot:
        return np.asarray(shot.convert("RGB")).astype(int)


@pytest.fixture(params=["light", "dark"])
def themed(app: Server, chromium: browser.Browser, request: pytest.FixtureRequest) -> Iterator[Tab]:
    with browser.open_tab(chromium, permissions=("camera",)) as tab:
        tab.page.set_default_timeout(WAIT)
        tab.page.goto(f"{app.url}?__theme={request.param}", wait_until="domcontentloaded")
        tab.page.wait_for_selector(f"{VIEWER}[data-state=ready]")
        yield tab
        tab.assert_clean()


@pytest.mark.slow
def test_no_tab_has_a_serious_fault_for_people_who_see_or_hear_it_otherwise(themed: Tab) -> None:
    page = themed.page
    for name in TABS:
        open_tab(page, name)
        if name == "Attention":
            page.wait_for_selector("#attention .swinviz-explorer[data-ready=true]")
        if name == "Live":
            page.locator("#live").get_by_role("button", name="Camera").click()
            page.wait_for_selector("#live canvas[data-frame]")
            page.locator("#live").get_by_label("Attention").check()
        if name == "Compare":
            page.wait_for_selector("#compare .sv-viewer[data-state=ready]")
        page.wait_for_timeout(500)
        found = Axe().run(page).response["violations"]
        serious = [
            (name, fault["id"], [node["html"] for node in fault["nodes"]])
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]
        assert not serious


def test_a_ticked_box_looks_ticked(themed: Tab) -> None:
    page = themed.page
    open_tab(page, "Compare")
    page.wait_for_selector("#compare .sv-viewer[data-state=ready]")
    box = "#compare input[type=checkbox]"
    for ticked in (False, True):
        page.locator(box).set_checked(ticked)
        page.mouse.move(0, 0)
        page.locator(box).evaluate("box => box.blur()")
        seen = pixels_of(page, box)
        accented = (np.abs(seen - ACCENT).max(axis=-1) < 40).mean()
        white = (seen[4:-4, 4:-4] > 200).all(axis=-1).mean()
        assert (accented > 0.4) == ticked
        if ticked:
            assert 0.05 < white < 0.6, "there is no tick on it"


@pytest.mark.parametrize("size", SIZES)
def test_the_cameras_picture_keeps_its_proportions(
    app: Server, chromium: browser.Browser, size: tuple[int, int]
) -> None:
    with browser.open_tab(chromium, size=size, permissions=("camera",)) as tab:
        page = tab.page
        page.set_default_timeout(WAIT)
        page.goto(f"{app.url}?tab=live", wait_until="domcontentloaded")
        page.locator("#live").get_by_role("button", name="Camera").click()
        page.wait_for_selector("#live canvas[data-frame]")
        for scale in (1, 0.7):
            page.set_viewport_size({"width": round(size[0] * scale), "height": size[1]})
            box = page.locator("#live canvas").bounding_box()
            assert box is not None
            assert box["width"] / box["height"] == pytest.approx(4 / 3, rel=0.01)
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0] * scale
        tab.assert_clean()


@pytest.mark.parametrize("size", SIZES[:2])
def test_a_picture_and_its_legend_are_on_one_screen(
    app: Server, chromium: browser.Browser, size: tuple[int, int]
) -> None:
    with browser.open_tab(chromium, size=size) as tab:
        page = tab.page
        page.set_default_timeout(WAIT)
        page.goto(app.url, wait_until="domcontentloaded")
        page.wait_for_selector(f"{VIEWER}[data-state=ready]")
        for name, root in (("Image", "#viewer"), ("Compare", "#compare")):
            open_tab(page, name)
            page.wait_for_selector(f"{root} .sv-viewer[data-state=ready]")
            for part in (".sv-stage", ".sv-legend", ".sv-bar"):
                box = page.locator(f"{root} {part}").bounding_box()
                assert box is not None
                assert box["y"] + box["height"] <= size[1], (name, part)


def test_on_a_phone_what_the_model_sees_is_in_view_at_first_and_after_an_upload(
    app: Server, chromium: browser.Browser
) -> None:
    width, height = SIZES[2]
    with browser.open_tab(chromium, size=SIZES[2]) as tab:
        page = tab.page
        page.set_default_timeout(WAIT)
        page.goto(app.url, wait_until="domcontentloaded")
        page.wait_for_selector(f"{VIEWER}[data-state=ready]")

        def assert_in_view(*selectors: str) -> None:
            page.wait_for_timeout(900)  # it may be scrolling there
            for selector in selectors:
                box = page.locator(selector).first.bounding_box()
                assert box is not None
                assert box["y"] >= 0, selector
                assert box["y"] + box["height"] <= height, (selector, box)
                assert box["x"] + box["width"] <= width, selector

        assert_in_view("#viewer .sv-stage", "#viewer .sv-slider")
        page.locator(".sv-example").last.scroll_into_view_if_needed()
        upload(page, "good.png", file_bytes(noise((60, 80))))
        assert_in_view("#viewer .sv-stage")
        page.locator("#viewer canvas").scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, 0)")
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown").get_by_text("Compare").click()
        page.wait_for_selector("#compare .sv-viewer[data-state=ready]")
        page.wait_for_timeout(500)
        page.locator("#compare .sv-changed").scroll_into_view_if_needed()
        assert_in_view("#compare .sv-stage", "#compare .sv-changed")
        tab.assert_clean()


def test_choosing_a_model_that_must_be_downloaded_moves_and_clips_nothing(opened: Page) -> None:
    tabs = opened.get_by_role("tablist").first
    before = tabs.bounding_box()
    opened.locator("#model input").click()
    opened.get_by_role("option", name="swin-t ·").click()
    fetch = opened.get_by_role("button", name="Download 240 MB and use it", exact=True)
    expect(fetch).to_be_visible()
    assert tabs.bounding_box() == before
    shown = opened.locator("#model input").evaluate(
        "input => [input.scrollWidth, input.clientWidth, input.value]"
    )
    assert shown[0] <= shown[1], shown
    menu, button = opened.locator("#model").bounding_box(), fetch.bounding_box()
    assert menu is not None
    assert button is not None
    assert button["x"] + button["width"] <= menu["x"]


def test_a_failed_download_says_what_to_do_and_no_address(opened: Page) -> None:
    line = opened.locator(".sv-knowledge:visible")
    expect(line).to_contain_text("model of your own")
    opened.locator("#model input").click()
    opened.get_by_role("option", name="nano").click()
    expect(line).to_contain_text("Drawn scenes only", timeout=WAIT)
    line.get_by_role("button", name="Use swin-t: 150 classes, indoors too (download 240 MB)").click()
    toast = opened.get_by_test_id("toast-body").filter(has_text="stays in place")
    expect(toast).to_be_visible(timeout=WAIT)
    expect(toast).to_contain_text("reaches no network")
    assert "http" not in toast.inner_text()
    expect(opened.locator("#model input")).to_have_value("nano · drawn scenes")


def test_a_refused_upload_is_said_once_and_leaves_nothing_of_the_old_picture(opened: Page, tab: Tab) -> None:
    upload(opened, "bad.png", bad_uploads()["cut.png"])
    toast = opened.get_by_test_id("toast-body")
    expect(toast.first).to_contain_text("bad.png", timeout=WAIT)
    opened.wait_for_timeout(1500)
    expect(toast).to_have_count(1)
    expect(opened.locator(VIEWER)).to_have_attribute("data-state", "empty")
    expect(opened.locator("#picture img")).to_have_count(0)
    open_tab(opened, "Attention")
    expect(opened.locator("#attention")).to_contain_text("Choose a picture")
    tab.errors.clear()  # the browser says that it cannot show the file either


def test_a_tiff_is_shown_though_browsers_show_none(opened: Page, tab: Tab) -> None:
    upload(opened, "good.tiff", file_bytes(photo(), "TIFF"))
    opened.wait_for_function(
        "() => document.querySelector('#picture img')?.naturalWidth === 80", timeout=WAIT
    )
    expect(opened.locator("#picture .progress-text")).to_have_count(0)  # or it is sent again and again
    assert pixels_of(opened, "#picture img").std() > 20
    expect(opened.locator("#viewer .sv-note").first).to_contain_text("80 × 60 pixels")
    tab.errors.clear()  # before the server's PNG came, the browser tried the TIFF


def test_a_picture_that_is_reduced_says_so(opened: Page) -> None:
    upload(opened, "good.jpg", file_bytes(np.resize(photo(), (900, 1600, 3)), "JPEG"))
    expect(opened.locator("#viewer .sv-note").first).to_contain_text(
        "reduced from 1600 × 900 to 1280 × 720 pixels"
    )


def test_examples_are_buttons_with_names(opened: Page) -> None:
    for name in ("temple", "raccoon", "rocket", "street", "lake", "beach"):
        expect(opened.get_by_role("button", name=name, exact=True)).to_be_visible()
    for name in ("beach", "raccoon"):  # a drawing, and a photograph out of the package
        turn = opened.get_attribute(VIEWER, "data-turn")
        opened.get_by_role("button", name=name, exact=True).click()
        opened.wait_for_function(
            "turn => document.querySelector('#viewer .sv-viewer').dataset.turn !== turn",
            arg=turn,
            timeout=WAIT,
        )
        assert f"picture={name}" in opened.url


def test_what_the_model_does_not_know_is_striped_and_named(opened: Page) -> None:
    image = noise()
    upload(opened, "good.png", file_bytes(image))
    result = small_model(classes=CLASSES).segment(image)
    percent = np.rint(100 * result.scores)
    threshold = int(np.median(percent))
    unsure = percent < threshold
    assert 0.2 < unsure.mean() < 0.8
    drag(opened, "Overlay", 100)
    drag(opened, "Unsure below", threshold)
    row = opened.locator("#viewer .sv-class", has_text="unsure")
    expect(row.locator(".sv-share")).to_have_text(f"{100 * unsure.mean():.0f} %")
    expect(row.locator(".sv-swatch")).to_have_attribute("data-pattern", "striped")
    palette = np.array(small_model(classes=CLASSES).config.palette)
    stripes = 0
    for y, x in np.argwhere(unsure)[::37]:
        striped = (y + x) % 8 < 4
        expected = [128, 128, 128] if striped else list(palette[result.labels[y, x]])
        assert color_at(opened, "#viewer canvas", x, y) == expected
        stripes += striped
    assert stripes > 3
    y, x = np.argwhere(unsure)[0]
    move_to(opened, "#viewer canvas", x, y)
    expect(opened.locator("#viewer .sv-tip")).to_contain_text("unsure")
    y, x = np.argwhere(percent >= threshold)[0]
    move_to(opened, "#viewer canvas", x, y)
    expect(opened.locator("#viewer .sv-tip")).not_to_contain_text("unsure")
    drag(opened, "Unsure below", 0)
    expect(row).to_be_hidden()


def test_a_comparison_stripes_what_is_unsure_and_dots_what_looks_alike_on_both_sides(
    opened: Page, app: Server
) -> None:
    opened.goto(f"{app.url}?tab=compare&picture=lake&left=outdoor~none&right=outdoor~no_shift")
    viewer = opened.locator("#compare .sv-viewer[data-state=ready]")
    expect(viewer).to_contain_text("outdoor, windows not shifted", timeout=WAIT)
    model = swinviz.load("outdoor").for_inference()
    palette, classes = np.array(model.config.palette), list(model.config.classes)
    drag(opened, "Overlay", 100, "#compare")
    swatches = viewer.locator("tbody .sv-swatch").evaluate_all(
        "all => all.map((each) => [each.parentElement.textContent, each.dataset.pattern])"
    )
    patterns = dict(swatches)
    assert patterns["unsure"] == "striped"
    for name in patterns.keys() - {"unsure"}:
        swatch = viewer.locator("tbody tr", has_text=name).first.locator(".sv-swatch")
        color = palette[classes.index(name)]
        expect(swatch).to_have_css("background-color", "rgb({}, {}, {})".format(*color))
    assert set(patterns.values()) == {"striped", "dotted", "plain"}
    with Image.open(example_files()["lake"]) as lake:
        pixels = np.asarray(lake)
    for split, edits in ((100, {}), (0, no_shift())):
        with swinviz.edit(model, edits):
            result = model.segment(pixels)
        drag(opened, "Left | right", split, "#compare")
        shown = opened.locator("#compare canvas").evaluate("canvas => canvas.toDataURL()")
        seen = decoded(shown)[..., :3].astype(int)
        unsure = np.rint(100 * result.scores) < round(100 * result.unsure_below)
        y, x = np.indices(result.labels.shape)
        striped = unsure & ((x + y) % 8 < 4)
        alike = [number for number, name in enumerate(classes) if patterns.get(name) == "dotted"]
        dotted = np.isin(result.labels, alike)
        dots = dotted & (x % 6 < 2) & (y % 6 < 2) & ~unsure
        assert striped.sum() > 200
        assert dots.sum() > 200
        expected = palette[result.labels]
        expected[striped] = 128
        expected[dots] = 0.45 * expected[dots]
        wrong = (np.abs(seen - expected) > 2).any(axis=-1)
        assert wrong.mean() < 0.002  # rounding may flip a pixel
        row = viewer.locator("tbody tr", has_text="unsure").locator("td").nth(0 if split else 1)
        share = unsure.mean()
        expect(row).to_have_text(f"{100 * share:.{1 if share < 0.0995 else 0}f} %")


def test_no_row_of_a_legend_reads_nothing(opened: Page) -> None:
    for name, rows in (("Image", "#viewer .sv-class:visible .sv-share"), ("Compare", "#compare tbody tr")):
        open_tab(opened, name)
        opened.wait_for_selector(rows)
        for row in opened.locator(rows).all():
            text = row.inner_text()
            assert text.count("0.0 %") < (1 if name == "Image" else 2), text


def test_the_divider_is_dragged_and_a_click_is_no_drag(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(photo()))
    drag(opened, "Overlay", 100)
    move_to(opened, "#viewer canvas", 2, 30)
    opened.mouse.down()
    move_to(opened, "#viewer canvas", 20, 30)
    move_to(opened, "#viewer canvas", 40, 30)
    opened.mouse.up()
    assert np.abs(np.array(color_at(opened, "#viewer canvas", 10, 30)) - photo()[30, 10]).max() <= 8
    assert np.abs(np.array(color_at(opened, "#viewer canvas", 70, 30)) - photo()[30, 70]).max() > 8
    divider, canvas = (opened.locator(f"#viewer {part}").bounding_box() for part in (".sv-divider", "canvas"))
    assert divider is not None
    assert canvas is not None
    assert (divider["x"] - canvas["x"]) / canvas["width"] == pytest.approx(40.5 / 80, abs=0.02)
    expect(opened.locator(TAB.format("image"))).to_have_attribute("aria-selected", "true")


def test_the_divider_of_a_comparison_is_dragged(opened: Page) -> None:
    open_tab(opened, "Compare")
    opened.wait_for_selector("#compare .sv-viewer[data-state=ready]")
    canvas = opened.locator("#compare canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    for share in (0.25, 0.8):
        opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + 90)
        opened.mouse.down()
        opened.mouse.move(box["x"] + share * box["width"], box["y"] + 95, steps=4)
        opened.mouse.up()
        divider = opened.locator("#compare .sv-divider").bounding_box()
        assert divider is not None
        assert (divider["x"] - box["x"]) / box["width"] == pytest.approx(share, abs=0.02)
        expect(opened.locator("#compare").get_by_label("Left | right")).to_have_value(str(round(100 * share)))


# --- Live -----------------------------------------------------------------------------------------------


def test_live_stops_when_its_tab_is_left_and_says_how_the_point_is_moved(opened: Page) -> None:
    open_tab(opened, "Live")
    live = opened.locator("#live")
    live.get_by_role("button", name="Camera").click()
    opened.wait_for_selector("#live canvas[data-frame]")
    expect(live.get_by_text("Click the picture to move the point.")).to_be_hidden()
    live.get_by_label("Attention").check()
    expect(live.get_by_text("Click the picture to move the point.")).to_be_visible()
    opened.evaluate("window.camera = document.querySelector('#live video').srcObject")
    assert opened.evaluate("window.camera.active")
    open_tab(opened, "Image")
    opened.wait_for_function("() => !window.camera.active")
    frame = opened.get_attribute("#live canvas", "data-frame")
    opened.wait_for_timeout(700)
    assert opened.get_attribute("#live canvas", "data-frame") == frame
    open_tab(opened, "Live")
    expect(live.get_by_role("button", name="Camera")).to_be_visible()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [("NotFoundError", "No camera was found"), ("NotAllowedError", "does not give this page the camera")],
)
def test_a_camera_that_is_absent_is_said_in_words(opened: Page, error: str, sentence: str) -> None:
    opened.evaluate(REFUSE_CAMERA, error)
    open_tab(opened, "Live")
    opened.locator("#live").get_by_role("button", name="Camera").click()
    message = opened.locator("#live [role=alert]")
    expect(message).to_contain_text(sentence)
    assert error not in message.inner_text()


def test_smooth_labels_hold_a_pixel_until_the_frames_against_it_outweigh_it(opened: Page) -> None:
    held = opened.evaluate("""async () => {
      const { makeSmoother } = await import("/swinviz/assets/smoothing.js");
      const { smooth } = makeSmoother();
      const frame = (label, sure) => ({
        labels: { values: Uint8Array.of(label), width: 1, height: 1 },
        scores: { values: Uint8Array.of(sure), width: 1, height: 1 },
      });
      const seen = [[0, 90], [0, 90], [1, 60], [0, 90], [1, 80], [1, 80], [1, 80], [1, 80]];
      return seen.map(([label, sure]) => smooth(frame(label, sure)).labels.values[0]);
    }""")
    # A flicker of one frame is not seen; three frames in a row outweigh what was held (2 at the most).
    assert held == [0, 0, 0, 0, 0, 0, 1, 1]


# --- addresses ------------------------------------------------------------------------------------------


def test_a_click_on_a_pixel_opens_its_attention(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(noise()))
    move_to(opened, "#viewer canvas", 60, 15)
    opened.mouse.down()
    opened.mouse.up()
    expect(opened.locator(TAB.format("attention"))).to_have_attribute("aria-selected", "true")
    opened.wait_for_selector("#attention .swinviz-explorer[data-ready=true]")
    # The model's input is 64 x 85 pixels: the picture's 60 x 80, enlarged.
    opened.wait_for_function("() => location.search.includes('locked=true')")
    where = opened.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    assert (int(where["x"]), int(where["y"])) == (int(60.5 / 80 * 85), int(15.5 / 60 * 64))
    assert where["tab"] == "attention"


def test_a_reload_keeps_picture_tab_and_state_and_so_does_a_copied_address(opened: Page) -> None:
    upload(opened, "good.png", file_bytes(noise((40, 60))))
    open_tab(opened, "Attention")
    viewer = "#attention .swinviz-explorer[data-ready=true]"
    opened.wait_for_selector(viewer)
    opened.wait_for_function("() => location.search.includes('stage=')")
    state = opened.get_attribute("#attention .swinviz-explorer", "data-state")
    address = opened.url.replace("stage=2", "stage=1").replace("block=1", "block=0")
    assert address != opened.url, opened.url
    address += "&head=1&edits=no_bias"
    for visit in (lambda: opened.reload(), lambda: opened.goto(address), lambda: opened.reload()):
        visit()
        opened.wait_for_selector(viewer)
        expect(opened.locator(TAB.format("attention"))).to_have_attribute("aria-selected", "true")
        expect(opened.locator("#viewer .sv-note").first).to_contain_text("60 × 40 pixels", timeout=WAIT)
    assert state is not None
    now = parse_qs(opened.get_attribute("#attention .swinviz-explorer", "data-state"))
    expected = parse_qs(state) | {"stage": ["1"], "block": ["0"], "head": ["1"], "edits": ["no_bias"]}
    assert now == expected
    assert parse_qs(urlsplit(opened.url).query).items() >= expected.items()


def test_back_and_forward_go_through_pictures_tabs_and_blocks(opened: Page, tab: Tab) -> None:
    viewer = "#attention .swinviz-explorer[data-ready=true]"
    note, size = opened.locator("#viewer .sv-note").first, "60 × 40 pixels"
    upload(opened, "good.png", file_bytes(noise((40, 60))))
    uploaded = parse_qs(urlsplit(opened.url).query)["picture"]
    opened.wait_for_timeout(1200)  # what comes at once is one step
    open_tab(opened, "Attention")
    opened.wait_for_selector(viewer)
    opened.wait_for_function("() => location.search.includes('stage=2')")
    opened.wait_for_timeout(1200)
    opened.locator("#attention .swv-cell").first.click()
    opened.wait_for_function("() => location.search.includes('stage=0')")
    box = opened.locator("#attention .swv-over").bounding_box()
    assert box is not None
    before = opened.evaluate("history.length")
    for step in range(20):  # looking around is no step
        opened.mouse.move(box["x"] + 10 + 5 * step, box["y"] + 20)
    opened.wait_for_timeout(300)
    assert opened.evaluate("history.length") == before
    opened.go_back()
    opened.wait_for_function(AT_STAGE, arg=2)
    expect(opened.locator(TAB.format("attention"))).to_have_attribute("aria-selected", "true")
    opened.go_back()
    expect(opened.locator(TAB.format("image"))).to_have_attribute("aria-selected", "true")
    expect(note).to_contain_text(size)
    opened.go_back()
    expect(note).not_to_contain_text(size, timeout=WAIT)
    expect(note).to_contain_text("480 × 320 pixels", timeout=WAIT)
    assert "picture=temple" in opened.url
    opened.wait_for_timeout(1200)
    opened.go_forward()
    expect(note).to_contain_text(size, timeout=WAIT)
    assert parse_qs(urlsplit(opened.url).query)["picture"] == uploaded
    opened.go_forward()
    expect(opened.locator(TAB.format("attention"))).to_have_attribute("aria-selected", "true")
    opened.go_forward()  # while the explorer is being opened
    opened.wait_for_selector(viewer)
    opened.wait_for_function(AT_STAGE, arg=0)
    # The pointer's last request may reach the server when the picture that it was over is closed already.
    tab.errors[:] = [error for error in tab.errors if "status of 410 (Gone)" not in error]


def test_an_address_opens_the_comparison_it_names(opened: Page, app: Server) -> None:
    opened.goto(f"{app.url}?tab=compare&picture=lake&left=tiny~no_bias&right=nano~drop-2")
    opened.wait_for_selector("#compare .sv-viewer[data-state=ready]")
    viewer = opened.locator("#compare")
    expect(viewer).to_contain_text("tiny, no relative position bias", timeout=WAIT)
    expect(viewer).to_contain_text("nano, decoder without stride 16")
    expect(opened.get_by_label("Right edit")).to_have_value("decoder without stride 16")


def test_an_address_that_means_nothing_opens_the_page_as_it_is(opened: Page, app: Server) -> None:
    opened.goto(f"{app.url}?tab=x&picture=../../etc&model=absent&left=~&stage=99&y=-5&edits=absent")
    opened.wait_for_selector(f"{VIEWER}[data-state=ready]")
    open_tab(opened, "Attention")
    opened.wait_for_selector("#attention .swinviz-explorer[data-ready=true]")
    shown = opened.locator("#attention .swinviz-explorer").get_attribute("data-state") or ""
    state = {name: values[0] for name, values in parse_qs(shown).items()}
    assert 0 <= int(state["stage"]) <= 3
    assert int(state["y"]) >= 0
    assert "absent" not in shown
    expect(opened.get_by_role("tab", name="Attention", exact=True).first).to_have_attribute(
        "aria-selected", "true"
    )
    expect(opened.locator(".toast-body.error")).to_have_count(0)


def test_a_style_sheet_that_comes_late_costs_no_colors(opened: Page, app: Server) -> None:
    def drawn() -> list[str]:
        opened.goto(f"{app.url}?tab=attention&stage=2&block=1&y=20&x=20")
        opened.wait_for_selector("#attention .swinviz-explorer[data-ready=true]")
        opened.wait_for_timeout(500)
        canvases = opened.locator("#attention .swinviz-explorer canvas")
        return canvases.evaluate_all("all => all.map((canvas) => canvas.toDataURL())")

    def late(route: Route) -> None:
        time.sleep(1.5)
        route.continue_()

    opened.route("**/explorer.css", late)
    first = drawn()
    opened.unroute("**/explorer.css", late)
    assert len(first) > 5
    assert first == drawn()
