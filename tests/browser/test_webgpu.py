"""The playground's engine on WebGPU, drawn by the processor (SwiftShader): right, if slow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import browser
from support.folder_server import serve_folder

import swinviz
from swinviz.explorer import Session, handle
from swinviz.explorer.wire_format import unpack
from swinviz.site import build_playground

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ON_PROCESSOR = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")

ASK = """async () => {
  const blob = await (await fetch("samples/picture.png")).blob(), bitmap = await createImageBitmap(blob);
  const picture = swinviz.pixelsOf(bitmap, bitmap.width, bitmap.height);
  const opened = await swinviz.engine.open(picture, "nano", "picture");
  const answers = [];
  for (const [stage, block] of [[0, 1], [2, 3], [3, 0]]) {
    const { arrays: { levels } } = await opened.request("block", { stage, block });
    answers.push(Array.from(levels.data));
  }
  const { arrays: { labels } } = await opened.request("segmentation", {});
  return [answers, Array.from(labels.data)];
}"""


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)


@pytest.fixture(scope="module")
def address(picture: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings the browser's runtime, is not installed")
    folder: Path = tmp_path_factory.mktemp("site")
    Image.fromarray(picture).save(folder / "picture.png")
    build_playground(swinviz.load("nano"), folder / "site", title="nano", samples=[folder / "picture.png"])
    with serve_folder(folder / "site") as served:
        yield served


@pytest.fixture(scope="module")
def tab() -> Iterator[browser.Tab]:
    if browser.CHROMIUM is None:
        pytest.skip("no chromium on the PATH; install Debian's package `chromium`")
    with (
        browser.launch(*ON_PROCESSOR, without=["--disable-gpu"]) as launched,
        browser.open_tab(launched) as opened,
    ):
        yield opened


def test_webgpu_gives_pythons_patterns_and_labels(
    tab: browser.Tab, address: str, picture: np.ndarray
) -> None:
    tab.page.goto(f"{address}/?provider=webgpu")
    tab.page.wait_for_selector("#playground[data-ready=true]", timeout=600_000)
    assert tab.page.evaluate("swinviz.engine.provider") == "webgpu"
    assert tab.page.inner_text("#status").endswith("WebGPU.")
    tab.page.set_default_timeout(600_000)
    patterns, labels = tab.page.evaluate(ASK)
    session = Session(swinviz.load("nano"), picture)
    for found, (stage, block) in zip(patterns, ((0, 1), (2, 3), (3, 0)), strict=True):
        _, arrays = unpack(handle(session, "block", {"stage": stage, "block": block}))
        assert np.abs(np.array(found) - arrays["levels"].astype(int).ravel()).max() <= 1
    _, arrays = unpack(handle(session, "segmentation"))
    assert (np.array(labels) != arrays["labels"].ravel()).mean() < 1e-3
    tab.assert_clean()


def test_webgpu_on_the_processor_is_not_chosen_by_itself(tab: browser.Tab, address: str) -> None:
    tab.page.goto(address)
    tab.page.wait_for_selector("#playground[data-ready=true]", timeout=600_000)
    assert tab.page.evaluate("navigator.gpu.requestAdapter().then((adapter) => adapter !== null)")
    assert tab.page.evaluate("swinviz.engine.provider") == "wasm"
