"""Looks like, in the explorer: the drawn maps against cosines in numpy, a second picture, PCA colors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image
from playwright.sync_api import expect
from support import browser
from support.explorer_host import drawn, hosted, open_explorer, until

from swinviz.explorer import Session, requests, save_html
from swinviz.images import normalize
from swinviz.model.hooks import capture
from swinviz.plots.style import HEAT

pytestmark = pytest.mark.browser

HEATS = np.asarray(colormaps[HEAT](range(256)))[:, :3] * 255
PLACE = "stage=1&block=1&y=41&x=77&locked=true&heat=1"
QUERY = (41 // 8, 77 // 8)  # its token: row, column
TOKENS = "canvas => canvas.toDataURL()"


@pytest.fixture(scope="module")
def second() -> bytes:
    """A picture wider than the first, and like it in no line or column."""
    rows, columns = np.mgrid[0:70, 0:130]
    picture = np.stack([255 - 3 * rows, (rows * columns) % 256, 60 + columns], axis=-1).astype(np.uint8)
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "PNG")
    return stored.getvalue()


def vectors_after(session: Session, stage: int = 1, block: int = 1) -> np.ndarray:
    name = f"stages.{stage}.blocks.{block}.resid_post"
    with torch.no_grad(), capture(session.model, name) as seen:
        session.model(normalize(session.image)[None])
    return seen[name][0].double().numpy()


def cosines(own: np.ndarray, other: np.ndarray, token: tuple[int, int] = QUERY) -> np.ndarray:
    mean = own.mean(axis=(0, 1))
    asked, everywhere = own[token] - mean, other - mean
    return np.asarray(everywhere @ asked / np.linalg.norm(everywhere, axis=-1) / np.linalg.norm(asked))


def assert_cosines(pixels: np.ndarray, expected: np.ndarray, marked: tuple[int, int]) -> None:
    """Every token has the attention's color of its cosine, as opaque as its root; a ring hides a few."""
    value = np.clip(expected, 0, 1)
    rows, columns = np.mgrid[0 : value.shape[0], 0 : value.shape[1]]
    far = np.hypot(rows - marked[0], columns - marked[1]) > 2.9
    assert np.abs(pixels[far, 3] - 255 * np.sqrt(value[far])).max() < 14  # the root is steep at 0
    clear = far & (value > 0.1)
    assert clear.sum() > 20
    colors = HEATS[np.rint(255 * value[clear]).astype(int)]
    assert np.abs(pixels[clear, :3] - colors).max() < 10


@pytest.mark.parametrize("host", ["live", "offline"])
def test_the_map_of_what_looks_like_it_is_numpy_s_cosines(
    host: str, tab: browser.Tab, session: Session, request: pytest.FixtureRequest
) -> None:
    page = open_explorer(tab, f"{request.getfixturevalue(host)}#{PLACE}")
    attention = page.locator(".swv-over").evaluate(TOKENS)
    page.get_by_role("button", name="What looks like it").click()
    expect(page.locator(".swv-legend")).to_contain_text("cosine 1")
    own = vectors_after(session)
    assert_cosines(drawn(page, session, 8), cosines(own, own), QUERY)
    page.locator(".swv-over").focus()
    page.keyboard.press("ArrowRight")  # the map follows, and the mouse may read from it
    expect(page.locator(".swv-readout")).to_contain_text("x 85")
    moved = (QUERY[0], QUERY[1] + 1)
    assert_cosines(drawn(page, session, 8), cosines(own, own, moved), moved)
    box = page.locator(".swv-over").bounding_box()
    assert box is not None
    unit = box["width"] / session.size[1]
    page.mouse.move(box["x"] + 20.5 * unit, box["y"] + 70.5 * unit)
    said = f"cosine {cosines(own, own, moved)[70 // 8, 20 // 8]:.2f}"
    expect(page.locator(".swv-readout")).to_contain_text(said)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("l")  # and back to the attention
    page.mouse.move(2, 2)
    until(page, "before => document.querySelector('.swv-over').toDataURL() === before", attention)


def test_a_region_looks_like_what_its_mean_looks_like(tab: browser.Tab, session: Session, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}&direction=like&region=16.24.40.88")
    until(page, "document.querySelector('.swv-legend').textContent.includes('cosine 1')")
    own = vectors_after(session)
    mean = own.mean(axis=(0, 1))
    asked = (own - mean)[2:5, 3:11].mean(axis=(0, 1))
    expected = (own - mean) @ asked / np.linalg.norm(own - mean, axis=-1) / np.linalg.norm(asked)
    pixels = drawn(page, session, 8)
    inside = np.zeros(expected.shape, dtype=bool)
    inside[1:6, 2:12] = True  # the dashed outline lies there
    assert np.abs(pixels[~inside, 3] - 255 * np.sqrt(np.clip(expected[~inside], 0, 1))).max() < 14


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_second_picture_shows_where_it_looks_like_the_query(
    way: str, tab: browser.Tab, session: Session, live: str, second: bytes
) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}")
    if way == "chosen":
        page.get_by_role("tab", name="Looks like").click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose a second picture").click()
        chooser.value.set_files({"name": "wide.png", "mimeType": "image/png", "buffer": second})
    else:
        page.evaluate(
            """(bytes) => {
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(bytes)], "wide.png", { type: "image/png" }));
            const event = { dataTransfer: carried, bubbles: true, cancelable: true };
            document.querySelector(".swv-readout").dispatchEvent(new DragEvent("drop", event));
        }""",
            list(second),
        )
    status = page.locator(".swv-panel:not([hidden])").get_by_role("status")
    expect(status).to_contain_text("In wide.png the most alike token", timeout=30_000)
    other = Session(session.model, second)  # Python reads the file itself
    expected = cosines(vectors_after(session), vectors_after(other))
    row, column = np.unravel_index(expected.argmax(), expected.shape)
    expect(status).to_contain_text(f"(y {8 * row + 4}, x {8 * column + 4}): cosine {expected.max():.2f}")
    shown = drawn(page, other, 8, ".swv-alike canvas", 3)
    plain = other.image[4::8, 4::8][: shown.shape[0], : shown.shape[1]].astype(float)
    rows, columns = (min(a, b) for a, b in zip(shown.shape[:2], plain.shape[:2], strict=True))
    value = np.clip(expected, 0, 1)[:rows, :columns]
    colors = HEATS[np.rint(255 * value).astype(int)]
    blended = plain + np.sqrt(value)[..., None] * (colors - plain)
    clear = value > 0.25  # elsewhere the picture's own fine lines show
    assert clear.sum() > 10
    assert np.median(np.abs(shown[:rows, :columns, :3][clear] - blended[clear])) < 12
    tab.assert_clean()


def test_a_file_that_is_no_picture_is_refused_in_a_sentence(tab: browser.Tab, live: str) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}&view=alike")
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"}
    )
    status = page.locator(".swv-panel:not([hidden])").get_by_role("status")
    expect(status).to_contain_text("notes.txt: this browser cannot read it as a picture")


def test_the_most_alike_token_beyond_the_window_is_named(
    tab: browser.Tab, session: Session, live: str
) -> None:
    page = open_explorer(tab, f"{live}#{PLACE}&view=alike")
    own = vectors_after(session)
    expected = cosines(own, own)
    geometry = session.geometries[1, 1]
    window = geometry.locate(41, 77)[0]
    for token in geometry.token_index[window].tolist():
        if token >= 0:
            expected[divmod(token, geometry.width)] = -2
    row, column = np.unravel_index(expected.argmax(), expected.shape)
    said = f"(y {8 * row + 4}, x {8 * column + 4})"
    expect(page.locator(".swv-panel:not([hidden])")).to_contain_text(said)
    expect(page.locator(".swv-panel:not([hidden])")).to_contain_text(f"cosine {expected.max():.2f}")


@pytest.mark.parametrize("host", ["live", "offline"])
def test_pca_colors_are_a_layer_over_the_picture(
    host: str, tab: browser.Tab, session: Session, request: pytest.FixtureRequest
) -> None:
    page = open_explorer(tab, f"{request.getfixturevalue(host)}#{PLACE}&segmentation=0")
    plain = drawn(page, session, 8, ".swv-base")[..., :3]
    page.get_by_role("checkbox", name="PCA colors").check()
    tokens = vectors_after(session)
    flat = tokens.reshape(-1, tokens.shape[-1])
    mean = flat.mean(axis=0)
    axes = np.linalg.svd(flat - mean, full_matrices=False)[2][:3]
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(axis=1)])[:, None]
    projected = (flat - mean) @ axes.T
    ordered = np.sort(projected, axis=0)
    low, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.01, 0.99))
    colors = 255 * np.clip((projected - low) / (high - low), 0, 1).reshape(*tokens.shape[:2], 3)
    expected = plain + 0.85 * (colors - plain)
    for _ in range(100):  # the colors come from Python
        found = drawn(page, session, 8, ".swv-base")[..., :3]
        if np.abs(found - plain).max() > 20:
            break
        page.wait_for_timeout(50)
    assert np.abs(found - expected).max() < 8
    page.locator(".swv-over").focus()
    page.keyboard.press("c")
    expect(page.get_by_role("checkbox", name="PCA colors")).not_to_be_checked()


def test_an_offline_file_says_that_a_second_picture_needs_python(tab: browser.Tab, offline: str) -> None:
    page = open_explorer(tab, f"{offline}#{PLACE}&view=alike")
    panel = page.locator(".swv-panel:not([hidden])")
    expect(panel).to_contain_text("A second picture needs Python")
    expect(panel.get_by_role("button", name="Choose")).to_have_count(0)
    held = "the token vectors for what looks like it of all 4 blocks"
    expect(page.locator(".swv-kept")).to_contain_text(held)


def test_a_block_without_vectors_in_the_file_is_said_to_have_none(
    tab: browser.Tab, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "view.html"
    save_html(session, path)
    size = path.stat().st_size
    # Of what an attribute can end, only the answers of stage 0 are taken out.
    text = path.read_text().replace('data-key="features?block=0&amp;stage=0"', 'data-key="gone"')
    path.write_text(text)
    assert path.stat().st_size < size
    page = open_explorer(tab, f"{path.as_uri()}#stage=0&block=0&y=41&x=77&locked=true&direction=like")
    expect(page.locator(".swv-read")).to_contain_text("This is not kept in the file")


def test_a_host_without_token_vectors_has_neither_panel_nor_switch(
    tab: browser.Tab, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ANALYSES", ())
    with hosted(session) as url:
        page = open_explorer(tab, f"{url}#{PLACE}&direction=like&view=alike&layers=components")
        expect(page.get_by_role("tab")).to_have_count(3)
        expect(page.get_by_role("button", name="What looks like it")).to_have_count(0)
        expect(page.get_by_role("checkbox", name="PCA colors")).to_have_count(0)
        assert "direction" not in page.evaluate("one.permalink()")
