"""Connections that never get as far as a request are ended; slow answers and quiet pages are not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from swinviz.demo.security import patience

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"
PATIENCE = 0.4


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server whose answers take longer than its patience with headers."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        await asyncio.sleep(2 * PATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    monkeypatch.setattr(patience, "HEADER_SECONDS", PATIENCE)
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    patience.make_impatient(config)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def talk(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send pieces with pauses; return what came until the server closed, and after how long it did."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        received = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            while part := connection.recv(1000):
                received += part
        except ConnectionError:
            pass
    return received, time.monotonic() - begun


def test_a_connection_without_a_request_or_with_half_a_header_is_ended(port: int) -> None:
    for pieces in ((), (REQUEST,), (b"G",)):
        received, seconds = talk(port, *pieces)
        assert received == b""
        assert PATIENCE / 2 < seconds < 10 * PATIENCE


def test_a_header_that_drips_is_ended_all_the_same(port: int) -> None:
    drips = [b"GET / HTTP/1.1\r\n", *[b"X: y\r\n"] * 20]
    received, seconds = talk(port, *drips, pause=PATIENCE / 4)
    assert received == b""
    assert seconds < 21 * PATIENCE / 4 + 2


def test_half_a_second_header_after_an_answer_is_ended(port: int) -> None:
    whole = REQUEST + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(whole)
        assert b"200 OK" in connection.recv(1000)
        begun = time.monotonic()
        connection.sendall(REQUEST)
        while connection.recv(1000):
            pass
        assert time.monotonic() - begun < 10 * PATIENCE


def test_an_answer_may_take_longer_than_a_header(port: int) -> None:
    received, _ = talk(port, REQUEST + b"Connection: close\r\n\r\n")
    assert b"200 OK" in received


def test_a_header_in_two_pieces_is_a_header(port: int) -> None:
    received, _ = talk(port, REQUEST, b"Connection: close\r\n\r\n", pause=PATIENCE / 4)
    assert b"200 OK" in received
