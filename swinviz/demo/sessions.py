"""The explorer's requests: one session a visitor, found by a ticket that nobody can guess."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import torch
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from swinviz.demo.refusal import OUT_OF_MEMORY
from swinviz.demo.security import BusyError, ComputeSlots, may_enter
from swinviz.errors import SwinvizError
from swinviz.explorer import MAX_PICTURE_BYTES, Session, handle

__all__ = ["EXPLORE_PATH", "Sessions", "explore_endpoint"]

EXPLORE_PATH = "/swinviz/explore/{ticket}"
"""Path of an open picture; its ticket cannot be guessed."""

_MAX_REQUEST = MAX_PICTURE_BYTES * 4 // 3 + 2**16
"""Bytes of a request: a name and a few numbers, or a second picture in base64."""


class Sessions:
    """Open sessions by ticket; the one unused for longest is closed when there are too many.

    Args:
        capacity: how many may be open; each holds one picture's features, some tens of megabytes.
    """

    def __init__(self, capacity: int = 12) -> None:
        self._capacity = capacity
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, session: Session) -> str:
        """Keep a session.

        Returns:
            Its ticket.
        """
        ticket = secrets.token_urlsafe(16)
        with self._lock:
            self._sessions[ticket] = session
            while len(self._sessions) > self._capacity:
                self._sessions.popitem(last=False)
        return ticket

    def close(self, ticket: str) -> None:
        """Forget a session, if it is still there."""
        with self._lock:
            self._sessions.pop(ticket, None)

    def find(self, ticket: str) -> Session | None:
        """Return a session, or None if there is none of that ticket (any more)."""
        with self._lock:
            session = self._sessions.get(ticket)
            if session is not None:
                self._sessions.move_to_end(ticket)
            return session


def explore_endpoint(sessions: Sessions, slots: ComputeSlots) -> Callable[[Request], Awaitable[Response]]:
    """Make the function that answers POST {name, args} with the explorer's message, or a sentence why not."""

    async def explore(request: Request) -> Response:
        if not may_enter(request):
            return PlainTextResponse("Log in first.", 401)
        session = sessions.find(request.path_params["ticket"])
        if session is None:
            return PlainTextResponse("This picture is no longer open: choose it again.", 410)
        body = await request.body()
        if len(body) > _MAX_REQUEST:
            return PlainTextResponse("The request is too large.", 413)

        def reply() -> bytes:
            asked = json.loads(body)
            with slots.taken():
                return handle(session, str(asked["name"]), asked.get("args"))

        try:
            return Response(await asyncio.to_thread(reply), media_type="application/octet-stream")
        except BusyError as refusal:
            return PlainTextResponse(str(refusal), 503)
        except torch.OutOfMemoryError:
            return PlainTextResponse(OUT_OF_MEMORY, 503)
        except (SwinvizError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as refusal:
            return PlainTextResponse(str(refusal), 400)

    return explore
