"""Limits on what strangers send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

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


def test_a_body_that_just_fits_passes() -> None:
    assert exchange([b"x" * 7, b"end"], max_bytes=10)[:2] == (200, b"x" * 7 + b"end")
    assert exchange([b"end"], headers=((b"content-length", b"10"),), max_bytes=10)[0] == 200
    assert exchange([b"end"], headers=((b"content-length", b"9" * 18),), max_bytes=10**18)[0] == 200
    assert exchange([b"end"], headers=((b"content-length", b"1" + b"0" * 18),), max_bytes=10**19)[0] == 413


def test_a_body_that_never_ends_is_given_up() -> None:
    begun = time.monotonic()
    assert exchange([b"x"], seconds=0.05)[:2] == (408, b"x")  # what came before was passed on
    assert time.monotonic() - begun < 0.9


def through_limits(
    application: Callable[..., Any], messages: list[dict[str, Any]], **limits: float
) -> list[dict[str, Any]]:
    """What is sent to a visitor who sends these messages, and the last one again and again, slowly."""
    sent: list[dict[str, Any]] = []

    async def run() -> None:
        waiting = iter(messages)

        async def receive() -> dict[str, Any]:
            message = next(waiting, None)
            if message is None:
                await asyncio.sleep(0.2)
                return messages[-1]
            return message

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "path": "/", "headers": []}
        await RequestLimits(application, **limits)(scope, receive, send)

    asyncio.run(run())
    return sent


def test_a_visitor_may_take_as_long_as_they_like_to_leave() -> None:
    left: list[str] = []

    async def stream(_scope: Any, receive: Any, send: Any) -> None:
        assert not (await receive()).get("more_body")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"own", b"1")]})
        left.append((await receive())["type"])

    (start,) = through_limits(stream, [{"type": "http.request"}, {"type": "http.disconnect"}], seconds=0.05)
    assert left == ["http.disconnect"]
    left.clear()
    (start,) = through_limits(stream, [{"type": "http.request", "body": b""}], seconds=0.05)
    assert left == ["http.request"]  # after 0.2 s, and not refused
    assert start["headers"][0] == (b"own", b"1")


def test_an_application_that_was_cut_off_hears_of_it_once_and_is_not_heard_again() -> None:
    heard: list[str] = []

    async def stubborn(_scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["type"])
        heard.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent = through_limits(
        stubborn, [{"type": "http.request", "body": b"x" * 9, "more_body": True}], max_bytes=10
    )
    assert heard == ["http.request", "http.disconnect"]
    assert [message.get("status") for message in sent] == [413, None]
    assert sent[1]["body"].startswith(b"Too large: at most 0 MB")


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def early(_scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ValueError("cut off")

    sent = through_limits(
        early, [{"type": "http.request", "body": b"x" * 9, "more_body": True}], max_bytes=10
    )
    assert [message["type"] for message in sent] == ["http.response.start"]


@pytest.mark.parametrize(
    "path", ["/gradio_api/file=http://127.0.0.1/", "/gradio_api/file=HTTPS://a/", "/gradio_api/proxy=x"]
)
def test_addresses_that_would_make_the_server_fetch_are_refused(path: str) -> None:
    assert exchange([b"end"], path=path)[0] == 403
