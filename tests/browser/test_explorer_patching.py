"""The patching grid in the explorer, against whole runs edited by hand; its progress, its end by a click."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from playwright.sync_api import expect
from support import browser
from support.explorer_host import hosted, open_explorer, until

from swinviz.explorer import Session, requests, save_html
from swinviz.images import normalize, resize
from swinviz.model.hooks import BlockId, Hook, capture, edit

pytestmark = pytest.mark.browser

PLACE = "stage=1&block=1&y=41&x=77&locked=true&view=patching"
CELLS = """rows => rows.map((row) => [...row.querySelectorAll("td:not(.swv-absent)")].map((cell) => [
  Number(cell.textContent.replace("−", "-")),
  getComputedStyle(cell).backgroundColor.match(/\\d+/g).map(Number)]))"""


def second_picture() -> np.ndarray:
    rows, columns = np.mgrid[0:70, 0:130]
    return np.stack([255 - 3 * rows, (rows * columns) % 256, 60 + columns], axis=-1).astype(np.uint8)


def brute_force(
    session: Session, donor: np.ndarray, y: int, x: int
) -> tuple[list[list[float]], float, float]:
    """Change of the logit, by whole runs: a row a block, all heads first; and the logit in both pictures."""
    model, image = session.model, normalize(session.image)[None]
    with torch.no_grad(), capture(model, "stages.*.attn.head_out") as given:
        there = model(normalize(donor)[None])[0, :, y, x]
    with torch.no_grad():
        before = model(image)[0, :, y, x]
    index = int(before.argmax())

    def changed(block: BlockId, heads: slice) -> float:
        name = block.hook("attn.head_out")

        def patch(value: torch.Tensor, _: Hook) -> torch.Tensor:
            value = value.clone()
            value[:, :, heads] = given[name][:, :, heads]
            return value

        with torch.no_grad(), edit(model, {name: patch}):
            return float(model(image)[0, index, y, x] - before[index])

    counts = session.model.config.backbone.num_heads
    grid = [
        [changed(block, slice(None))]
        + [changed(block, slice(head, head + 1)) for head in range(counts[block.stage])]
        for block in session.geometries
    ]
    return grid, float(before[index]), float(there[index])


@pytest.mark.parametrize("donor", ["without color", "blurred", "second picture"])
def test_the_grid_is_that_of_whole_runs(donor: str, tab: browser.Tab, session: Session, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    picture = Image.fromarray(session.image)
    if donor == "second picture":
        page.get_by_role("button", name="second picture").click()
        expect(page.get_by_role("button", name="Measure")).to_be_disabled()
        stored = io.BytesIO()
        Image.fromarray(second_picture()).save(stored, "PNG")
        page.get_by_role("tab", name="Looks like").click()
        page.locator("input[type=file]").set_input_files(
            {"name": "wide.png", "mimeType": "image/png", "buffer": stored.getvalue()}
        )
        expect(page.locator(".swv-panel:not([hidden])")).to_contain_text("In wide.png")
        page.get_by_role("tab", name="Patching").click()
        given = resize(Session(session.model, second_picture()).image, session.size)
    elif donor == "blurred":
        page.get_by_role("button", name="blurred").click()
        given = np.asarray(picture.filter(ImageFilter.GaussianBlur(8)))
    else:
        given = np.asarray(picture.convert("L").convert("RGB"))
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("button", name="Measure again").wait_for()
    grid, before, there = brute_force(session, given, 41, 77)
    shown = page.locator(".swv-grid tbody tr").evaluate_all(CELLS)
    assert [len(row) for row in shown] == [len(row) for row in grid] == [3, 3, 5, 5]
    reach = max(abs(value) for row in grid for value in row)
    for row, expected in zip(shown, grid, strict=True):
        for (said, color), value in zip(row, expected, strict=True):
            assert said == pytest.approx(value, abs=0.006)
            if abs(value) > 0.1 * reach:
                assert (color[0] > color[2]) == (value > 0)  # orange is more, purple is less
    finding = page.locator(".swv-panel:not([hidden]) .swv-finding").inner_text().replace("−", "-")
    numbers = [float(part.split(".")[0] + "." + part.split(".")[1][:2]) for part in finding.split(": ")[1:]]
    assert numbers == pytest.approx([before, there], abs=0.006)
    heads = [(abs(v), block, head) for block, row in zip(session.geometries, grid, strict=True)
             for head, v in enumerate(row[1:])]  # fmt: skip
    _, block, head = max(heads)
    page.locator(".swv-panel:not([hidden]) .swv-controls button").filter(has_text="head").first.click()
    until(page, "one.permalink().includes('head=')" if head else "true")
    assert f"stage={block.stage}&block={block.block}&head={head}" in page.evaluate("one.permalink()")


def test_progress_is_shown_and_a_new_click_ends_it(
    tab: browser.Tab, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    real = requests._HANDLERS["patching"]

    def slow(session: Session, arguments: Any) -> bytes:
        asked.append(dict(arguments))
        time.sleep(2.0)
        return real(session, arguments)

    monkeypatch.setitem(requests._HANDLERS, "patching", slow)
    with hosted(session) as url:
        page = open_explorer(tab, f"{url}#{PLACE}".replace("&locked=true", ""))
        page.get_by_role("button", name="Measure").click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.locator(".swv-panel:not([hidden])").get_by_role("status")).to_contain_text(
            "1 of 4 blocks"
        )
        assert "locked=true" in page.evaluate("one.permalink()")  # the mouse shall not end it
        page.locator(".swv-over").hover(position={"x": 30, "y": 40})
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        page.locator(".swv-over").click(position={"x": 30, "y": 40})  # frees the query
        page.locator(".swv-over").hover(position={"x": 60, "y": 50})  # and it goes with the mouse
        expect(page.get_by_role("button", name="Measure", exact=True)).to_be_visible()
        expect(page.locator(".swv-grid")).to_be_hidden()
        count = len(asked)
        page.wait_for_timeout(4500)  # two more would have come
        assert len(asked) <= count + 1
        assert len(asked) < 4
        page.get_by_role("button", name="Measure", exact=True).click()
        page.get_by_role("button", name="Stop").click()
        status = page.locator(".swv-panel:not([hidden])").get_by_role("status")
        expect(status).to_contain_text("Stopped after")
        count = len(asked)
        page.wait_for_timeout(3000)
        assert len(asked) == count


def test_an_offline_file_has_no_patching(tab: browser.Tab, session: Session, tmp_path: Any) -> None:
    path = tmp_path / "view.html"
    save_html(session, path)
    page = open_explorer(tab, f"{path.as_uri()}#{PLACE}")
    expect(page.get_by_role("tab", name="Patching")).to_have_count(0)
    expect(page.get_by_role("tab", name="Heads and shares")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".swv-kept")).to_contain_text("patching")
