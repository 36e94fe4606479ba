"""A static site in which the model runs in the visitor's own browser: no Python, no other server."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from swinviz.errors import SwinvizError
from swinviz.explorer import STATIC as EXPLORER
from swinviz.exporting import ExportOptions, to_onnx
from swinviz.segmenter import SwinUPerNet
from swinviz.site.runtime import RUNTIME_VERSION, runtime_archive, unpack_runtime

__all__ = ["RUNTIME_VERSION", "build_site", "web_graph"]

STATIC = Path(__file__).parent / "static"
"""The playground's own page, scripts and styles."""

_POINTS = ("pattern", "q", "k", "bias")


def web_graph(model: SwinUPerNet) -> tuple[bytes, dict[str, object]]:
    """Write a model as the browser's engine wants it.

    Returns:
        The graph, with logits and what attention is decomposed from as outputs, and the controls
        as inputs that must be given, because browsers' runtimes know no defaults; and its metadata.
    """
    outputs = ("logits", *(f"stages.*.blocks.*.attn.{point}" for point in _POINTS))
    graph = to_onnx(model, ExportOptions(outputs, controls=True))
    given = {value.name for value in graph.graph.input}
    weights = [weight for weight in graph.graph.initializer if weight.name not in given]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(weights)
    described: dict[str, object] = {entry.key: json.loads(entry.value) for entry in graph.metadata_props}
    return graph.SerializeToString(), described


def build_site(
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
        folder: where to write; it is made.
        title: name of the model, as visitors see it.
        samples: pictures that visitors can open without one of their own.
        runtime: archive of onnxruntime-web; by default npm is asked for it.

    Returns:
        Name of each file that a visitor loads -> its bytes.

    Raises:
        SwinvizError: the folder holds something else, or the runtime cannot be had.
        MissingPackageError: the package `onnx` is not installed.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not _is_ours(folder))):
        raise SwinvizError(f"{folder} holds something that is no site of swinviz: name another folder.")
    archive = Path(runtime) if runtime else runtime_archive()
    parts = {"explorer/static": EXPLORER, "site/static": STATIC}
    for name, source in parts.items():
        shutil.copytree(source, folder / name, dirs_exist_ok=True)
    unpack_runtime(archive, folder / "runtime")
    graph, described = web_graph(model)
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "model.onnx").write_bytes(graph)
    (folder / "models" / "model.onnx.json").write_text(json.dumps(described), encoding="utf-8")
    (folder / "samples").mkdir(exist_ok=True)
    for sample in samples:
        shutil.copy(sample, folder / "samples" / sample.name)
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    facts = {"title": title, "samples": [sample.name for sample in samples]}
    page = page.replace("{title}", html.escape(title)).replace("{facts}", html.escape(json.dumps(facts)))
    (folder / "index.html").write_text(page, encoding="utf-8")
    # A service worker answers for what lies beside and below it only.
    shutil.copy(STATIC / "isolation.js", folder / "isolation.js")
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "samples" not in path.parts
    }


def _is_ours(folder: Path) -> bool:
    return (folder / "isolation.js").is_file() and (folder / "runtime").is_dir()
