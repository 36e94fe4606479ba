"""Trust in the explorer: the drawn curves and scores against occlusion done by hand in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from support import browser
from support.explorer_host import hosted, open_explorer

from swinviz.explorer import Session, analyses, handle, requests
from swinviz.images import normalize

pytestmark = pytest.mark.browser

PLACE = "stage=1&block=1&y=41&x=77&locked=true&view=trust"
NAMES = ("distance", "similarity")
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
CELL, STEPS = 16, 8


@pytest.fixture(scope="module")
def live(session: Session) -> Iterator[str]:
    patch = pytest.MonkeyPatch()
    patch.setattr(requests, "EXPLANATIONS", NAMES)  # two of them, which take seconds
    with hosted(session) as url:
        yield url
    patch.undo()


def deletion_by_distance(session: Session, y: int, x: int) -> list[float]:
    """The probability of the pixel's class while cells are made gray, those next to the pixel first."""
    image = normalize(session.image)[None]
    height, width = session.size
    rows, columns = np.mgrid[0:height, 0:width]
    far = np.hypot(rows - y, columns - x)
    tops, lefts = range(0, height, CELL), range(0, width, CELL)
    cells = [(top, left) for top in tops for left in lefts]
    cells.sort(key=lambda at: far[at[0] : at[0] + CELL, at[1] : at[1] + CELL].mean())
    curve = []
    with torch.no_grad():
        index = int(session.model(image)[0, :, y, x].argmax())
        for step in range(STEPS):
            grayed = image.clone()
            for top, left in cells[: round(step / STEPS * len(cells))]:
                grayed[:, :, top : top + CELL, left : left + CELL] = 0
            curve.append(float(session.model(grayed)[0, :, y, x].softmax(dim=0)[index]))
    return curve


def test_curves_and_scores_are_those_of_occlusion_by_hand(
    tab: browser.Tab, session: Session, live: str
) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Measure again").wait_for(timeout=120_000)
    expected = deletion_by_distance(session, 41, 77)
    row = page.locator(".swv-trust tbody tr").filter(has_text="distance")
    assert float(row.locator("td").first.inner_text()) == pytest.approx(np.mean(expected), abs=6e-4)
    points = page.locator(".swv-charts figure").first.locator("[data-name=distance]").get_attribute("points")
    heights = [float(point.split(",")[1]) for point in (points or "").split()]
    across = [float(point.split(",")[0]) for point in (points or "").split()]
    assert len(heights) == STEPS
    assert np.allclose(np.diff(across), (280 - 26) / STEPS, atol=0.11)
    scale = np.polyfit(expected, heights, 1)  # higher probabilities are higher up, in proportion
    assert scale[0] < 0
    assert np.abs(np.polyval(scale, expected) - heights).max() < 0.3
    assert scale[1] == pytest.approx(160 - 18, abs=2)  # from 0 at the bottom
    random = page.locator(".swv-trust tr").filter(has_text="mean of 2 random orders")
    expect(random.locator("td")).to_have_count(2)
    finding = page.locator(".swv-panel:not([hidden]) .swv-finding").inner_text()
    assert f"(y 41, x 77) of small: {expected[0]:.2f}" in finding
    page.evaluate(AXE + "; 0")
    found = page.evaluate("axe.run('.swinviz-explorer', { resultTypes: ['violations'] })")
    assert [each["id"] for each in found["violations"] if each["impact"] in ("serious", "critical")] == []
    page.locator(".swv-over").focus()
    page.keyboard.press("ArrowRight")  # another pixel: what was measured is not its
    expect(page.locator(".swv-charts")).to_be_hidden()
    expect(page.get_by_role("button", name="Measure", exact=True)).to_be_visible()


@pytest.mark.parametrize("region", ["0.0.200.10", "5.5.5.9", "1.2.3", "a.b.c.d", "-1.0.4.4"])
def test_a_region_that_is_none_is_refused(session: Session, region: str) -> None:
    asked = {"stage": 1, "block": 1, "y": 4, "x": 5, "explanation": "rollout", "region": region}
    with pytest.raises(ValueError, match="no region"):
        handle(session, "trust", asked)


def test_an_explanation_that_there_is_not_is_refused(session: Session) -> None:
    asked = {"stage": 1, "block": 1, "y": 4, "x": 5, "explanation": "tea leaves"}
    with pytest.raises(ValueError, match="no explanation 'tea leaves'"):
        handle(session, "trust", asked)
    assert len(analyses.EXPLANATIONS) == 7
