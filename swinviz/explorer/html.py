"""The viewer as one offline file, and the pieces another page needs to show it."""

from __future__ import annotations

import base64
import gzip
import html
from functools import cache
from pathlib import Path

from swinviz.explorer.payload import BlockKey, Session

__all__ = ["DEFAULT_BUDGET", "save_html", "script", "style"]

DEFAULT_BUDGET = 20_000_000
"""Bytes that an offline file may have, unless another number is asked for."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>body {{ margin: 0 auto; padding: 16px; max-width: 1180px; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #17191d; }} }}
{style}</style>
<main id="viewer"></main>
<noscript>This page draws attention maps with JavaScript; allow it to run.</noscript>
{data}
<script type="module">
{script}
const kept = (key) => document.querySelector(`script[data-key="${{CSS.escape(key)}}"]`)?.textContent;
mount(document.getElementById("viewer"), fileTransport(kept), {{
  state: location.hash.slice(1) || "{state}",
  onstate: (state) => history.replaceState(null, "", `#${{state}}`),
}});
</script>
</html>
"""


@cache
def script() -> str:
    """The viewer's JavaScript: one module that exports `mount` and the transports."""
    return Path(__file__).with_name("explorer.js").read_text(encoding="utf-8")


@cache
def style() -> str:
    """The viewer's style sheet; every rule is confined to the viewer."""
    return Path(__file__).with_name("explorer.css").read_text(encoding="utf-8")


def save_html(
    session: Session, path: str | Path, *, state: str = "", budget: int = DEFAULT_BUDGET
) -> list[BlockKey]:
    """Write the viewer, the picture and the patterns into one file that opens with no network.

    Blocks are kept from the deepest to the first while they fit: the first stage's are the largest and look
    the least far. What had to be left out, the file says itself.

    Args:
        session: the model and image.
        path: file to write.
        state: permalink that the file opens with.
        budget: most bytes the file may have.

    Returns:
        (stage, block) of the blocks that were left out.

    Raises:
        ValueError: the picture alone is larger than the budget.
    """
    parts: dict[str, str] = {}
    room = budget - len(_page("", session, state)) - len(_encode(session.opening(live=False)))
    for stage, block in reversed(session.blocks):
        message = _encode(session.request("block", {"stage": stage, "block": block}))
        if len(message) + 200 <= room:
            parts[f"block?block={block}&stage={stage}"] = message
            room -= len(message) + 200
    missing = [key for key in session.blocks if f"block?block={key[1]}&stage={key[0]}" not in parts]
    if room < 0:
        raise ValueError(f"the picture alone needs more than the budget of {budget} bytes: raise budget=.")
    parts["open"] = _encode(session.opening(live=False, missing=missing))
    data = "\n".join(
        f'<script type="text/plain" data-key="{html.escape(key)}">{message}</script>'
        for key, message in sorted(parts.items())
    )
    Path(path).write_text(_page(data, session, state), encoding="utf-8")
    return missing


def _page(data: str, session: Session, state: str) -> str:
    safe = "".join(letter for letter in state if letter.isalnum() or letter in "=&.-_%")
    return _PAGE.format(
        title=html.escape(f"{session.title}: attention"),
        style=style(),
        data=data,
        script=script(),
        state=safe,
    )


def _encode(message: bytes) -> str:
    # mtime=0: the same picture gives the same file.
    return base64.b64encode(gzip.compress(message, compresslevel=6, mtime=0)).decode("ascii")
