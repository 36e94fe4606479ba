"""The viewer as one offline file, and the pieces another page needs to show it."""

from __future__ import annotations

import base64
import gzip
import html
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from swinviz.explorer.payload import answer, opening
from swinviz.explorer.session import BlockKey, Session

__all__ = ["DEFAULT_BUDGET", "save_html", "script", "style"]

DEFAULT_BUDGET = 20_000_000
"""Bytes that an offline file may have, unless another number is asked for."""

_STRIPS_A_SIDE = 6
"""Queries along the longer side of the picture whose strips an offline file holds."""

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
    the least far. Then come the strips of a coarse grid of queries. What was left out, the file says itself.

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
    kept = {"segmentation": _encode(answer(session, "segmentation"))}
    room = budget - len(_page(session, state, kept | {"open": _encode(opening(session))}))
    if room < 0:
        raise ValueError(f"the picture alone needs more than the budget of {budget} bytes: raise budget=.")
    every = _strip_spacing(session)
    strips = {_key("strip", **arguments): _encode(answer(session, "strip", arguments | {"coarse": True}))
              for arguments in _strip_queries(session, every)}  # fmt: skip
    room_for_strips = room // 4
    if _size(strips) <= room_for_strips:
        kept |= strips
        room -= _size(strips)
    else:
        every = -1
    missing = []
    for stage, block in reversed(session.geometries):
        key = _key("block", stage=stage, block=block)
        message = {key: _encode(answer(session, "block", {"stage": stage, "block": block}))}
        if _size(message) <= room:
            kept |= message
            room -= _size(message)
        else:
            missing.append((stage, block))
    missing.reverse()
    kept["open"] = _encode(opening(session, live=False, missing=missing, strip_every=every))
    Path(path).write_text(_page(session, state, kept), encoding="utf-8")
    return missing


def _strip_spacing(session: Session) -> int:
    coarsest = max(geometry.stride for geometry in session.geometries.values())
    steps = -(-max(session.size) // (_STRIPS_A_SIDE * coarsest))
    return coarsest * steps


def _strip_queries(session: Session, every: int) -> Iterator[dict[str, int | str]]:
    """The middle of each cell of the grid; in the last row and column at most the last pixel."""
    height, width = session.size
    for y in range(every // 2, height + every // 2, every):
        for x in range(every // 2, width + every // 2, every):
            for kind in ("rollout", "reach"):
                yield {"kind": kind, "y": min(y, height - 1), "x": min(x, width - 1)}


def _key(name: str, **arguments: int | str) -> str:
    """The key that the script looks an answer up by (`requestKey` in explorer.js)."""
    return f"{name}?" + "&".join(f"{key}={arguments[key]}" for key in sorted(arguments))


def _size(messages: dict[str, str]) -> int:
    return sum(len(_element(key, message)) + 1 for key, message in messages.items())


def _element(key: str, message: str) -> str:
    return f'<script type="text/plain" data-key="{html.escape(key)}">{message}</script>'


def _page(session: Session, state: str, messages: dict[str, str]) -> str:
    data = "\n".join(_element(key, message) for key, message in sorted(messages.items()))
    safe = "".join(letter for letter in state if letter.isalnum() or letter in "=&.-_%")
    title = html.escape(f"{session.title}: attention")
    return _PAGE.format(title=title, style=style(), data=data, script=script(), state=safe)


def _encode(message: bytes) -> str:
    # mtime=0: the same picture gives the same file.
    return base64.b64encode(gzip.compress(message, compresslevel=6, mtime=0)).decode("ascii")
