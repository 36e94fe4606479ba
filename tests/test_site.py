"""The site: built strictly, complete, its links right, and without a request to another machine."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from swinviz.site.folders import replaced_folder

pytest.importorskip("mkdocs", reason="the extra docs is not installed")


COURSE = Path(__file__).parents[1] / "notebooks"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site as the command builds it, without running the notebooks."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings the browser's runtime, is not installed")
    folder = tmp_path_factory.mktemp("site") / "site"
    built = command("site", "-o", folder, "--model", "nano", "--notebooks", "")
    assert built.returncode == 0, built.stdout + built.stderr
    assert not re.findall("WARNING|Traceback", built.stderr), built.stderr
    return folder


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "swinviz", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(COURSE.parent)},
    )


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


def test_every_public_package_is_in_the_reference(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = mkdocs_module("hooks", monkeypatch)
    described = {package for packages in hooks.REFERENCE.values() for package in packages}
    packages = {
        f"swinviz.{found.name}"
        for found in pkgutil.iter_modules([str(repository / "swinviz")])
        if found.ispkg
    }
    # Launched, not imported; and what the package's own front door has.
    unlisted = {"swinviz.cli", "swinviz.demo", "swinviz.weights"}
    assert {
        package for package in packages - unlisted if not any(d.startswith(package) for d in described)
    } == set()


@pytest.mark.slow
def test_the_playground_is_in_the_navigation_and_on_the_first_page(site: Path) -> None:
    home = (site / "index.html").read_text("utf-8")
    assert home.count('href="playground/index.html"') >= 2
    assert "Try it in your browser</a>" in home
    assert "http.server" not in home
    for page in ("course/01_windows.html", "reference/attention.html"):
        assert 'href="../playground/index.html"' in (site / page).read_text("utf-8")


@pytest.mark.slow
def test_the_published_table_has_every_published_model(site: Path) -> None:
    from swinviz import PRESETS

    text = (site / "models" / "published.html").read_text("utf-8")
    rows = re.findall(r"<tr>(.*?)</tr>", text, flags=re.DOTALL)
    for name, preset in PRESETS.items():
        found = [row for row in rows if f"<code>{name}</code>" in row]
        assert len(found) == (0 if preset.shipped else 1), name
        for figure in (preset.memory_gb, preset.fps, preset.miou, preset.miou_ms_flip):
            assert preset.shipped or figure is None or f">{figure}<" in found[0], name


@pytest.mark.slow
def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    refused = command("site", "-o", tmp_path, "--playground", "--model", "nano")
    assert refused.returncode != 0
    assert "holds something that is no site" in refused.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_build_that_fails_leaves_the_old_site(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    with replaced_folder(folder) as new:
        (new / "isolation.js").write_text("old")
    with contextlib.suppress(KeyboardInterrupt), replaced_folder(folder) as new:
        (new / "isolation.js").write_text("new")
        raise KeyboardInterrupt
    assert (folder / "isolation.js").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


NOTEBOOK = [
    new_markdown_cell("# Heading\n\nAs $a^2$ grows."),
    new_code_cell(
        "import matplotlib.pyplot as plt\nfrom swinviz.plots import show\n"
        "figure, axes = plt.subplots()\nshow(figure, 'An empty drawing.')\nprint('said before')"
    ),
    new_code_cell(
        "import ipywidgets\nprint('ab' + 'ove')\n"
        "ipywidgets.interactive(lambda side: print('si' + 'de', side), side=ipywidgets.IntSlider(7, 2, 14))"
    ),
    new_code_cell(
        "import numpy as np, swinviz\n"
        "swinviz.explore(swinviz.load('nano'), np.full((40, 56, 3), 90, np.uint8))"
    ),
]


@pytest.mark.slow
def test_a_notebook_keeps_figures_formulas_sliders_and_live_explorers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "11_tiny.ipynb"
    nbformat.write(new_notebook(cells=NOTEBOOK), path)
    monkeypatch.setenv("PYTHONPATH", str(COURSE.parent))
    text, beside = mkdocs_module("notebooks", monkeypatch).render(path, execute=True)
    assert "![An empty drawing.](11_tiny_1_0.png)" in text
    assert beside["11_tiny_1_0.png"].startswith(b"\x89PNG")
    assert "<math" in text
    assert "$a^2$" not in text
    assert text.index("above") < text.index("side 7") < text.index("*In Jupyter you can move this: side.*")
    assert '<iframe src="11_tiny_explorer_1.html"' in text
    page = beside["11_tiny_explorer_1.html"].decode()
    assert 'data-key="block?block=0&amp;stage=0"' in page
    assert "Explorer(" not in text
    assert "_as_pages" not in text


def mkdocs_module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(COURSE.parent / ".mkdocs"))
    for module in ("hooks", "notebooks", "interactive", "made", "badges"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return importlib.import_module(name)


def test_readme_leads_to_the_published_playground_or_says_how_to_serve_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(repository / ".ci"))
    badges = importlib.import_module("badges")
    readme = (repository / "README.md").read_text("utf-8")
    assert badges.readme(readme) == readme  # `python .ci/badges.py` has nothing to change
    line = next(line for line in readme.splitlines() if "Try it in your browser" in line)
    assert ("playground/)" in line) == bool(badges.site())
    monkeypatch.setattr(badges, "address", lambda: "https://github.com/ada/swinviz")
    linked = badges.readme(readme)
    assert "**[Try it in your browser](https://ada.github.io/swinviz/playground/)**: a page" in linked
    assert badges.readme(linked) == linked
