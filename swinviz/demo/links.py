"""Links into the demo: the tab, picture, model and comparison that a page's address names.

What concerns the attention viewer (block, head, query, edits) is read by its own script. The address:
`?tab=compare&picture=ID&model=NAME&left=MODEL~EDIT&right=MODEL~EDIT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from swinviz.demo.state import DemoState
from swinviz.interventions import EDIT_TITLES

__all__ = ["AS_IT_IS", "TABS", "Link", "Side", "read_link"]

TABS = ("image", "attention", "live", "compare", "about")
"""Ids of the tabs."""

AS_IT_IS = "none"
"""Name, in the menu of edits and in addresses, of no edit."""

Side = tuple[str, str]
"""One side of a comparison: a model's name, an edit's name or `AS_IT_IS`."""


@dataclass(frozen=True)
class Link:
    """Parts of an address; None where it names none, or none that is here.

    Attributes:
        tab: one of `TABS`.
        picture: file of the picture.
        model: a model that is on this machine.
        left: left side of the comparison.
        right: its right side.
    """

    tab: str | None = None
    picture: str | None = None
    model: str | None = None
    left: Side | None = None
    right: Side | None = None


def read_link(query: Mapping[str, str], state: DemoState, *, fresh: bool = True) -> Link:
    """Read an address's query, which comes from a stranger.

    Args:
        query: its fields.
        state: models and pictures.
        fresh: the page has just been opened, and shows what visitors start with: that is not named again.
    """
    tab, model, picture = query.get("tab"), query.get("model", ""), query.get("picture", "")
    first, start = (state.first, state.picture) if fresh else (None, None)
    return Link(
        tab=tab if tab in TABS else None,
        picture=state.pictures.find(picture) if picture != start else None,
        model=model if model != first and _is_ready(model, state) else None,
        left=_side(query.get("left", ""), state),
        right=_side(query.get("right", ""), state),
    )


def _side(text: str, state: DemoState) -> Side | None:
    model, _, edit = text.rpartition("~")
    known = edit == AS_IT_IS or edit in EDIT_TITLES
    return (model, edit) if known and _is_ready(model, state) else None


def _is_ready(model: str, state: DemoState) -> bool:
    choice = state.models.choice(model)
    return choice is not None and choice.ready
