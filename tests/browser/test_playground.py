"""The playground in Chromium, the network cut: the model runs in the page and answers as Python does."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support import browser
from support.folder_server import serve_folder

import swinviz
from swinviz.errors import ImageError
from swinviz.explorer import Session, handle
from swinviz.explorer.wire_format import Fixed, unpack
from swinviz.images import read_image
from swinviz.site import build_playground

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    """Chromium with a camera that shows a moving pattern."""
    if browser.CHROMIUM is None:
        pytest.skip("no chromium on the PATH; install Debian's package `chromium`")
    with browser.launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as launched:
        yield launched


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
    build_playground(swinviz.load("nano"), folder / "site", title="nano", samples=[folder / "picture.png"])
    # Without the headers that threads need, as on any file server.
    with serve_folder(folder / "site") as served:
        yield f"{served}/?provider=wasm&threads=2"


def open_ready(tab: browser.Tab, address: str) -> browser.Page:
    tab.page.goto(address)
    tab.page.wait_for_selector("#playground[data-ready=true]", timeout=240_000)
    return tab.page


@pytest.fixture(scope="module")
def tab(chromium: browser.Browser, address: str) -> Iterator[browser.Tab]:
    with browser.open_tab(chromium) as opened:
        open_ready(opened, address)
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
        "drop-0",
        "drop-3.no_shift",
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


@pytest.mark.parametrize("edits", ["", "no_shift", "drop-1", "drop-3"])
def test_decision_is_pythons(edits: str, tab: browser.Tab, session: Session) -> None:
    for y, x in ((0, 0), (100, 60), (149, 221)):
        said, _, expected, _ = both(tab, session, "decision", y=y, x=x, edits=edits)
        assert said.keys() == expected.keys()
        assert said["class_index"] == expected["class_index"]
        for name in ("logit", "levels", "constant", "backbone", "pooling", "bottleneck_constant"):
            np.testing.assert_allclose(said[name], expected[name], atol=1e-4)
        assert said["confidence"] == pytest.approx(expected["confidence"], abs=1e-4)
        assert sum(said["levels"]) + said["constant"] == pytest.approx(said["logit"], abs=1e-4)


@pytest.mark.parametrize("kind", ["rollout", "reach"])
@pytest.mark.parametrize("edits", ["", "no_shift"])
def test_timelines_are_pythons(kind: str, edits: str, tab: browser.Tab, session: Session) -> None:
    for y, x in ((0, 0), (100, 60), (149, 200)):
        said, page, expected, python = both(tab, session, "timeline", kind=kind, y=y, x=x, edits=edits)
        np.testing.assert_allclose(said["shares"], expected["shares"], atol=1e-6)
        np.testing.assert_allclose(said["patches"], expected["patches"], rtol=1e-4)
        assert np.abs(page["levels"] - python["levels"]).max() <= 1
        np.testing.assert_allclose(page["peaks"], python["peaks"], atol=1e-4)


def png_of(width: int, height: int) -> bytes:
    """A picture that says it has this many pixels, and has a few."""
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def damaged_jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()[:150]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("no picture.png", b"no picture"),
        ("it's.html", b"<b>bold</b>"),
        ("damaged.jpg", damaged_jpeg()),
        ("large.png", png_of(10_000, 8_000)),
        ("long.png", png_of(50_000, 2)),
    ],
    ids=["empty", "no picture", "a page", "damaged", "large", "long"],
)
def test_bad_pictures_are_refused_in_pythons_sentences(
    name: str, content: bytes, tab: browser.Tab, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError) as refused:
        read_image(tmp_path / name)
    tab.page.evaluate("document.querySelector('#status').dataset.bad = 'false'")
    tab.page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
    tab.page.wait_for_selector("#status[data-bad=true]", timeout=60_000)
    # Only the decoder's own reason, in parentheses, is another.
    reasons = r"damaged \(.*\)"
    expected = re.sub(reasons, "damaged", str(refused.value)).replace(repr(name), f"'{name}'")
    assert re.sub(reasons, "damaged", tab.page.inner_text("#status")) == expected
    assert tab.page.locator("#status b").count() == 0
    tab.errors.clear()


def test_weight_of_the_page(tab: browser.Tab) -> None:
    loaded = tab.page.evaluate(
        "performance.getEntriesByType('resource').map((each) => [each.name, each.encodedBodySize])"
    )
    loaded += tab.page.evaluate(
        """async () => Promise.all(["runtime/ort.wasm.min.mjs", "runtime/ort-wasm-simd-threaded.mjs",
          "runtime/ort-wasm-simd-threaded.wasm.gz", "models/model.onnx.gz", "models/model.json"].map(
            async (name) => [name, (await (await fetch(name)).arrayBuffer()).byteLength]))"""
    )  # what the worker loads
    weight = sum(size for _, size in loaded)
    print(f"{weight / 1e6:.1f} MB")
    assert 5e6 < weight < 15e6


def test_one_thread_does_the_work_where_the_page_cannot_be_isolated(
    chromium: browser.Browser, address: str
) -> None:
    context = chromium.new_context(service_workers="block")
    try:
        opened = browser.Tab(context.new_page())
        page = open_ready(opened, address)
        assert not page.evaluate("crossOriginIsolated")
        assert page.evaluate("swinviz.engine.threads") == 1
        assert "one thread of WebAssembly (this browser or server gives no more)" in page.inner_text(
            "#status"
        )
    finally:
        context.close()


def test_webassembly_takes_over_where_webgpu_fails(chromium: browser.Browser, address: str) -> None:
    with browser.open_tab(chromium) as opened:
        page = open_ready(opened, address.replace("provider=wasm", "provider=webgpu"))
        assert page.evaluate("swinviz.engine.provider") == "wasm"
        assert page.evaluate("swinviz.engine.threads") == 2


def test_camera_is_segmented_and_its_frame_opened(chromium: browser.Browser, address: str) -> None:
    with browser.open_tab(chromium, permissions=["camera"]) as opened:
        page = open_ready(opened, address)
        page.click("#camera")
        page.wait_for_selector("#live[data-rate]", timeout=120_000)
        assert page.get_attribute("#camera", "aria-pressed") == "true"
        assert re.match(r"\d+\.\d frames a second, 320 x \d+ pixels, 2 threads", page.inner_text("#status"))
        colors = page.evaluate(
            """() => {
              const canvas = document.querySelector("#labels"), { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              const seen = new Set();
              for (let at = 0; at < data.length; at += 4) seen.add([...data.slice(at, at + 3)].join());
              return [...seen];
            }"""
        )
        palette = {",".join(map(str, color)) for color in swinviz.load("nano").config.palette}
        assert set(colors) <= palette
        assert len(colors) > 1
        page.click("#look")
        page.locator("#status", has_text=re.compile("^camera: ")).wait_for(timeout=120_000)
        assert page.get_attribute("#camera", "aria-pressed") == "false"
        assert page.locator("#live").is_hidden()
        assert "camera" in page.inner_text("#viewer")
        opened.assert_clean()


def test_tour_goes_from_start_to_end(chromium: browser.Browser, address: str) -> None:
    with browser.open_tab(chromium) as opened:
        page = open_ready(opened, address)
        page.get_by_role("button", name="Tour").click()
        steps = 0
        while (following := page.get_by_role("button", name="Next")).count() and steps < 30:
            following.click()
            page.wait_for_timeout(300)
            steps += 1
        assert steps >= 3
        opened.assert_clean()


def test_speed(tab: browser.Tab, address: str) -> None:
    if "SWINVIZ_TIMINGS" not in os.environ:
        pytest.skip("timings say something on a quiet machine alone: set SWINVIZ_TIMINGS there")
    open_ready(tab, address)
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
