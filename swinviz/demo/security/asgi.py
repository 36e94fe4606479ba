"""Words of ASGI, and the one way to refuse a request before the application has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["ASGI", "HEADERS", "Message", "Receive", "Send", "client_of", "header", "refuse"]

Message = MutableMapping[str, Any]
"""A connection's scope, or an event of it."""

Receive = Callable[[], Awaitable[Message]]
"""Waits for the next event of a visitor."""

Send = Callable[[Message], Awaitable[None]]
"""Gives an event to a visitor."""

ASGI = Callable[[Message, Receive, Send], Awaitable[None]]
"""An application, or a middleware around one."""

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
"""Added to every answer."""


def header(scope: Message, name: bytes) -> str:
    """Return a header of a request, "" where it has none; of several the last."""
    return dict(scope["headers"]).get(name, b"").decode("latin-1")


def client_of(scope: Message) -> str:
    """Return the address that a request comes from; of IPv6 the network, all of which one visitor has."""
    address = (scope.get("client") or ("unknown", 0))[0]
    return ":".join(address.split(":")[:4]) if ":" in address else str(address)


async def refuse(scope: Message, send: Send, status: int, text: str) -> None:
    """Answer a request with a status and a sentence; close a WebSocket before it is open, which is a 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
