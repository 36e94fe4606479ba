"""The page: the report's figures as JSON, the pictures as data addresses, and one script that shows them."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swinviz.errors import SwinvizError
from swinviz.evaluation import Report
from swinviz.files import replacing
from swinviz.report_page.pictures import Pictures

__all__ = ["save_report_page"]

_STATIC = Path(__file__).parent / "static"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{style}</style>
<main id="report"></main>
<noscript>This page needs JavaScript; it asks no other machine for anything.</noscript>
<script type="application/json" id="data">{data}</script>
<script type="module">{script}</script>
</html>
"""


def save_report_page(
    report: Report,
    path: str | os.PathLike[str],
    pictures: Mapping[int, Pictures] | None = None,
    *,
    baseline: Report | None = None,
) -> Path:
    """Write an evaluation as one HTML file that opens with no network.

    Args:
        report: the evaluation.
        path: the file; an older one is replaced only by a whole new one.
        pictures: of some images, by their place in the data set.
        baseline: an earlier evaluation on the same classes, against which every figure is compared.

    Returns:
        The path written.

    Raises:
        SwinvizError: the baseline has other classes.
        OSError: the file cannot be written.
    """
    if baseline is not None and baseline.classes != report.classes:
        raise SwinvizError(
            f"the two reports have {len(report.classes)} and {len(baseline.classes)} classes, not the same "
            "ones: compare evaluations on one data set."
        )
    title = f"{report.preset or 'model'} on {report.dataset}"
    data = {
        "title": title,
        "report": report.to_dict(),
        "baseline": baseline.to_dict() if baseline else None,
        "pictures": {
            number: {name: _plain(name, content) for name, content in asdict(shown).items()}
            for number, shown in (pictures or {}).items()
        },
    }
    text = _PAGE.format(
        title=html.escape(title),
        style=(_STATIC / "report.css").read_text("utf-8"),
        data=_script_safe(data),
        script=(_STATIC / "report.js").read_text("utf-8"),
    )
    path = Path(path)
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")
    return path


def _plain(name: str, content: bytes | tuple[int, ...]) -> str | tuple[int, ...]:
    """A picture as a data address; what is no picture as it is."""
    if not isinstance(content, bytes):
        return content
    kind = "jpeg" if name == "photo" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _script_safe(data: Mapping[str, Any]) -> str:
    """JSON in which no name of a file or class can end the script that holds it."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
