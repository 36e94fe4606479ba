"""What a visitor of the explorer sees: on one screen, legible, explained; the tour; the map of the model."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import axe_playwright_python
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from support import browser
from support.explorer_host import READY, hosted, open_explorer, small_session, until

from swinviz.attention import rollout
from swinviz.attribution import decoder_logit_attribution
from swinviz.explorer import Session
from swinviz.images import normalize
from swinviz.model.hooks import capture

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
PLACE = "stage=1&block=1&y=41&x=77&locked=true"
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")

# What hosts do to forms: Gradio's and Tailwind's resets take the boxes' look away and color the checked ones.
RESET = """
input, button { appearance: none; background-color: #fff; border: 0; border-radius: 0; padding: 0; }
.host input[type="checkbox"] { background-color: #fff; box-shadow: none; width: 1.2rem; height: 1.2rem; }
.host input[type="checkbox"]:checked { background-image: none; border-color: transparent; }
.host button { font-size: 16px; color: #888; min-height: 44px; }
"""


def box_of(page: browser.Page, selector: str) -> dict[str, float]:
    box = page.locator(selector).first.bounding_box()
    assert box is not None, f"{selector} is not to be seen"
    return {
        "left": box["x"],
        "top": box["y"],
        "right": box["x"] + box["width"],
        "bottom": box["y"] + box["height"],
    }


def assert_in_view(page: browser.Page, size: tuple[int, int], *selectors: str) -> None:
    for selector in selectors:
        box = box_of(page, selector)
        assert box["left"] >= 0, selector
        assert box["top"] >= 0, selector
        assert box["right"] <= size[0] + 0.5, selector
        assert box["bottom"] <= size[1] + 0.5, f"{selector} ends at {box['bottom']} of {size[1]}"


def png(size: tuple[int, int]) -> bytes:
    """A picture's file; the picture is (height, width) and like no other test's."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    stored = io.BytesIO()
    picture = np.stack([3 * rows, 2 * columns, (rows * columns) % 256], axis=-1).astype(np.uint8)
    Image.fromarray(picture).save(stored, "PNG")
    return stored.getvalue()


# --- one screen ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["desktop", "tablet"])
def test_picture_blocks_heads_and_shares_are_on_one_screen(
    name: str, chromium: browser.Browser, live: str
) -> None:
    size = SIZES[name]
    with browser.open_tab(chromium, size=size) as tab:
        page = open_explorer(tab, f"{live}#{PLACE}")
        assert_in_view(
            page, size, ".swv-picture", ".swv-timeline", ".swv-heads", ".swv-shares", ".swv-readout"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        picture, heads = box_of(page, ".swv-picture"), box_of(page, ".swv-heads")
        assert heads["left"] >= picture["right"]  # beside it
        page.get_by_role("checkbox", name="no shift").check()
        page.locator(".swv-compare").wait_for()
        assert_in_view(page, size, ".swv-picture", ".swv-compare", ".swv-compare-text", ".swv-edits")
        page.get_by_role("tab", name="Looks like").click()
        assert_in_view(page, size, ".swv-picture", ".swv-timeline", ".swv-tab", ".swv-alike")


def test_on_a_phone_the_picture_stays_in_view_while_block_and_head_change(
    chromium: browser.Browser, live: str
) -> None:
    size = SIZES["phone"]
    with browser.open_tab(chromium, size=size) as tab:
        page = open_explorer(tab, f"{live}#{PLACE}")
        assert_in_view(page, size, ".swv-picture", ".swv-timeline", ".swv-heads")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for selector, field in ((".swv-cell >> nth=0", "block=0"), (".swv-tile >> nth=2", "head=1")):
            page.locator(selector).click()  # scrolls to it where that is necessary
            until(page, "field => one.permalink().includes(field)", field)
            assert_in_view(page, size, ".swv-picture", selector)
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        assert box_of(page, ".swv-picture")["top"] >= -1


def test_of_many_heads_none_is_cut(chromium: browser.Browser) -> None:
    with hosted(small_session(heads=16)) as url:
        for size in SIZES.values():
            with browser.open_tab(chromium, size=size) as tab:
                page = open_explorer(tab, f"{url}#{PLACE}&head=15")
                last = page.locator(".swv-tile").last
                expect(last).to_have_attribute("aria-checked", "true")
                box, group = last.bounding_box(), page.locator(".swv-heads").bounding_box()
                assert box is not None
                assert group is not None
                assert box["x"] + box["width"] <= group["x"] + group["width"] + 0.5
                assert box["y"] + box["height"] <= group["y"] + group["height"] + 0.5


# --- legible ------------------------------------------------------------------------------------------------


def pixels_of(locator: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_ticked_box_looks_ticked_whatever_the_host_resets(
    scheme: str, chromium: browser.Browser, live: str
) -> None:
    with browser.open_tab(chromium, size=SIZES["desktop"]) as tab:
        page = tab.page
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        open_explorer(tab, f"{live}#{PLACE}")
        page.add_style_tag(content=RESET)
        page.evaluate("document.body.classList.add('host')")
        box = page.get_by_role("checkbox", name="no position bias")
        empty = pixels_of(box)
        box.check()
        page.mouse.move(0, 0)
        ticked = pixels_of(box)
        middle = slice(4, 12)
        accent = np.array((15, 118, 110) if scheme == "light" else (79, 209, 192))
        assert (np.abs(ticked - accent).max(axis=2) < 12).mean() > 0.3  # filled with the accent
        assert (np.abs(empty - accent).max(axis=2) < 12).mean() < 0.02
        assert np.ptp(ticked[middle, middle].sum(axis=2)) > 150  # and a mark on it
        box.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        assert box.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["desktop", "phone"])
def test_axe_finds_no_violation_in_any_panel_or_step_of_the_tour(
    name: str, scheme: str, chromium: browser.Browser, live: str
) -> None:
    with browser.open_tab(chromium, size=SIZES[name]) as tab:
        page = tab.page
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        open_explorer(tab, f"{live}#{PLACE}")
        page.evaluate(f"{AXE}; 0")

        def check(where: str) -> None:
            found = page.evaluate("axe.run('.swinviz-explorer', { resultTypes: ['violations'] })")
            said = [
                f"{each['id']}: {node['html'][:120]} {[reason['message'] for reason in node['any']]}"
                for each in found["violations"]
                if each["impact"] in ("serious", "critical")
                for node in each["nodes"]
            ]
            assert said == [], f"{where}, {scheme}, {name}"
            assert any(each["id"] == "color-contrast" for each in found["passes"])  # axe saw the page

        for panel in (
            "Why this pattern",
            "Whole model",
            "Looks like",
            "Lens",
            "Patching",
            "Heads and shares",
        ):
            page.get_by_role("tab", name=panel).click()
            if panel == "Looks like":
                page.locator("input[type=file]").set_input_files(
                    {"name": "other.png", "mimeType": "image/png", "buffer": png((60, 90))}
                )
                expect(page.locator(".swv-panel:not([hidden])")).to_contain_text("the most alike token is")
            if panel == "Whole model":
                page.locator(".swv-outcome b").wait_for()
            if panel == "Patching":
                page.get_by_role("button", name="Measure").click()
                page.get_by_role("button", name="Measure again").wait_for()
            if panel == "Lens":
                page.locator(".swv-decided").wait_for()
            if panel == "Why this pattern":
                page.locator(".swv-decomposition figure").nth(2).wait_for()
            check(panel)
        page.get_by_role("checkbox", name="no shift").check()
        page.locator(".swv-compare").wait_for()
        check("edited")
        page.get_by_role("button", name="Keys and terms").click()
        check("help")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Tour").click()
        for step in range(8):
            check(f"step {step} of the tour")
            page.keyboard.press("Enter")


# --- terms --------------------------------------------------------------------------------------------------


def test_a_term_opens_its_definition_by_hover_by_focus_and_by_tap(
    chromium: browser.Browser, live: str
) -> None:
    with browser.open_tab(chromium, size=SIZES["desktop"]) as tab:
        page = open_explorer(tab, f"{live}#{PLACE}")
        definition, term = page.get_by_role("tooltip"), page.locator(".swv-spread .swv-term")
        expect(definition).to_be_hidden()
        term.hover()
        expect(definition).to_contain_text("A unit of information")
        assert_in_view(page, SIZES["desktop"], ".swv-definition")
        definition.hover()  # it can be reached with the pointer
        page.wait_for_timeout(400)
        expect(definition).to_be_visible()
        page.mouse.move(2, 2)
        expect(definition).to_be_hidden()
        term.focus()
        expect(definition).to_be_visible()
        assert term.get_attribute("aria-describedby") == definition.get_attribute("id")
        page.keyboard.press("Escape")
        expect(definition).to_be_hidden()
        assert "locked=true" in page.evaluate("one.permalink()")  # Escape closed the definition, nothing else
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{live}#{PLACE}")
    page.locator(READY).wait_for()
    page.locator(".swv-spread .swv-term").tap()
    expect(page.get_by_role("tooltip")).to_contain_text("e² ≈ 7 tokens")
    assert_in_view(page, SIZES["phone"], ".swv-definition")
    context.close()


def entropies_of(session: Session) -> np.ndarray:
    """In nat, of each head of stage 1, block 1 at the pixel asked about."""
    window, position = session.geometries[1, 1].locate(41, 77)
    rows = session.pattern((1, 1))[0, window, :, position].double().numpy()
    return np.asarray(-(rows * np.log(np.maximum(rows, 1e-30))).sum(axis=-1))


def test_the_spread_is_said_in_tokens_before_it_is_said_in_nat(
    tab: browser.Tab, session: Session, live: str
) -> None:
    entropies = entropies_of(session)
    head = int(entropies.argmax())
    page = open_explorer(tab, f"{live}#{PLACE}&head={head}")
    nats = entropies[head]
    expected = f"Head {head} is spread over about {np.exp(nats):.0f} tokens ({nats:.1f} nat)"
    expect(page.locator(".swv-spread")).to_contain_text(expected)


# --- the tour -----------------------------------------------------------------------------------------------


def test_the_tour_is_taken_by_keyboard_and_leaves_everything_as_it_was(
    chromium: browser.Browser, offline: str
) -> None:
    with browser.open_tab(chromium, size=SIZES["desktop"]) as tab:
        state = f"{PLACE}&head=1&layers=outlines&view=parts"
        page = open_explorer(tab, f"{offline}#{state}")
        before = page.locator(".swinviz-explorer").get_attribute("data-state")
        button, card = page.get_by_role("button", name="Tour"), page.get_by_role("dialog", name="Tokens")
        assert "swv-primary" in (button.get_attribute("class") or "")  # offered
        button.focus()
        page.keyboard.press("Enter")
        expect(card).to_be_visible()
        titles = []
        for step in range(8):
            shown = page.locator(".swv-tour")
            expect(shown).to_contain_text(f"{step + 1} of 8")
            assert_in_view(page, SIZES["desktop"], ".swv-tour", ".swv-pointed")
            assert len(shown.locator("p").inner_text()) > 60
            titles.append(shown.locator("h2").inner_text())
            inside = page.evaluate("document.activeElement.closest('.swv-tour') !== null")
            assert inside, "the focus left the tour"
            page.keyboard.press("Enter")
        assert titles == [
            "Tokens", "A window", "What it looks at", "The shift", "The mask", "Heads", "Growing", "What if?",
        ]  # fmt: skip
        expect(page.locator(".swv-tour")).to_be_hidden()
        expect(page.locator(".swinviz-explorer")).to_have_attribute("data-state", before or "")
        assert page.evaluate("document.activeElement.textContent") == "Tour"
        assert "swv-primary" not in (button.get_attribute("class") or "")  # taken, and remembered:
        page.reload()
        page.locator(READY).wait_for()
        assert "swv-primary" not in (button.get_attribute("class") or "")
        page.keyboard.press("Tab")
        button.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".swv-tour")).to_contain_text("2 of 8")
        page.keyboard.press("Escape")  # skipped
        expect(page.locator(".swv-tour")).to_be_hidden()
        expect(page.locator(".swinviz-explorer")).to_have_attribute("data-state", before or "")


@pytest.mark.parametrize("name", ["desktop", "tablet"])
@pytest.mark.parametrize("place", ["y=12&x=15", "y=80&x=110"])
def test_the_card_of_the_tour_hides_neither_what_it_points_at_nor_the_picture(
    name: str, place: str, chromium: browser.Browser, live: str
) -> None:
    with browser.open_tab(chromium, size=SIZES[name]) as tab:
        page = open_explorer(tab, f"{live}#stage=1&block=1&{place}&locked=true")
        page.evaluate("one.tour.open()")
        for step in range(8):
            expect(page.locator(".swv-tour")).to_contain_text(f"{step + 1} of 8")
            page.locator(READY).wait_for()
            page.wait_for_timeout(200)
            card = box_of(page, ".swv-tour")
            for covered in (".swv-pointed", ".swv-picture"):
                box = box_of(page, covered)
                across = min(card["right"], box["right"]) - max(card["left"], box["left"])
                down = min(card["bottom"], box["bottom"]) - max(card["top"], box["top"])
                assert across <= 0 or down <= 0, f"step {step}: {covered}"
            page.keyboard.press("Enter")


def test_steps_of_the_tour_move_the_real_controls(tab: browser.Tab, session: Session, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    page.evaluate("one.tour.open()")
    seen = {}
    for step in range(8):
        expect(page.locator(".swv-tour")).to_contain_text(f"{step + 1} of 8")
        page.locator(READY).wait_for()
        moving = page.locator(".swv-animation").is_visible()
        seen[step] = {
            **page.evaluate("Object.fromEntries(new URLSearchParams(one.permalink()))"),
            "moving": moving,
            "pointed": page.evaluate("document.querySelector('.swv-pointed').classList[0]"),
        }
        if step == 7:
            page.locator(".swv-compare").wait_for()
            flipped = int((session.run().labels != session.run(("no_shift",)).labels).sum())
            share = 100 * flipped / session.run().labels.size
            expect(page.locator(".swv-tour")).to_contain_text(
                f"{share:.1f} %" if share < 9.95 else f"{share:.0f} %"
            )
        else:
            page.keyboard.press("Enter")
    assert all((each["y"], each["x"]) == ("41", "77") for each in seen.values())  # the visitor's own pixel
    assert (seen[0]["stage"], seen[1]["layers"], seen[2]["block"], seen[3]["block"]) == (
        "0",
        "grid",
        "0",
        "1",
    )
    assert seen[7]["edits"] == "no_shift"
    pointed = [str(each["pointed"]).removeprefix("swv-") for each in seen.values()]
    assert pointed == ["picture", "picture", "shares", "cell", "picture", "heads", "timeline", "edits"]
    assert [step for step, each in seen.items() if each["moving"]] == [0, 3, 4, 6]
    assert seen[5]["head"] == str(entropies_of(session).argmin())


def test_the_animation_of_the_mask_grays_what_may_not_be_attended(
    tab: browser.Tab, session: Session, live: str
) -> None:
    tab.page.emulate_media(reduced_motion="reduce")  # its end stands still
    page = open_explorer(tab, f"{live}#stage=0&block=1&y=2&x=2&locked=true")
    page.evaluate("one.tour.open()")
    for _ in range(4):
        page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="The mask")).to_be_visible()
    page.locator(READY).wait_for()
    geometry = session.geometries[0, 1]
    rows, columns = (-(-side // geometry.window_size) * geometry.window_size for side in (24, 31))
    found = np.array(
        page.evaluate(
            """([rows, columns]) => {
            const canvas = document.querySelector(".swv-animation"), context = canvas.getContext("2d");
            const unit = Math.min(canvas.width / columns, canvas.height / rows);
            const read = (y, x) => [...context.getImageData(x * unit, y * unit, 1, 1).data.subarray(0, 3)];
            const middle = (at) => [Math.floor(at / columns) + 0.5, (at % columns) + 0.5];
            return Array.from({ length: rows * columns }, (_, at) => read(...middle(at)));
        }""",
            [rows, columns],
        )
    ).reshape(rows, columns, 3)
    regions = geometry.region_index.numpy()  # nW N
    size = geometry.window_size
    masked = np.zeros((rows, columns), dtype=bool)
    asked, position = geometry.locate(2, 2)
    for window, labels in enumerate(regions):
        own = labels[position if window == asked else 0]
        top, left = divmod(window, columns // size)
        masked[top * size : (top + 1) * size, left * size : (left + 1) * size] = (labels != own).reshape(
            size, size
        )
    gray = np.abs(found - np.array([44, 47, 54])).max(axis=2) < 30  # 88 % of that color
    assert 0 < masked.sum() < masked.size / 2
    assert gray[masked].mean() > 0.97  # a token's middle may lie on a line
    assert gray[~masked].mean() < 0.06  # and some of the picture is dark gray itself


def test_no_frame_of_the_tour_takes_longer_than_one_of_sixty_a_second(tab: browser.Tab, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    page.evaluate("one.tour.open()")
    for step in range(8):
        expect(page.locator(".swv-tour")).to_contain_text(f"{step + 1} of 8")
        if page.locator(".swv-animation").is_visible():
            times = page.evaluate(
                """() => new Promise((done) => {
                const times = [];
                const next = () => {
                    times.push(one.tour.lastFrame());
                    if (times.length < 30) requestAnimationFrame(next); else done(times);
                };
                requestAnimationFrame(next);
            })"""
            )
            assert float(np.median(times)) < 16  # milliseconds; the canvas has no GPU here
        page.keyboard.press("Enter")


# --- the map of the model -----------------------------------------------------------------------------------


def amounts(page: browser.Page, selector: str) -> list[float]:
    texts = page.locator(f"{selector} .swv-amount b").all_inner_texts()
    return [float(text.replace("−", "-")) for text in texts]


@pytest.mark.parametrize("edits", ["", "no_shift"])
def test_the_map_s_numbers_are_python_s(edits: str, tab: browser.Tab, session: Session, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}&view=model&edits={edits}")
    page.locator(".swv-outcome b").wait_for()
    until(page, "!document.querySelector('.swv-block small').textContent.includes('…')")
    if edits:
        decision = session.decision((41, 77), (edits,))
    else:
        decision = decoder_logit_attribution(session.model, normalize(session.image)[None], (41, 77))
    levels = amounts(page, ".swv-level")  # the coarsest on top, the constant last
    assert levels == [round(value, 2) for value in (*decision.levels[::-1], decision.constant)]
    pool = amounts(page, ".swv-pool")
    parts = (decision.backbone, *(share for _, share in decision.pooling), decision.bottleneck_constant)
    assert pool == [round(value, 2) for value in parts]
    name = session.model.config.classes[decision.class_index]
    assert page.locator(".swv-outcome").inner_text().strip() == f"{name} {decision.logit:.2f}"
    assert f"become {name}?" in page.locator(".swv-answer").inner_text()
    assert sum(levels) == pytest.approx(decision.logit, abs=0.03)
    if edits:
        return
    with capture(session.model, "stages.*.blocks.*.attn.pattern") as seen:
        session.model(normalize(session.image)[None])
    shown = page.locator(".swv-block").evaluate_all(
        "nodes => Object.fromEntries(nodes.map((node) => [node.ariaLabel.slice(0, 16), node.textContent]))"
    )
    for start in session.geometries:
        tokens = rollout(seen, (40, 76), start=start).tokens.flatten()
        shares = tokens / tokens.sum()
        patches = float((-(shares * shares.clamp_min(1e-30).log()).sum()).exp())
        number = float(shown[f"stage {start[0]}, block {start[1]}"].removeprefix("~").replace(",", ""))
        assert number == pytest.approx(patches, abs=0.51)


def test_an_offline_file_has_map_tour_and_glossary(tab: browser.Tab, session: Session, offline: str) -> None:
    tab.page.context.set_offline(True)
    page = open_explorer(tab, f"{offline}#{PLACE}&view=model")
    page.locator(".swv-outcome b").wait_for()
    said = page.locator(".swv-answer").inner_text()
    y, x = (int(text) for text in said.split("(y ")[1].split(")")[0].split(", x "))
    decision = session.decision((y, x))
    assert amounts(page, ".swv-level")[:2] == [round(value, 2) for value in decision.levels[::-1]]
    page.locator(".swv-block").first.click()  # the coarsest stage is on top
    until(page, "document.querySelector('.swinviz-explorer').dataset.state.includes('block=0')")
    page.get_by_role("button", name="Tour").click()
    expect(page.locator(".swv-tour")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys and terms").click()
    expect(page.get_by_role("dialog", name="Keys and terms")).to_contain_text("pyramid pooling")


def test_blocks_in_the_map_are_drawn_to_the_scale_of_their_tokens(tab: browser.Tab, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}&view=model")
    widths = page.locator(".swv-block canvas").evaluate_all("nodes => nodes.map((node) => node.clientWidth)")
    assert len(widths) == 4
    assert widths[2] / widths[0] == pytest.approx(2, rel=0.05)  # stage 0 below stage 1


# --- state --------------------------------------------------------------------------------------------------


def test_a_host_hears_of_each_state_sets_one_and_says_what_a_link_is(
    chromium: browser.Browser, live: str
) -> None:
    with browser.open_tab(chromium, size=SIZES["desktop"]) as tab:
        tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = open_explorer(tab, f"{live}#{PLACE}")
        page.evaluate(
            "document.body.addEventListener('swinviz-state', (event) => { heard = event.detail.state; })"
        )
        page.get_by_role("tab", name="Whole model").click()
        until(page, "globalThis.heard?.includes('view=model')")
        page.evaluate("one.restore('stage=0&block=1&y=10&x=20&head=1&edits=no_bias&view=attention')")
        page.locator(".swv-compare").wait_for()
        assert page.get_by_role("checkbox", name="no position bias").is_checked()
        assert "y 10, x 20" in page.locator(".swv-readout").inner_text()
        expect(page.get_by_role("tab", name="Heads and shares")).to_have_attribute("aria-selected", "true")
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("status")).to_have_text("copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("https://example.org/#stage=0&block=1")
        assert "locked=true" in copied  # or the other's mouse would move the pixel away
