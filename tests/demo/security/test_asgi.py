"""Words of ASGI: who a visitor is, and what a refused request gets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from swinviz.demo.security.asgi import client_of, refuse


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),  # the 64 bits that a provider gives one household
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2"),
        ("2001:db8:1:3:3:4:5:6", "2001:db8:1:3"),
    ],
)
def test_a_visitor_is_an_address_or_the_network_that_one_household_has(address: str, client: str) -> None:
    assert client_of({"client": (address, 5)}) == client
    assert client_of({"client": None}) == client_of({}) == "unknown"


def refused(kind: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(refuse({"type": kind}, send, 418, "Tea – only."))
    return sent


def test_a_refusal_is_a_status_and_a_sentence_after_which_the_connection_ends() -> None:
    start, body = refused("http")
    assert (start["type"], start["status"]) == ("http.response.start", 418)
    assert dict(start["headers"]) == {
        b"content-type": b"text/plain; charset=utf-8",
        b"connection": b"close",
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
    }
    assert body == {"type": "http.response.body", "body": "Tea – only.".encode()}


def test_a_socket_is_closed_before_it_is_open() -> None:
    assert refused("websocket") == [{"type": "websocket.close", "code": 1008, "reason": ""}]
