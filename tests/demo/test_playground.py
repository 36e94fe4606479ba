"""The playground at the demo's side: for whom, with which headers, and what the About tab says of it."""

from __future__ import annotations

import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.browser import Server
from support.demo_samples import OFFLINE

from swinviz.demo.options import DemoOptions, parse_options
from swinviz.demo.playground import find_playground


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole site, whose playground is a page and a script."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "playground").mkdir()
    (folder / "playground" / "index.html").write_text("<title>model in the page</title>")
    (folder / "playground" / "isolation.js").write_text("// adds headers")
    (folder / "secret.txt").write_text("not the playground's")
    return folder


@pytest.fixture(scope="module")
def closed(serve: Callable[..., Server], folder: Path) -> Server:
    command = [sys.executable, "app.py", "--port", "{port}", "--model", "nano"]
    return serve([*command, "--playground", str(folder), "--auth", "ada:secret"], env=OFFLINE)


def get(address: str, cookie: str = "") -> http.client.HTTPResponse:
    request = urllib.request.Request(address, headers={"Cookie": cookie} if cookie else {})
    return urllib.request.urlopen(request, timeout=30)  # type: ignore[no-any-return]


def test_playground_of_a_site_or_alone_is_found_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    assert find_playground(folder) == folder / "playground"
    assert find_playground(folder / "playground") == folder / "playground"
    assert find_playground(tmp_path) is None
    assert parse_options(["--playground", str(folder)]).playground == folder
    with pytest.raises(ValueError, match="name a folder that `python -m swinviz site` wrote"):
        DemoOptions(playground=tmp_path)


@pytest.mark.slow
def test_playground_is_for_those_who_may_enter_and_gets_the_headers_of_threads(closed: Server) -> None:
    for path in ("/playground/", "/playground/isolation.js"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(closed.url + path)
    form = urlencode({"username": "ada", "password": "secret"}).encode()
    with urllib.request.urlopen(f"{closed.url}/login", form, timeout=60) as answer:
        cookies = "; ".join(each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie"))
    with get(f"{closed.url}/playground/", cookies) as page:
        assert b"model in the page" in page.read()
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert page.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    for path in ("/playground/../secret.txt", "/playground/%2e%2e/secret.txt"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(closed.url + path, cookies)
    with get(f"{closed.url}/", cookies) as page:
        assert b"[The playground](playground/)" in page.read()
