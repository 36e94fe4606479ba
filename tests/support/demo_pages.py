"""The demo's page as tests drive it: uploads, pixels of a canvas, sliders, tabs, a film for the camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from support.browser import Page
from support.demo_samples import HOSTILE, small_model
from swinviz.inference import InferenceOptions

CLASSES = ("sky", HOSTILE, "sea")
WAIT = 30_000  # milliseconds; the machine may be busy with other tests
VIEWER = "#viewer .sv-viewer"
NEWER = """([at, turn]) => {
  const { state, turn: now } = document.querySelector(at).dataset;
  return state === "ready" && now !== turn;
}"""
BITS = """(canvas) => [0, 1, 2, 3, 4, 5].map((bit) => {
  const { width, height } = canvas;
  return canvas.getContext("2d").getImageData((bit + 0.5) / 6 * width, height / 12, 1, 1).data[1] > 128;
})"""
WHITE = """([x, y]) => {
  const context = document.querySelector("#live canvas").getContext("2d");
  return context.getImageData(x, y, 1, 1).data.every((value) => value > 240);
}"""
FOCUS = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
PIXEL = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"


def draw_camera(path: Path, size: tuple[int, int] = (320, 240), frames: int = 64, rate: int = 30) -> None:
    """A film for the fake camera: frame number in six black or white blocks on top; left half dark."""
    width, height = size
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            luma = np.full((height, width), 200, np.uint8)
            luma[:, : width // 2] = 60
            for bit in range(6):
                block = slice(bit * width // 6, (bit + 1) * width // 6)
                luma[: height // 6, block] = 235 if number >> bit & 1 else 16
            film.write(b"FRAME\n" + luma.tobytes() + bytes([128]) * (height // 2 * (width // 2) * 2))


def photo() -> np.ndarray:
    """Smooth, so that JPEG keeps it: red grows to the right, green downwards."""
    y, x = np.mgrid[0:60, 0:80]
    return np.stack([x * 3, y * 4, np.full_like(x, 90)], axis=-1).astype(np.uint8)


def upload(page: Page, name: str, content: bytes) -> None:
    turn = page.get_attribute(VIEWER, "data-turn")
    clear = page.get_by_label("Remove Image").or_(page.get_by_label("Clear")).first
    if clear.is_visible():  # a refused picture has left nothing to clear
        clear.click()
    expect(page.locator(VIEWER)).to_have_attribute("data-state", "empty", timeout=WAIT)
    page.set_input_files(
        "#picture input[type=file]", {"name": name, "mimeType": "image/png", "buffer": content}
    )
    if name.startswith("good"):
        page.wait_for_function(NEWER, arg=[VIEWER, turn])
    else:
        expect(page.get_by_test_id("toast-body").first).to_be_visible(timeout=WAIT)
        expect(page.locator("#picture img")).to_have_count(0, timeout=WAIT)


def expected_labels(image: np.ndarray) -> np.ndarray:
    return np.asarray(small_model(classes=CLASSES).segment(image, InferenceOptions()).labels)


def color_at(page: Page, canvas: str, x: int, y: int) -> list[int]:
    return page.locator(canvas).evaluate(PIXEL, [int(x), int(y)])


def move_to(page: Page, canvas: str, x: int, y: int) -> None:
    """Point at the center of an image pixel."""
    element = page.locator(canvas)
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box is not None
    width, height = element.evaluate("canvas => [canvas.width, canvas.height]")
    page.mouse.move(
        box["x"] + (x + 0.5) / width * box["width"], box["y"] + (y + 0.5) / height * box["height"]
    )


def drag(page: Page, label: str, value: int, inside: str = "#viewer") -> None:
    page.locator(inside).get_by_label(label).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
    )


def open_tab(page: Page, name: str) -> None:
    page.locator(f"[role=tab][data-tab-id={name.lower()}]").click()
