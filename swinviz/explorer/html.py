"""The viewer as one offline file."""

from __future__ import annotations

import base64
import gzip
import html
from collections.abc import Iterator, Mapping
from pathlib import Path

from swinviz.explorer.requests import OfflineContents, handle, manifest
from swinviz.explorer.scripts import script, style
from swinviz.explorer.session import Session
from swinviz.files import replacing
from swinviz.interventions.named import WHOLE_MODEL
from swinviz.model.hooks import BlockId

__all__ = ["DEFAULT_BUDGET", "save_html"]

DEFAULT_BUDGET = 20_000_000
"""Bytes that an offline file may have, unless another number is asked for."""

_SLACK = 500
"""Bytes set aside for the list of what was left out, whose compressed length is known only at the end."""

_TIMELINES_A_SIDE = 6
"""Queries along the longer side of the picture whose timelines and decisions an offline file holds."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>body {{ margin: 0 auto; padding: 12px 20px; max-width: 1440px; background: #fff; }}
@media (max-width: 760px) {{ body {{ padding: 8px 12px; }} }}
@media (prefers-color-scheme: dark) {{ body {{ background: #15171c; }} }}
{style}</style>
<main id="viewer"></main>
<noscript>This page draws attention maps with JavaScript; allow it to run.</noscript>
{data}
<script type="module">
{script}
const find = (key) => document.querySelector(`script[data-key="${{CSS.escape(key)}}"]`)?.textContent;
mount(document.getElementById("viewer"), fileTransport(find), {{
  state: location.hash.slice(1) || "{state}",
  onstate: (state) => history.replaceState(null, "", `#${{state}}`),
  link: (state) => `${{location.href.split("#")[0]}}#${{state}}`,
}});
</script>
</html>
"""


def save_html(
    session: Session, path: str | Path, *, state: str = "", budget: int = DEFAULT_BUDGET
) -> list[BlockId]:
    """Write the viewer, the picture and the patterns into one file that opens with no network.

    In this order, as far as there is room: the segmentations under each edit; the timelines and decisions
    of a coarse grid of queries; the patterns of the blocks, from the deepest to the first, because the
    first stage's are the largest and look the least far; the principal components of all blocks as
    colors; the answers after every block; the token vectors of the last blocks of the two last stages;
    and in the same order as the patterns the content patterns, for the decomposition into content,
    position and mask, and the other blocks' token vectors. What was left out, the file says itself.

    Args:
        session: the model and image.
        path: file to write.
        state: permalink that the file opens with.
        budget: most bytes the file may have.

    Returns:
        (stage, block) of the blocks whose patterns were left out.

    Raises:
        ValueError: the picture alone is larger than the budget.
    """
    answers = _Answers()
    answers.put("segmentation", handle(session, "segmentation"))
    blocks = list(session.geometries)
    everything_left_out = OfflineContents(WHOLE_MODEL, blocks, blocks, 1, blocks, True, True)
    page = _page(
        session, state, answers.messages | {"manifest": _encode(manifest(session, everything_left_out))}
    )
    answers.room = budget - len(page.encode()) - _SLACK
    if answers.room < 0:
        raise ValueError(f"the picture alone needs more than the budget of {budget} bytes: raise budget=.")
    deepest_first = blocks[::-1]
    ends = [key for key in deepest_first if BlockId(key.stage, key.block + 1) not in session.geometries][:2]

    def left_out(name: str, wanted: list[BlockId]) -> list[BlockId]:
        return [key for key in wanted if not _keep(answers, session, name, stage=key[0], block=key[1])]

    edits = [name for name in WHOLE_MODEL if _keep(answers, session, "segmentation", edits=name)]
    every = _keep_timelines(answers, session)
    no_patterns = left_out("block", deepest_first)
    components = _keep_components(answers, session)
    lens = _keep(answers, session, "lens")
    no_features = left_out("features", ends)
    no_content = left_out("content", deepest_first)
    no_features += left_out("features", [key for key in deepest_first if key not in ends])
    contents = OfflineContents(
        edits, sorted(no_patterns), sorted(no_content), every, sorted(no_features), components, lens
    )
    answers.put("manifest", manifest(session, contents))
    with replacing(path) as temporary:
        temporary.write_text(_page(session, state, answers.messages), encoding="utf-8")
    return list(contents.no_patterns)


class _Answers:
    """Answers by the key that the script looks them up by, and how many bytes may still be added."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.room = 0

    def put(self, key: str, message: bytes) -> None:
        """Add an answer, whether there is room or not."""
        self.messages[key] = _encode(message)

    def put_if_room(self, messages: Mapping[str, bytes], *, share: float = 1.0) -> bool:
        """Add answers if all of them fit into a share of the room that is left; return whether they did."""
        encoded = {key: _encode(message) for key, message in messages.items()}
        size = sum(len(_element(key, text)) + 1 for key, text in encoded.items())
        if size > share * self.room:
            return False
        self.messages |= encoded
        self.room -= size
        return True


def _keep(answers: _Answers, session: Session, name: str, **arguments: int | str) -> bool:
    return answers.put_if_room({_key(name, **arguments): handle(session, name, arguments)})


def _keep_components(answers: _Answers, session: Session) -> bool:
    """Add the colors of all blocks, or none; return whether they are there."""
    asked = [{"stage": stage, "block": block} for stage, block in session.geometries]
    return answers.put_if_room(
        {_key("components", **each): handle(session, "components", each) for each in asked}
    )


def _keep_timelines(answers: _Answers, session: Session) -> int:
    """Add the timelines and decisions of a grid of queries; return its spacing in pixels, 0 without room."""
    every = _timeline_spacing(session)
    timelines: dict[str, bytes] = {}
    for pixel in _grid(session.size, every):
        for kind in ("rollout", "reach"):
            arguments: dict[str, int | str] = {"kind": kind, **pixel}
            key = _key("timeline", **arguments)
            timelines[key] = handle(session, "timeline", arguments | {"coarse": True})
        timelines[_key("decision", **pixel)] = handle(session, "decision", pixel)
    return every if answers.put_if_room(timelines, share=0.25) else 0


def _timeline_spacing(session: Session) -> int:
    coarsest = max(geometry.stride for geometry in session.geometries.values())
    steps = -(-max(session.size) // (_TIMELINES_A_SIDE * coarsest))
    return coarsest * steps


def _grid(size: tuple[int, int], every: int) -> Iterator[dict[str, int]]:
    """The middle of each cell of a grid of pixels; in the last row and column at most the last pixel."""
    height, width = size
    for y in range(every // 2, height + every // 2, every):
        for x in range(every // 2, width + every // 2, every):
            yield {"y": min(y, height - 1), "x": min(x, width - 1)}


def _key(name: str, **arguments: int | str) -> str:
    """The key that the script looks an answer up by (`requestKey` in transports.js)."""
    query = "&".join(f"{key}={arguments[key]}" for key in sorted(arguments))
    return f"{name}?{query}" if query else name


def _element(key: str, message: str) -> str:
    return f'<script type="text/plain" data-key="{html.escape(key)}">{message}</script>'


def _page(session: Session, state: str, messages: dict[str, str]) -> str:
    data = "\n".join(_element(key, message) for key, message in sorted(messages.items()))
    safe = "".join(letter for letter in state if letter.isalnum() or letter in "=&.-_%")
    title = html.escape(" · ".join(part for part in (session.picture, "attention", session.title) if part))
    return _PAGE.format(title=title, style=style(), data=data, script=script(), state=safe)


def _encode(message: bytes) -> str:
    # mtime=0: the same picture gives the same file.
    return base64.b64encode(gzip.compress(message, compresslevel=6, mtime=0)).decode("ascii")
