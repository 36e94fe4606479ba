"""Pages that live elsewhere in the repository, and those that are made: the reference, the published table.

The environment says what else the site has:

SWINVIZ_EXECUTE     a glob of notebooks, such as * or 02_*, that run first, so that figures are in the pages
SWINVIZ_PLAYGROUND  a folder that `swinviz.site.build_playground` wrote, which becomes playground/
"""

from __future__ import annotations

import importlib
import os
import posixpath
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / ".ci")]  # where the modules below are
import badges  # noqa: E402
from made import published_table  # noqa: E402

from notebooks import render  # noqa: E402

# Repository path -> page.
MOVED = {
    "README.md": "index.md",
    "notebooks/README.md": "course/index.md",
    "swinviz/weights/outdoor.md": "models/outdoor.md",
    "swinviz/weights/README.md": "models/nano.md",
    "swinviz/data/examples/README.md": "course/photographs.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
}

# Title -> public packages, in the order of a reader's questions.
REFERENCE = {
    "Loading and segmenting": ["swinviz", "swinviz.inference", "swinviz.images"],
    "The model": [
        "swinviz.model.geometry",
        "swinviz.model.hooks",
        "swinviz.model.swin",
        "swinviz.model.upernet",
    ],
    "Attention": ["swinviz.attention"],
    "Attribution": ["swinviz.attribution"],
    "Features": ["swinviz.features"],
    "Interventions": ["swinviz.interventions"],
    "Figures": ["swinviz.plots"],
    "Explorer": ["swinviz.explorer"],
    "Videos and cameras": ["swinviz.streaming"],
    "Checkpoints": ["swinviz.checkpoints"],
    "Exported models": ["swinviz.exporting", "swinviz.exported", "swinviz.site"],
    "Data": ["swinviz.data", "swinviz.formats"],
    "Training": ["swinviz.training"],
    "Evaluation": ["swinviz.evaluation", "swinviz.report_page"],
    "Benchmark": ["swinviz.benchmark"],
}

PLAYGROUND = "SWINVIZ_PLAYGROUND"
STYLE = "stylesheets/site.css"

_TRY_IT = re.compile(r"^\*\*\[?Try it in your browser.*?\n(?=\n)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the places of the navigation that end in a star, and say where the site will be."""
    config.site_url = badges.site()
    notebooks = [f"course/{path.stem}.md" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    guides = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    named = {"how_it_works.md", "performance.md", "ablation.md", "testing.md"}
    stars = {
        "course/*": notebooks,
        "guides/*": [guide for guide in guides if guide not in named],
        "reference/*": [{title: _page(title)} for title in REFERENCE],
    }
    for section in config.nav:
        for title, pages in section.items():
            if isinstance(pages, list):
                section[title] = [page for entry in pages for page in stars.get(entry, [entry])]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not below docs/."""

    def add(name: str, content: str | bytes) -> None:
        files.append(File.generated(config, name, content=content))

    add(STYLE, (Path(__file__).parent / "site.css").read_bytes())
    for source, page in MOVED.items():
        text = (ROOT / source).read_text("utf-8")
        if source == "README.md":
            text = _home(text)
        add(page, _rewrite(text, source, page))
    execute = os.environ.get("SWINVIZ_EXECUTE", "")
    for path in tqdm(sorted((ROOT / "notebooks").glob("*.ipynb")), "notebooks", disable=not execute):
        page = f"course/{path.stem}.md"
        text, beside = render(path, execute=fnmatch(path.stem, execute))
        add(page, _rewrite(text, f"notebooks/{path.name}", page))
        for name, content in beside.items():
            add(f"course/{name}", content)
    for title, packages in REFERENCE.items():
        add(_page(title), _reference(title, packages))
    add("models/published.md", published_table())
    for path in sorted(_playground().rglob("*")) if PLAYGROUND in os.environ else ():
        if path.is_file():
            name = f"playground/{path.relative_to(_playground()).as_posix()}"
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Give the playground, which is no page of MkDocs, its place beside Home."""
    if PLAYGROUND in os.environ:
        nav.items.insert(1, Link("Playground", "playground/index.html"))
    return nav


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Let the guides below docs/ link to what became a page."""
    source = page.file.src_uri  # type: ignore[attr-defined]
    if source in MOVED.values() or source.startswith(("course/", "reference/")):
        return markdown
    return _rewrite(markdown, f"docs/{source}", source)


def _playground() -> Path:
    return Path(os.environ[PLAYGROUND])


def _home(text: str) -> str:
    """README's text without a hosted Space's settings; who reads it here has the playground beside it."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    if PLAYGROUND not in os.environ:
        return text
    line = (
        "**[Try it in your browser](playground/index.html)**: a model runs in the page; pictures and camera "
        "frames stay on your machine.\n"
    )
    text, count = _TRY_IT.subn(line, text)
    assert count == 1
    return text


def _page(title: str) -> str:
    return f"reference/{title.lower().replace(' ', '_')}.md"


def _reference(title: str, packages: list[str]) -> str:
    """One heading a package, and below it what the package exports."""
    lines = [f"# {title}", ""]
    for package in packages:
        module = importlib.import_module(package)
        lines += [f"## `{package}`", "", (module.__doc__ or "").strip().split("\n\n")[0], ""]
        for name in getattr(module, "__all__", []):
            lines += [f"::: {package}.{name}", "    options:", "      heading_level: 3", ""]
    return "\n".join(lines)


def _rewrite(text: str, source: str, page: str) -> str:
    """Point links at pages where the linked file became one; the strict build refuses all others."""
    here, there = posixpath.dirname(source), posixpath.dirname(page) or "."

    def replace(found: re.Match[str]) -> str:
        address = found[2]
        if re.match(r"[a-z]+:|/", address):
            return found[0]
        target = posixpath.normpath(posixpath.join(here, address))
        if target == "notebooks":
            target = "notebooks/README.md"
        if target in MOVED:
            target = MOVED[target]
        elif target.startswith("docs/"):
            target = target.removeprefix("docs/")
        elif target.startswith("notebooks/"):
            target = target.replace("notebooks/", "course/", 1).replace(".ipynb", ".md")
        else:
            return found[0]
        return f"{found[1]}{posixpath.relpath(target, there)}{found[3]}"

    return _LINK.sub(replace, text)
