"""The explorer's requests, by ticket."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gradio import Error
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from support.demo_samples import (
    file_bytes,
    make_state,
    picture,
    small_model,
)

from swinviz.demo.refusal import OUT_OF_MEMORY
from swinviz.demo.security.slots import ComputeSlots
from swinviz.demo.sessions import EXPLORE_PATH, Sessions, explore_endpoint
from swinviz.explorer import Session
from swinviz.segmenter import SwinUPerNet


def test_sessions_are_found_by_their_ticket_only_and_the_oldest_are_dropped() -> None:
    sessions, model = Sessions(capacity=2), small_model()
    opened = [Session(model, picture(seed=seed)) for seed in range(3)]
    tickets = [sessions.open(session) for session in opened]
    assert len(set(tickets)) == 3
    assert min(map(len, tickets)) >= 20
    assert [sessions.find(ticket) for ticket in tickets] == [None, opened[1], opened[2]]
    sessions.close(tickets[1])
    assert sessions.find(tickets[1]) is None


@pytest.fixture
def exploring() -> tuple[TestClient, str, Session]:
    """A client of the explorer's route, the address of an open picture, and its session."""
    sessions, session = Sessions(), Session(small_model(), picture())
    app = Starlette(
        routes=[Route(EXPLORE_PATH, explore_endpoint(sessions, ComputeSlots(1)), methods=["POST"])]
    )
    app.auth = None
    return TestClient(app), EXPLORE_PATH.format(ticket=sessions.open(session)), session


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "manifest"}', 200),
        (b'{"name": "manifest", "args": {}}' + b" " * 9 * 2**20, 413),
        (b"", 400),
        (b"null", 400),
        (b"[" * 9999, 400),
        (b'{"name": "__class__"}', 400),
        (b'{"name": "block", "args": {"stage": 99, "block": 0}}', 400),
        (b'{"name": "block", "args": {"stage": "../..", "block": {}}}', 400),
        (b'{"name": "block", "args": {"stage": 1e400, "block": 0}}', 400),
        (b'{"name": "segmentation", "args": {"edits": "' + b"x" * 9999 + b'"}}', 400),
        (b'{"name": "timeline", "args": {"x": -1, "y": 1e9}}', 400),
    ],
)
def test_the_explorer_answers_what_makes_sense_and_refuses_the_rest(
    exploring: tuple[TestClient, str, Session], body: bytes, status: int
) -> None:
    client, address, _ = exploring
    answer = client.post(address, content=body)
    assert answer.status_code == status, answer.text
    assert client.post(address, content=b'{"name": "manifest"}').status_code == 200


def test_another_site_may_not_ask_the_explorer(exploring: tuple[TestClient, str, Session]) -> None:
    client, address, _ = exploring
    answer = client.post(address, content=b'{"name": "manifest"}', headers={"Origin": "https://evil.example"})
    assert answer.status_code == 401


def test_running_out_of_memory_is_said_and_the_next_request_answered(
    exploring: tuple[TestClient, str, Session], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client, address, _ = exploring

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    file = tmp_path / "a.png"
    file.write_bytes(file_bytes(picture()))
    with monkeypatch.context() as patch:
        patch.setattr("swinviz.demo.sessions.handle", full)
        patch.setattr(SwinUPerNet, "segment", full)
        refused = client.post(address, content=b'{"name": "manifest"}')
        assert (refused.status_code, refused.text) == (503, OUT_OF_MEMORY)
        with pytest.raises(Error, match="ran out of memory"):
            make_state().segment(str(file), "tiny")
    assert client.post(address, content=b'{"name": "manifest"}').status_code == 200
