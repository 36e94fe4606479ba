"""An end to connections that never get as far as a request.

The server's own timeouts begin with the first answer: a visitor who sends half a header, or none, keeps a
connection, and with it a file of the process, for as long as they like.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEADER_SECONDS", "MAX_CONNECTIONS", "ImpatientProtocol", "make_impatient"]

HEADER_SECONDS = 10.0
"""Time that a request's line and headers may take to arrive, from the connection or their first byte on."""

MAX_CONNECTIONS = 800
"""Connections at a time; further ones are answered 503. A process may often have 1024 files open."""


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a limit on the time that a header may take."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what arrived; wait on while it is no whole header."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def make_impatient(config: Config) -> None:
    """Let a server that runs already treat new connections so; those it has keep no limit.

    Gradio makes and starts the server in one call, so that connections of its first moments have none.
    """
    config.http_protocol_class = ImpatientProtocol
    config.limit_concurrency = MAX_CONNECTIONS
