"""The README's pictures of the demo: SWINVIZ_SCREENSHOTS=1 pytest -m slow tests/browser/test_screenshots.py

A module of its own, because its browser has another camera than that of the other browser tests.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import browser
from support.browser import Page, Server
from support.demo_samples import OFFLINE

from swinviz.data.scenes import scene

pytestmark = pytest.mark.browser


def show(page: Page, name: str) -> None:
    page.locator(f"[role=tab][data-tab-id={name.lower()}]").click()


def draw_walk(path: Path, frames: int = 60) -> None:
    """A film for the fake camera: a look along a wide scene."""
    image, _ = scene(1, 7, (240, 560))
    with path.open("wb") as film:
        film.write(b"YUV4MPEG2 W320 H240 F15:1 Ip A1:1 C420jpeg\n")
        for number in range(frames):
            left = round(120 * (1 - np.cos(2 * np.pi * number / frames)))
            y, u, v = Image.fromarray(image[:, left : left + 320]).convert("YCbCr").split()
            halves = [np.asarray(plane.resize((160, 120))).tobytes() for plane in (u, v)]
            film.write(b"FRAME\n" + np.asarray(y).tobytes() + b"".join(halves))


def photograph(page: Page, folder: Path, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)  # transitions end
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
    image.save(folder / f"{name}.png", optimize=True)
    assert (folder / f"{name}.png").stat().st_size < 700_000  # photographs do not compress as drawings do


@pytest.mark.slow
def test_every_tab_is_photographed_for_the_readme(
    serve: Callable[..., Server], tmp_path: Path, repository: Path
) -> None:
    film = tmp_path / "walk.y4m"
    draw_walk(film)
    folder = repository / "docs" / "images" if os.environ.get("SWINVIZ_SCREENSHOTS") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    server = serve([sys.executable, "app.py", "--port", "{port}", "--model", "outdoor"], env=OFFLINE)
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with (
        browser.launch(*flags, f"--use-file-for-fake-video-capture={film}") as chromium,
        browser.open_tab(chromium, permissions=("camera",), size=(1280, 900)) as opened,
    ):
        page = opened.page
        page.set_default_timeout(60_000)
        page.goto(server.url, wait_until="domcontentloaded")
        page.wait_for_selector("#viewer .sv-viewer[data-state=ready]")
        photograph(page, folder, "image")
        show(page, "Attention")
        page.wait_for_selector("#attention .swinviz-explorer[data-ready=true]")
        photograph(page, folder, "attention")
        show(page, "Live")
        page.locator("#live").get_by_role("button", name="Camera").click()
        page.wait_for_selector("#live canvas[data-frame]")
        page.locator("#live").get_by_label("Attention").check()
        page.locator("#live").get_by_label("stage").select_option("2")
        page.wait_for_timeout(4000)
        photograph(page, folder, "live")
        show(page, "Compare")
        page.wait_for_selector("#compare .sv-viewer[data-state=ready]")
        photograph(page, folder, "compare")
        show(page, "About")
        photograph(page, folder, "about")
        opened.assert_clean()
