"""Links to where this is published, written into notebooks and README from the address in pyproject.toml."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["address", "readme", "site"]

ROOT = Path(__file__).parents[1]
PLACEHOLDER = "your_account"
BRANCH = "main"
EXTRAS = "notebook,video,formats,export"


def address() -> str:
    """The repository's address, from the one place that has it."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Repository"]


def site() -> str:
    """Address at which GitHub Pages publishes the site; empty while the repository has none."""
    owner, name = address().removeprefix("https://github.com/").split("/")
    return "" if owner == PLACEHOLDER else f"https://{owner}.github.io/{name}/"


def readme(text: str) -> str:
    """README with a link to the published playground in front of the command that serves it here."""
    words = "Try it in your browser"
    linked = f"**[{words}]({site()}playground/)**" if site() else f"**{words}**"
    return re.sub(rf"^\*\*\[?{words}(?:\]\([^)]*\))?\*\*", linked, text, flags=re.MULTILINE)


def _links(stem: str) -> list[str]:
    """Markdown links to a notebook in Colab, Kaggle and Binder."""
    repository = address()
    name = repository.removeprefix("https://github.com/")
    file = f"{BRANCH}/notebooks/{stem}.ipynb"
    addresses = {
        "Colab": f"https://colab.research.google.com/github/{name}/blob/{file}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src={repository}/blob/{file}",
        "Binder": f"https://mybinder.org/v2/gh/{name}/{BRANCH}?labpath=notebooks%2F{stem}.ipynb",
    }
    return [f"[{place}]({link})" for place, link in addresses.items()]


def _notebook(path: Path) -> str:
    """The notebook with its links below the heading, and with the line that names what pip installs."""
    notebook = json.loads(path.read_text("utf-8"))
    first, code = notebook["cells"][:2]
    heading, *rest = "".join(first["source"]).split("\n\n")
    rest = [part for part in rest if not part.startswith("Nothing to install: ")]
    colab, kaggle, binder = _links(path.stem)
    links = f"Nothing to install: open this page in {colab}, {kaggle} or {binder}."
    first["source"] = "\n\n".join([heading, links, *rest]).splitlines(keepends=True)
    source = f'SOURCE = "swinviz[{EXTRAS}] @ git+{address()}"'
    text = re.sub(r"(?m)^SOURCE = .*$", source, "".join(code["source"]))
    code["source"] = text.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        path.write_text(_notebook(path), "utf-8")
    (ROOT / "README.md").write_text(readme((ROOT / "README.md").read_text("utf-8")), "utf-8")
