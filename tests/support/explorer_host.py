"""A small model, a page with explorers on it and a Python behind them, for the explorer's browser tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import torch

from support import browser
from swinviz.explorer import STATIC, Session, handle, style
from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.segmenter import SwinUPerNet

__all__ = ["READY", "Host", "drawn", "hosted", "open_explorer", "small_model", "small_session", "until"]

READY = ".swinviz-explorer[data-ready='true']"


def small_model(heads: int = 4) -> SwinUPerNet:
    torch.manual_seed(3)
    backbone = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(2, heads), window_size=4)
    head = HeadConfig(channels=8, pool_scales=(1, 2), aux_channels=0)
    config = ModelConfig(("sky", "sea", "sand", "rock"), backbone=backbone, head=head, scale=(400, 96))
    model = SwinUPerNet(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "qkv" in name or "bias_table" in name:
                parameter.normal_(std=0.6)
    return model


def small_session(heads: int = 4) -> Session:
    """A picture of waves for the small model."""
    rows, columns = np.mgrid[0:96, 0:122]
    photo = np.stack([2 * rows, 2 * columns, 128 + 90 * np.sin((rows + columns) / 9)], axis=-1)
    return Session(small_model(heads), photo.astype(np.uint8), title="small")


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>%s</style><div id="a"></div><div id="b"></div><script type="module">
import { mount, fetchTransport } from "/static/explorer.js";
const link = (state) => `https://example.org/#${state}`;
const show = (id, state) => mount(document.getElementById(id), fetchTransport("/answer"), { state, link });
window.one = await show("a", location.hash.slice(1));
if (location.search === "?two") window.two = await show("b", "");
</script></html>"""


class Host(BaseHTTPRequestHandler):
    """A page with explorers, and a Python behind them."""

    def __init__(self, session: Session, *arguments: Any) -> None:
        self.session = session
        super().__init__(*arguments)

    def log_message(self, *_arguments: Any) -> None:
        """Keep the test's output quiet."""

    def do_GET(self) -> None:
        if self.path.startswith("/static/"):
            self.reply((STATIC / self.path.removeprefix("/static/")).read_bytes(), "text/javascript")
        else:
            self.reply((PAGE % style()).encode(), "text/html")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            self.reply(handle(self.session, asked["name"], asked["args"]), "application/octet-stream")
        except ValueError as error:
            self.reply(str(error).encode(), "text/plain", 400)

    def reply(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def hosted(session: Session) -> Iterator[str]:
    """A server of the page; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, session))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def until(page: browser.Page, condition: str, argument: Any = None) -> None:
    """Wait until JavaScript says so; Playwright's own waiting needs eval, which an offline file forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition, argument):
        assert time.monotonic() < deadline, f"never came: {condition}"
        time.sleep(0.02)


def open_explorer(tab: browser.Tab, address: str) -> browser.Page:
    tab.page.goto(address)
    tab.page.locator(READY).first.wait_for(timeout=90_000)
    return tab.page


def drawn(
    page: browser.Page, session: Session, stride: int, selector: str = ".swv-over", number: int = 0
) -> np.ndarray:
    """RGBA in the middle of every token of a canvas, by default the attention layer: (H, W, 4)."""
    height, width = session.size
    rows, columns = -(-height // stride), -(-width // stride)
    points = [
        [min((row + 0.5) * stride, height - 0.5), min((column + 0.5) * stride, width - 0.5)]
        for row in range(rows)
        for column in range(columns)
    ]
    found = page.evaluate(
        """([points, width, selector, number]) => {
            const canvas = document.querySelectorAll(selector)[number], scale = canvas.width / width;
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return points.map(([y, x]) => {
                const at = 4 * (Math.floor(y * scale) * canvas.width + Math.floor(x * scale));
                return [...data.subarray(at, at + 4)];
            });
        }""",
        [points, width, selector, number],
    )
    return np.array(found).reshape(rows, columns, 4)
