"""A real server and a real browser for tests: free ports, clean ends, a record of what a page asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

__all__ = ["CHROMIUM", "Browser", "Page", "Server", "Tab", "free_port", "launch", "open_tab"]

CHROMIUM = shutil.which("chromium")
QUIET_FLAGS = (
    "--no-sandbox",  # containers run as root
    "--disable-dev-shm-usage",  # and have a /dev/shm too small for a page with pictures
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # Chromium's own requests would be counted as the page's
    "--disable-component-update",
    "--disable-sync",
)
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A child process that answers HTTP at `url`; `log` holds what it printed."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        log: Path,
        *,
        path: str = "/",
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 180,
    ) -> Server:
        """Start `command`, in which "{port}" becomes a free port, and wait until `path` answers 200."""
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [part.replace("{port}", str(port)) for part in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # stop() ends its children too, and nobody else's
                # Jobs that a shell runs in the background ignore Ctrl-C, and their children would, too.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        server = cls(process, f"http://127.0.0.1:{port}", log)
        try:
            server._wait(server.url + path, timeout)
        except BaseException:
            server.stop()
            raise
        return server

    def _wait(self, url: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            not_yet = contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError)
            with not_yet, urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError(f"{url} did not answer within {timeout} s:\n{self.tail()}")

    def tail(self) -> str:
        """The end of what the server printed."""
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End the server and its children: politely, then not."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


# What gradio logs of a request that was on its way when its page was left.
_CUT_OFF = "Unexpected error Connection errored out."


@dataclass
class Tab:
    """A page with what it asked of other machines, what failed to load, and what it logged as errors."""

    page: Page
    outside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def assert_clean(self) -> None:
        """No outside request, no console error; a test that expects one looks at it and clears the list."""
        assert self.outside == [], f"the page asked other machines for {self.outside}"
        errors = [error for error in self.errors if not (self._was_left and error.strip() == _CUT_OFF)]
        assert errors == [], f"the page logged {errors}"

    @property
    def _was_left(self) -> bool:
        """True if a page was reloaded or left while it was being answered."""
        return any("net::ERR_ABORTED" in request for request in self.failed)

    def _on_address(self, address: str) -> None:
        url = urlsplit(address)
        if url.scheme in {"http", "https", "ws", "wss"} and url.hostname not in LOCAL_HOSTS:
            self.outside.append(address)

    def _on_failure(self, request: Request) -> None:
        self.failed.append(f"{request.url}: {request.failure}")

    def _on_console(self, message: ConsoleMessage) -> None:
        # A browser asks for /favicon.ico unasked; that a small test server has none is no error of the page.
        if message.type != "error" or message.location["url"].endswith("/favicon.ico"):
            return
        # Gradio logs that its own stream is closed when a page is left while it waits.
        if not (message.text.startswith("AbortError: ") and "/assets/index-" in message.text):
            self.errors.append(message.text)

    def _on_page_error(self, error: Error) -> None:
        self.errors.append(f"uncaught: {error}")


@contextlib.contextmanager
def launch(*flags: str) -> Iterator[Browser]:
    """A headless Chromium with further command line `flags`, such as those of a fake camera."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET_FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def open_tab(
    browser: Browser, *, size: tuple[int, int] = (1280, 900), permissions: Sequence[str] = ()
) -> Iterator[Tab]:
    """A fresh page of `size` (width, height) in a profile of its own, with e.g. the permission "camera"."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, permissions=list(permissions)
    )
    try:
        tab = Tab(context.new_page())
        tab.page.on("request", lambda request: tab._on_address(request.url))
        tab.page.on("requestfailed", tab._on_failure)
        tab.page.on("console", tab._on_console)
        tab.page.on("pageerror", tab._on_page_error)
        tab.page.on("websocket", lambda socket: tab._on_address(socket.url))  # no request to Playwright
        yield tab
    finally:
        context.close()
