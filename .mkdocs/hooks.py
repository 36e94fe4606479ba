"""Pages of the site that live elsewhere in the repository, and the reference, made from the docstrings."""

from __future__ import annotations

import importlib
import os
import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))  # where the module below is
from notebooks import render

ROOT = Path(__file__).parents[1]

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
    "Interventions": ["swinviz.interventions"],
    "Figures": ["swinviz.plots"],
    "Explorer": ["swinviz.explorer"],
    "Checkpoints": ["swinviz.checkpoints"],
    "Data": ["swinviz.data"],
    "Training": ["swinviz.training"],
    "Evaluation": ["swinviz.evaluation", "swinviz.report_page"],
    "Benchmark": ["swinviz.benchmark"],
}

_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the places of the navigation that end in a star."""
    notebooks = [f"course/{path.stem}.md" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    guides = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    named = {"performance.md", "ablation.md", "testing.md"}
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
    for source, page in MOVED.items():
        text = (ROOT / source).read_text("utf-8")
        if source == "README.md":
            text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # a hosted Space's settings
        files.append(File.generated(config, page, content=_rewrite(text, source, page)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page = f"course/{path.stem}.md"
        text, pictures = render(path, execute=os.environ.get("SWINVIZ_EXECUTE") == "true")
        text = _rewrite(text, f"notebooks/{path.name}", page)
        files.append(File.generated(config, page, content=text))
        for name, picture in pictures.items():
            files.append(File.generated(config, f"course/{name}", content=picture))
    for title, packages in REFERENCE.items():
        files.append(File.generated(config, _page(title), content=_reference(title, packages)))
    return files


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Let the guides below docs/ link to what became a page."""
    source = page.file.src_uri  # type: ignore[attr-defined]
    if source in MOVED.values() or source.startswith(("course/", "reference/")):
        return markdown
    return _rewrite(markdown, f"docs/{source}", source)


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
