"""Links into the demo, which come from strangers."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.demo_samples import file_bytes, make_state, picture

from swinviz.demo.links import Link, read_link


def test_a_link_names_tab_picture_model_and_comparison(tmp_path: Path) -> None:
    state = make_state()
    file = tmp_path / "a.png"
    file.write_bytes(file_bytes(picture()))
    query = {
        "tab": "compare",
        "picture": state.pictures.open(str(file)).id,
        "model": "other",
        "left": "tiny~none",
        "right": "other~drop-1",
        "stage": "2",
    }
    assert read_link(query, state) == Link(
        "compare", str(file), "other", left=("tiny", "none"), right=("other", "drop-1")
    )


@pytest.mark.parametrize(
    "query",
    [
        {},
        {
            "tab": "<script>",
            "picture": "../../etc/passwd",
            "model": "/etc/passwd",
            "left": "tiny",
            "right": "~",
        },
        {"tab": "", "picture": "", "model": "", "left": "", "right": "tiny~off-0-0-0"},
        {"left": "absent~none", "right": "tiny~absent"},
    ],
)
def test_a_link_to_what_is_not_here_is_none(query: dict[str, str]) -> None:
    assert read_link(query, make_state()) == Link()


def test_what_the_page_begins_with_anyway_is_not_loaded_again() -> None:
    state = make_state()
    assert read_link({"picture": state.picture, "model": state.first}, state) == Link()


def test_what_the_page_began_with_can_be_gone_back_to() -> None:
    state = make_state()
    query = {"picture": state.picture, "model": "tiny"}
    start = state.pictures.find(state.picture)
    assert read_link(query, state, fresh=False) == Link(picture=start, model="tiny")
