"""A brake for those who try passwords."""

from __future__ import annotations

import time
from collections import OrderedDict, deque

from swinviz.demo.security.asgi import ASGI, Message, Receive, Send, client_of, refuse

__all__ = ["LoginLimit"]

_MOST_REMEMBERED = 10_000  # addresses; those that failed longest ago are forgotten


class LoginLimit:
    """ASGI middleware: after some wrong passwords an address waits before it may try again.

    Answers 429 meanwhile, right or wrong. Others are not kept waiting.

    Args:
        app: answers "/login" with 200 or 400.
        failures: wrong passwords that an address may send in a while.
        seconds: length of that while.
    """

    def __init__(self, app: ASGI, failures: int = 10, seconds: float = 60.0) -> None:
        self.app, self.failures, self.seconds = app, failures, seconds
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()  # the latest moments, by address

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != "/login" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        client = client_of(scope)
        moments = self._failed.get(client, deque())
        if len(moments) == self.failures and time.monotonic() - moments[0] < self.seconds:
            await refuse(scope, send, 429, "Too many wrong passwords: try again in a minute.")
            return
        # Counted before the answer, so that many at the same time are not all let through.
        self._count(client)

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self._failed.pop(client, None)
            await send(message)

        await self.app(scope, receive, watch)

    def _count(self, client: str) -> None:
        moments = self._failed.setdefault(client, deque(maxlen=self.failures))
        moments.append(time.monotonic())
        self._failed.move_to_end(client)
        while len(self._failed) > _MOST_REMEMBERED:
            self._failed.popitem(last=False)
