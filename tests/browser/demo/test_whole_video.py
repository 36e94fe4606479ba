"""A whole video in the Live tab: chosen, previewed, annotated, seen, downloaded; refused, canceled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Route, expect
from support.browser import Page, Tab
from support.demo_pages import CLASSES, WAIT, drag, open_tab
from support.demo_samples import small_model
from support.videos import contents, moving_frames, write_video

from swinviz.devices import PRECISIONS, fast_precision
from swinviz.inference import InferenceOptions
from swinviz.streaming import AnnotateOptions, annotate_video

pytestmark = pytest.mark.browser

SIZE = (96, 160)
BEGIN = "Annotate the whole video"


def choose(page: Page, path: Path) -> None:
    open_tab(page, "Live")
    page.set_input_files("#live input[type=file]", path)


@pytest.fixture(scope="module")
def webm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's Chromium plays VP8 everywhere."""
    path = tmp_path_factory.mktemp("video") / "walk.2.webm"
    return write_video(path, moving_frames(24, SIZE), rate=12, codec="libvpx", sound="libopus")


def test_a_video_is_annotated_shown_and_downloaded(opened: Page, webm: Path, tmp_path: Path) -> None:
    choose(opened, webm)
    live = opened.locator("#live")
    opened.wait_for_selector("#live canvas[data-frame]")  # its preview
    expect(live.locator(".sv-file")).to_have_text("walk.2.webm")
    drag(opened, "Overlay", 90, "#live")
    live.get_by_label("Smooth").check()
    live.get_by_role("button", name=BEGIN).click()
    save = live.get_by_role("button", name="↓ Annotated video")
    expect(save).to_be_visible(timeout=WAIT)
    expect(live.get_by_role("status")).to_contain_text("24 frames, with times and sound of the original")
    expect(live.get_by_role("button", name="Stop")).to_be_hidden()  # the preview ended
    expect(live.locator("canvas")).to_be_hidden()
    shown = live.locator("video.sv-result")
    opened.wait_for_function("() => document.querySelector('video.sv-result').readyState >= 1")
    box = shown.bounding_box()
    assert box is not None
    assert box["width"] > 300
    assert box["width"] / box["height"] == pytest.approx(SIZE[1] / SIZE[0], rel=0.02)
    opened.set_viewport_size({"width": 390, "height": 844})
    box = shown.bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(SIZE[1] / SIZE[0], rel=0.02)
    assert 300 < box["width"] <= 390
    opened.set_viewport_size({"width": 1280, "height": 900})
    with opened.expect_download() as waiting:
        save.click()
    assert waiting.value.suggested_filename == "walk.2_overlay.mp4"
    waiting.value.save_as(tmp_path / "b.mp4")
    precision = PRECISIONS[fast_precision(torch.device("cpu"))]  # as the server chooses
    options = AnnotateOptions(InferenceOptions(precision=precision), opacity=0.9, smooth=True)
    annotate_video(small_model(classes=CLASSES), webm, tmp_path / "c.mp4", options)
    before, ours, expected = contents(webm), contents(tmp_path / "b.mp4"), contents(tmp_path / "c.mp4")
    assert ours.times == before.times
    assert ours.packets == before.packets  # the sound
    differs = [
        (np.abs(a.astype(int) - b) > 12).any(axis=-1).mean()
        for a, b in zip(ours.frames, expected.frames, strict=True)
    ]
    # The server's copy for inference rounds otherwise, and a random model's classes are often nearly even.
    assert max(differs) < 0.1
    live.get_by_label("Smooth").uncheck()  # another look is another video
    expect(live.get_by_role("button", name=BEGIN)).to_be_visible()
    live.get_by_role("button", name="Camera").click()
    opened.wait_for_function("() => !document.querySelector('#live .sv-result')")
    expect(live.locator(".sv-whole")).to_be_hidden()
    expect(live.locator("canvas")).to_be_visible()


def test_progress_is_seen_and_cancel_ends_the_work(opened: Page, tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", moving_frames(40, (360, 480)) * 20)
    choose(opened, path)
    live = opened.locator("#live")
    live.get_by_role("button", name=BEGIN).click()
    expect(live.get_by_role("status")).to_contain_text("of 800, about", timeout=WAIT)
    bar = live.locator("progress")
    expect(bar).to_be_visible()
    assert 0 < bar.evaluate("bar => bar.value / bar.max") < 1
    open_tab(opened, "Image")  # leaving the tab ends the camera, not the work
    opened.wait_for_timeout(600)
    open_tab(opened, "Live")
    before = bar.evaluate("bar => bar.value")
    opened.wait_for_function("before => document.querySelector('#live progress').value > before", arg=before)
    live.get_by_role("button", name="Cancel").click()
    expect(live.get_by_role("status")).to_have_text("canceled")
    expect(bar).to_be_hidden()
    small = write_video(tmp_path / "small.mp4", moving_frames(6))
    choose(opened, small)  # the server's one place for videos is free again
    live.get_by_role("button", name=BEGIN).click()
    expect(live.get_by_role("button", name="↓ Annotated video")).to_be_visible(timeout=WAIT)


def test_what_cannot_be_annotated_is_said_in_one_sentence(opened: Page, tab: Tab, tmp_path: Path) -> None:
    live = opened.locator("#live")
    alert = live.locator("[role=alert]")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video")
    choose(opened, broken)
    expect(alert).to_contain_text("cannot be played by the browser")
    live.get_by_role("button", name=BEGIN).click()
    expect(alert).to_contain_text("video 'broken.mp4' cannot be opened", timeout=WAIT)
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(27 * 2**20))
    choose(opened, large)
    live.get_by_role("button", name=BEGIN).click()
    expect(alert).to_have_text(
        "The video has 27 MB, more than the limit of 25 MB: make it smaller, or cut it."
    )
    slow = write_video(tmp_path / "slow.mp4", moving_frames(70), rate=1)
    choose(opened, slow)
    live.get_by_role("button", name=BEGIN).click()
    expect(alert).to_contain_text("video 'slow.mp4' is too long: cut it to 60 seconds", timeout=WAIT)
    expect(live.get_by_role("button", name=BEGIN)).to_be_visible()
    expect(live.get_by_role("button", name="↓ Annotated video")).to_be_hidden()
    tab.errors.clear()  # the browser says what it cannot play


def test_a_connection_that_breaks_is_said_and_no_half_video_is_kept(
    opened: Page, tab: Tab, webm: Path
) -> None:
    live = opened.locator("#live")
    choose(opened, webm)

    def half(route: Route) -> None:
        body = b'{"done": 1, "of": 2}\n{"bytes": 900, "frames": 2, "missing": 0}\n' + bytes(10)
        route.fulfill(status=200, content_type="application/octet-stream", body=body)

    opened.route("**/swinviz/video?*", half)
    live.get_by_role("button", name=BEGIN).click()
    expect(live.locator("[role=alert]")).to_contain_text("The connection broke before the video had come")
    expect(live.get_by_role("button", name="↓ Annotated video")).to_be_hidden()
    opened.unroute("**/swinviz/video?*")
    opened.route("**/swinviz/video?*", lambda route: route.abort())
    live.get_by_role("button", name=BEGIN).click()
    expect(live.locator("[role=alert]")).to_have_text(
        "The connection to the server was lost; please try again."
    )
    tab.errors.clear()  # the browser logs the request that failed
