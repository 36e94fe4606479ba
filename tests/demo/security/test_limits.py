"""Limits on what strangers send."""

from __future__ import annotations

import asyncio

import pytest

from swinviz.demo.security.limits import RequestLimits


def exchange(
    chunks: list[bytes], *, path: str = "/", headers: tuple[tuple[bytes, bytes], ...] = (), **limits: float
):
    """Send a body in pieces through a gatekeeper to an application that reads all of it."""
    sent: list[dict[str, object]] = []
    received: list[bytes] = []

    async def application(scope, receive, send):
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            received.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})

    async def run():
        waiting = iter(chunks)

        async def receive():
            chunk = next(waiting, None)
            if chunk is None:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": chunk, "more_body": chunk != b"end"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "path": path, "headers": list(headers)}
        await RequestLimits(application, **limits)(scope, receive, send)

    asyncio.run(run())
    return sent[0]["status"], b"".join(received), dict(sent[0]["headers"])


def test_an_honest_request_passes_and_gets_safe_headers() -> None:
    status, body, headers = exchange([b"hello ", b"end"], max_bytes=10)
    assert (status, body) == (200, b"hello end")
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_a_body_above_the_limit_is_refused_even_if_its_header_lies() -> None:
    assert exchange([b"x" * 6, b"x" * 6, b"end"], max_bytes=10)[0] == 413
    assert exchange([], headers=((b"content-length", b"11"),), max_bytes=10)[:2] == (413, b"")


def test_a_body_that_never_ends_is_given_up() -> None:
    assert exchange([b"x"], seconds=0.05)[0] == 408


@pytest.mark.parametrize(
    "path", ["/gradio_api/file=http://127.0.0.1/", "/gradio_api/file=HTTPS://a/", "/gradio_api/proxy=x"]
)
def test_addresses_that_would_make_the_server_fetch_are_refused(path: str) -> None:
    assert exchange([b"end"], path=path)[0] == 403
