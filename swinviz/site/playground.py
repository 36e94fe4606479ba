"""The playground: the explorer with the model running inside the page, as a folder of static files."""

from __future__ import annotations

import gzip
import html
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from swinviz.explorer import STATIC as EXPLORER
from swinviz.images.reading import MAX_PIXELS, MAX_SIDE
from swinviz.images.sentences import REFUSALS
from swinviz.segmenter import SwinUPerNet
from swinviz.site.folders import replaced_folder
from swinviz.site.runtime import runtime_archive, unpack_runtime
from swinviz.site.web_graph import web_graph

__all__ = ["build_playground"]

STATIC = Path(__file__).parent / "static"
"""The playground's own page, scripts and styles."""

_FIRST = ("index.html", "isolation.js")  # lie at the top of the folder


def build_playground(
    model: SwinUPerNet,
    folder: str | Path,
    *,
    title: str = "Swin-UPerNet",
    samples: Sequence[Path] = (),
    runtime: str | Path | None = None,
) -> dict[str, int]:
    """Write a folder of static files: the explorer with the model running inside the page.

    Args:
        model: the model that visitors run.
        folder: where to write; it is made, or replaced whole if it holds a site.
        title: name of the model, as visitors see it.
        samples: pictures that visitors can open without one of their own.
        runtime: archive of onnxruntime-web; by default npm is asked for it.

    Returns:
        Name of each file that visitors may load, samples apart -> its bytes.

    Raises:
        SwinvizError: the folder holds something else, or the runtime cannot be had.
        MissingPackageError: the package `onnx` is not installed.
    """
    with replaced_folder(Path(folder)) as new:
        write_playground(model, new, title=title, samples=samples, runtime=runtime)
    return weights_of(Path(folder))


def write_playground(
    model: SwinUPerNet, folder: Path, *, title: str, samples: Sequence[Path], runtime: str | Path | None
) -> None:
    """Write the files into an empty folder, as `build_playground` says."""
    unpack_runtime(Path(runtime) if runtime else runtime_archive(), folder / "runtime")
    for name, source in {"explorer/static": EXPLORER, "site/static": STATIC}.items():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*_FIRST))
    graph, described = web_graph(model)
    (folder / "models").mkdir()
    # Compressed here, because not every file server does it; the same model gives the same bytes.
    (folder / "models" / "model.onnx.gz").write_bytes(gzip.compress(graph, mtime=0))
    (folder / "models" / "model.json").write_text(json.dumps(described), encoding="utf-8")
    (folder / "samples").mkdir()
    for sample in samples:
        shutil.copy(sample, folder / "samples" / sample.name)
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    limits = {"sentences": dict(REFUSALS), "most_pixels": MAX_PIXELS, "longest": MAX_SIDE}
    facts = {"title": title, "samples": [sample.name for sample in samples], "limits": limits}
    page = page.replace("{title}", html.escape(title)).replace("{facts}", html.escape(json.dumps(facts)))
    (folder / "index.html").write_text(page, encoding="utf-8")
    # A service worker answers for what lies beside and below it only.
    shutil.copy(STATIC / "isolation.js", folder / "isolation.js")


def weights_of(folder: Path) -> dict[str, int]:
    """Name of each file of a playground, samples apart -> its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "samples" not in path.parts
    }
