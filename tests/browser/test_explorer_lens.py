"""The pixel lens in the explorer, against runs in which each later block is edited to do nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from support import browser
from support.explorer_host import drawn, open_explorer

from swinviz.explorer import Session
from swinviz.images import normalize
from swinviz.model.hooks import BlockId, Hook, edit

pytestmark = pytest.mark.browser

PLACE = "stage=1&block=1&y=41&x=77&locked=true&view=lens"


def stopped(session: Session, last: BlockId) -> np.ndarray:
    """Probabilities (K, H/4, W/4) of a whole run whose blocks after `last` hand on what they were given."""
    image = normalize(session.image)[None]
    given: dict[BlockId, Any] = {}

    def remember(value: torch.Tensor, hook: Hook) -> torch.Tensor:
        given[BlockId.of(hook.name)] = value
        return value

    def hand_on(value: torch.Tensor, hook: Hook) -> torch.Tensor:
        block = BlockId.of(hook.name)
        return given[block] if block > last else value

    edits = {"stages.*.resid_pre": remember, "stages.*.resid_post": hand_on}
    with torch.no_grad(), edit(session.model, edits):
        logits = session.model.decode(session.model.features(image))
    assert set(given) == set(session.geometries)
    return logits.softmax(dim=1)[0].numpy()


@pytest.fixture(scope="module")
def answers(session: Session) -> dict[BlockId, np.ndarray]:
    return {block: stopped(session, block) for block in session.geometries}


def expected_of(answers: dict[BlockId, np.ndarray], y: int, x: int) -> tuple[list[int], list[float]]:
    at_place = [each[:, y // 4, x // 4] for each in answers.values()]
    return [int(each.argmax()) for each in at_place], [float(each.max()) for each in at_place]


def decided(labels: list[int]) -> int:
    return next(at for at in range(len(labels)) if set(labels[at:]) == {labels[-1]})


def pixels_of_interest(answers: dict[BlockId, np.ndarray], size: tuple[int, int]) -> list[tuple[int, int]]:
    """One pixel for each block after which some pixel is decided."""
    found: dict[int, tuple[int, int]] = {}
    for y in range(1, size[0], 4):
        for x in range(3, size[1] - 3, 4):
            found.setdefault(decided(expected_of(answers, y, x)[0]), (y, x))
    return list(found.values())


@pytest.mark.parametrize("host", ["live", "offline"])
def test_the_strip_says_what_runs_without_the_later_blocks_say(
    host: str,
    tab: browser.Tab,
    session: Session,
    answers: dict[BlockId, np.ndarray],
    request: pytest.FixtureRequest,
) -> None:
    page = open_explorer(tab, f"{request.getfixturevalue(host)}#{PLACE}")
    page.locator(".swv-decided").wait_for()
    asked = pixels_of_interest(answers, session.size)
    assert len(asked) > 1  # decided after different blocks
    classes = session.model.config.classes
    for y, x in asked:
        page.evaluate("([y, x]) => one.set({ y, x })" if host == "live" else "0", [y, x])
        if host == "offline":  # which keeps its viewer to itself
            page.goto(f"{request.getfixturevalue(host)}#{PLACE}&y={y}&x={x}".replace("&y=41&x=77", ""))
            page.reload()
            page.locator(".swv-decided").wait_for()
        answer = page.locator(".swv-panel:not([hidden]) .swv-finding")
        expect(answer).to_contain_text(f"The pixel (y {y}, x {x})")
        labels, confidence = expected_of(answers, y, x)
        said = page.locator(".swv-lens-said").all_inner_texts()
        for index, (block, text) in enumerate(zip(answers, said, strict=True)):
            percent = 100 * confidence[index]
            number = f"{percent:.1f}" if percent < 9.95 else f"{percent:.0f}"
            close = {f"{percent + off:.0f}" for off in (-0.3, 0.3)} | {number}  # a byte a confidence
            turned = "↷ " if index and labels[index] != labels[index - 1] else ""
            assert text in {
                f"{block.stage}·{block.block} {turned}{each} % {classes[labels[index]]}" for each in close
            }
        index = decided(labels)
        marks = page.locator(".swv-lens-block").evaluate_all(
            "nodes => nodes.map((node) => node.classList.contains('swv-decided'))"
        )
        assert marks == [at == index for at in range(len(labels))]
        block = list(answers)[index]
        expect(answer).to_contain_text(f"decided after stage {block.stage}, block {block.block}")


def test_thumbnails_have_the_classes_colors_where_they_lie(
    tab: browser.Tab, session: Session, answers: dict[BlockId, np.ndarray], live: str
) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    page.locator(".swv-decided").wait_for()
    palette = np.asarray(session.model.config.palette, dtype=float)
    before = None
    for number, each in enumerate(answers.values()):
        pixels = drawn(page, session, 4, ".swv-lens-block canvas", number)
        labels, sure = each.argmax(axis=0), each.max(axis=0)
        rows, columns = np.mgrid[0 : labels.shape[0], 0 : labels.shape[1]]
        far = np.hypot(rows - 41 // 4, columns - 77 // 4) > 3
        image = session.image[2::4, 2::4].astype(float)
        height, width = image.shape[:2]
        clear = far[:height, :width]
        faint = sure[:height, :width][clear, None]
        color = palette[labels[:height, :width]][clear]
        # The picture shows through at a quarter, and not sharply.
        expected = faint * color + 0.25 * (1 - faint) * image[clear]
        expected /= faint + 0.25 * (1 - faint)
        off = np.abs(pixels[:height, :width, :3][clear] - expected).max(axis=1)
        assert np.quantile(off, 0.9) < 12
        if before is not None:
            share = 100 * float((labels != before).mean())
            text = page.locator(".swv-lens-block small").nth(number).inner_text()
            assert abs(float(text.split(" · ")[-1].split(" %")[0].removeprefix("< ")) - share) < 0.6
        before = labels


def test_a_block_is_chosen_from_the_strip_by_key(tab: browser.Tab, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    page.locator(".swv-decided").wait_for()
    page.locator(".swv-lens-block").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".swv-lens-block").first).to_have_attribute("aria-pressed", "true")
    assert "stage=0&block=0" in page.evaluate("one.permalink()")
    assert page.locator(".swv-lens-block").first.get_attribute("aria-label").startswith("stage 0, block 0: ")  # type: ignore[union-attr]
