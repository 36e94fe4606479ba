"""A demo that is served, and a browser whose camera is a film."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from support import browser
from support.browser import Page, Server, Tab
from support.demo_pages import CLASSES, VIEWER, WAIT, draw_camera
from support.demo_samples import OFFLINE, small_model

import swinviz.checkpoints


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser whose camera is a film."""
    if browser.CHROMIUM is None:
        pytest.skip("no chromium on the PATH; install Debian's package `chromium`")
    film = tmp_path_factory.mktemp("camera") / "film.y4m"
    draw_camera(film)
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with browser.launch(*flags, f"--use-file-for-fake-video-capture={film}") as launched:
        yield launched


@pytest.fixture
def tab(chromium: browser.Browser) -> Iterator[Tab]:
    with browser.open_tab(chromium, permissions=("camera",)) as opened:
        yield opened
        opened.assert_clean()


@pytest.fixture(scope="module")
def app(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    folder = tmp_path_factory.mktemp("weights")
    weights = swinviz.checkpoints.save(small_model(classes=CLASSES), folder / "tiny.safetensors")
    return serve([sys.executable, "app.py", "--port", "{port}", "--model", str(weights)], env=OFFLINE)


@pytest.fixture
def opened(app: Server, page: Page) -> Page:
    page.set_default_timeout(WAIT)
    page.goto(app.url, wait_until="domcontentloaded")
    page.wait_for_selector(f"{VIEWER}[data-state=ready]")
    return page
