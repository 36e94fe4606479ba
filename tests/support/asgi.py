"""One request or WebSocket through an ASGI middleware, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

ASGI = Callable[..., Any]


def application(status: int = 200, reached: list[Any] | None = None) -> ASGI:
    """An application that reads a body, notes that it was reached and answers."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if reached is not None:
            reached.append(scope["path"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return answer


def ask(
    app: ASGI,
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes = b"",
    client: str = "10.0.0.1",
    kind: str = "http",
) -> int:
    """Status of the answer; of a WebSocket 101 if it was accepted and 403 if not."""
    sent: list[dict[str, Any]] = []
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    scope = {"type": kind, "path": path, "headers": pairs, "client": (client, 1)}
    if kind == "http":
        scope["method"] = method

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return sent[0].get("status") or {"websocket.accept": 101, "websocket.close": 403}[sent[0]["type"]]
