"""The static site in Chromium, the network cut: the model runs in the page and answers as Python does."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support import browser

import swinviz
from swinviz.explorer import Session, handle
from swinviz.explorer.wire_format import Fixed, unpack
from swinviz.site import build_site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE = (150, 222)

ASK = """async ([name, args]) => {
  window.opened ??= await (async () => {
    const blob = await (await fetch("samples/picture.png")).blob(), bitmap = await createImageBitmap(blob);
    return swinviz.engine.open(swinviz.pixelsOf(bitmap, bitmap.width, bitmap.height), "nano", "picture.png");
  })();
  const { header, arrays } = await window.opened.request(name, args);
  const plain = Object.entries(arrays).map(
    ([key, { data, shape, step }]) => [key, { data: Array.from(data), shape, step }]);
  return { header, arrays: Object.fromEntries(plain) };
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [127 + 120 * np.sin(rows / 7 + k) * np.cos(columns / (9 + 5 * k)) for k in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def address(picture: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings the browser's runtime, is not installed")
    folder = tmp_path_factory.mktemp("site")
    Image.fromarray(picture).save(folder / "picture.png")
    files = build_site(swinviz.load("nano"), folder / "site", title="nano", samples=[folder / "picture.png"])
    assert sum(files.values()) < 30e6
    # Without the headers that threads need, as on any file server.
    handler = functools.partial(_Quiet, directory=str(folder / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/?threads=2"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def tab(chromium: browser.Browser, address: str) -> Iterator[browser.Tab]:
    with browser.open_tab(chromium) as opened:
        opened.page.goto(address)
        opened.page.wait_for_selector("#playground[data-ready=true]", timeout=120_000)
        yield opened


@pytest.fixture(scope="module")
def session(picture: NDArray[np.uint8]) -> Session:
    return Session(swinviz.load("nano"), picture)


def both(
    tab: browser.Tab, session: Session, name: str, **arguments: Any
) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and values of the page's answer, and of Python's."""
    found = tab.page.evaluate(ASK, [name, arguments])
    header, arrays = unpack(handle(session, name, arguments))
    page = {
        key: np.asarray(array["data"], np.float64).reshape(array["shape"]) * array["step"]
        for key, array in found["arrays"].items()
    }
    python = {
        key: value.integers * value.step if isinstance(value, Fixed) else value.astype(np.float64)
        for key, value in arrays.items()
    }
    assert page.keys() == python.keys()
    assert all(page[key].shape == python[key].shape for key in page)
    return found["header"], page, header, python


def rows_of(arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
    return arrays["levels"] * arrays["peaks"].reshape(-1, *[1] * (arrays["levels"].ndim - 1))


def test_page_has_threads_asks_nobody_and_logs_no_error(tab: browser.Tab) -> None:
    assert tab.page.evaluate("crossOriginIsolated")
    assert tab.page.evaluate("swinviz.engine.threads") == 2
    assert "2 threads of WebAssembly" in tab.page.inner_text("#status")
    tab.assert_clean()


def test_manifest_and_prepared_image_are_pythons(tab: browser.Tab, session: Session) -> None:
    said, page, expected, python = both(tab, session, "manifest")
    for key in ("size", "classes", "blocks", "pool_scales", "offline"):
        assert said[key] == expected[key]
    np.testing.assert_array_equal(page["image"], python["image"])  # resized bit for bit


@pytest.mark.parametrize(
    "edits",
    [
        "",
        "no_shift",
        "no_mask",
        "no_bias",
        "mask_padding_keys",
        "off-1-1-0.off-3-0-5",
        "mask_padding_keys.no_mask",
    ],
)
def test_segmentation_and_patterns_are_pythons(edits: str, tab: browser.Tab, session: Session) -> None:
    arguments = {"edits": edits} if edits else {}
    said, page, expected, python = both(tab, session, "segmentation", **arguments)
    assert (page["labels"] != python["labels"]).mean() < 1e-4  # pixels where two classes are level
    assert np.abs(page["confidence"] - python["confidence"]).max() <= 1.01 / 255
    if edits:
        assert said["flipped"] == pytest.approx(expected["flipped"], abs=5)
        assert expected["flipped"] > 0
    for stage, block in ((0, 1), (2, 3), (3, 0)):
        said, page, expected, python = both(tab, session, "block", stage=stage, block=block, **arguments)
        assert said["geometry"] == expected["geometry"]
        assert np.abs(page["levels"] - python["levels"]).max() <= 1
        np.testing.assert_allclose(page["peaks"], python["peaks"], atol=1e-4)
        np.testing.assert_allclose(page["entropy"], python["entropy"], atol=1e-3)
        np.testing.assert_allclose(page["distance"], python["distance"], rtol=1e-3, atol=1e-2)
        np.testing.assert_allclose(page["bias"], python["bias"], atol=1e-6)


def test_decomposition_is_pythons(tab: browser.Tab, session: Session) -> None:
    for stage, block, y, x in ((0, 1, 5, 7), (2, 3, 100, 60), (3, 1, 140, 200)):
        said, page, expected, python = both(tab, session, "decomposition", stage=stage, block=block, y=y, x=x)
        assert (said["window"], said["query"]) == (expected["window"], expected["query"])
        for part in page:
            np.testing.assert_allclose(page[part], python[part], atol=1e-5)
        for part, values in expected["divergence"].items():
            np.testing.assert_allclose(said["divergence"][part], values, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["rollout", "reach"])
@pytest.mark.parametrize("edits", ["", "no_shift"])
def test_timelines_are_pythons(kind: str, edits: str, tab: browser.Tab, session: Session) -> None:
    for y, x in ((0, 0), (100, 60), (149, 200)):
        said, page, expected, python = both(tab, session, "timeline", kind=kind, y=y, x=x, edits=edits)
        np.testing.assert_allclose(said["shares"], expected["shares"], atol=1e-6)
        np.testing.assert_allclose(said["patches"], expected["patches"], rtol=1e-4)
        assert np.abs(page["levels"] - python["levels"]).max() <= 1
        np.testing.assert_allclose(page["peaks"], python["peaks"], atol=1e-4)


def test_a_file_that_is_no_picture_is_refused_in_a_sentence(tab: browser.Tab) -> None:
    tab.page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    tab.page.wait_for_selector("#status[data-bad=true]")
    assert tab.page.inner_text("#status").startswith("'a.png' cannot be read as an image")


def test_speed(tab: browser.Tab, address: str) -> None:
    if "SWINVIZ_TIMINGS" not in os.environ:
        pytest.skip("timings say something on a quiet machine alone: set SWINVIZ_TIMINGS there")
    tab.page.goto(address)
    tab.page.wait_for_selector("#playground[data-ready=true]", timeout=120_000)
    seconds = tab.page.evaluate("performance.now() / 1000")
    rate = tab.page.evaluate(
        """async () => {
          const data = Uint8Array.from({ length: 320 * 240 * 3 }, (_, at) => (at * 7919) % 256);
          const frame = { data, height: 240, width: 320 };
          await swinviz.engine.labels(frame);
          const from = performance.now();
          for (let count = 0; count < 20; count++) await swinviz.engine.labels(frame);
          return 20000 / (performance.now() - from);
        }"""
    )
    print(
        f"first segmentation {seconds:.1f} s after the page was asked for, warm; {rate:.1f} frames a second"
    )
    assert seconds < 5
    assert rate >= 5
