"""Limits on what strangers send: bytes, pixels, seconds, and no errands to other machines."""

from __future__ import annotations

import asyncio
import re

from swinviz.demo.security.asgi import ASGI, HEADERS, Message, Receive, Send, header, refuse

__all__ = ["MAX_PIXELS", "MAX_SIDE", "MAX_UPLOAD_BYTES", "RequestLimits"]

MAX_UPLOAD_BYTES = 25 * 2**20
"""The largest file that may be uploaded."""

MAX_PIXELS = 50_000_000
"""The largest picture that is decoded; its header is asked before. Decoding takes up to 1.1 GB."""

MAX_SIDE = 20_000
"""The longest side of a picture that is decoded, in pixels."""

MAX_BODY_BYTES = MAX_UPLOAD_BYTES + 2**16  # a form around the file
BODY_SECONDS = 60.0

# Gradio would fetch these for the visitor: a server that only listens must not be made to knock elsewhere.
_FETCHES = re.compile(r"/(file=https?:|proxy=|file/https?:)", re.IGNORECASE)


class RequestLimits:
    """ASGI middleware before everything else: refuses what is too large, too slow, or a detour elsewhere.

    Answers 413 to a body above the limit (counted while it arrives; the header may lie), 408 to one that
    takes longer than `seconds`, 403 to addresses that would make the server fetch from another machine.
    """

    def __init__(self, app: ASGI, max_bytes: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self.app, self.max_bytes, self.seconds = app, max_bytes, seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _FETCHES.search(scope["path"]):
            await refuse(scope, send, 403, "This server fetches nothing from other addresses.")
            return
        length = header(scope, b"content-length")
        if length.isdecimal() and (len(length) > 18 or int(length) > self.max_bytes):
            await refuse(scope, send, 413, self._too_large)
            return
        await _Exchange(self, scope, receive, send).run()

    @property
    def _too_large(self) -> str:
        return f"Too large: at most {self.max_bytes // 2**20} MB may be sent."


class _Exchange:
    """One request on its way through the limits."""

    def __init__(self, limits: RequestLimits, scope: Message, receive: Receive, send: Send) -> None:
        self.limits, self.scope, self._receive, self._send = limits, scope, receive, send
        self.received = 0
        self.complete = self.started = self.refused = False
        self.deadline = asyncio.get_running_loop().time() + limits.seconds

    async def run(self) -> None:
        try:
            await self.limits.app(self.scope, self.receive, self.send)
        except Exception:
            if not self.refused:  # an application that was cut off in mid-body may fail in its own way
                raise

    async def receive(self) -> Message:
        if self.complete:
            return await self._receive()  # waiting for the visitor to leave may take as long as it likes
        patience = self.deadline - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(patience, 0.001))
        except asyncio.TimeoutError:
            return await self.refuse(408, "Too slow: the request did not arrive in time.")
        self.received += len(message.get("body", b""))
        if self.received > self.limits.max_bytes:
            return await self.refuse(413, self.limits._too_large)
        self.complete = not message.get("more_body", False)
        return message

    async def refuse(self, status: int, text: str) -> Message:
        self.refused = True
        if not self.started:
            await refuse(self.scope, self._send, status, text)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.refused:
            return
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await self._send(message)
