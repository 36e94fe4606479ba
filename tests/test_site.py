"""The documentation as a site: built strictly, complete, and without a request to another machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed")


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        ".mkdocs/mkdocs.yml",
        "-d",
        str(folder),
    ]
    built = subprocess.run(
        command, cwd=repository, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(repository), "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    pages = {page: page.read_text("utf-8") for page in site.rglob("*.html")}
    assert len(pages) > 25
    broken = []
    for page, text in pages.items():
        for address in re.findall(r'(?:href|src)="([^"]+)"', text):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or page.name == "404.html":
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                broken.append(f"{page.relative_to(site)}: {address}")
            elif (
                parts.fragment and target in pages and f'id="{unquote(parts.fragment)}"' not in pages[target]
            ):
                broken.append(f"{page.relative_to(site)}: no place {address}")
    assert broken == []


@pytest.mark.slow
def test_no_page_asks_another_machine_for_anything(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert re.findall(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//[^"]+"', text) == [], page
        assert (
            re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect)"[^>]+href="(?:https?:)?//', text) == []
        ), page


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    import swinviz

    text = "".join(page.read_text("utf-8") for page in (site / "reference").glob("*.html"))
    missing = [name for name in swinviz.__all__ if not re.search(rf'id="swinviz\.(?:\w+\.)*{name}"', text)]
    assert missing == []
