"""A quota for uploads: how much one visitor may send in a while, and how much the server keeps in all."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from swinviz.demo.security.asgi import ASGI, Message, Receive, Send, client_of, refuse

__all__ = ["KeptFiles", "UploadQuota"]

MAX_VISITOR_BYTES = 250 * 2**20
"""What one address may upload in half an hour, after which files are deleted anyway."""

MAX_KEPT_BYTES = 2**30
"""What uploads and results may take on the disk in all."""

_SECONDS = 1800.0
_MOST_REMEMBERED = 10_000  # addresses
_STORING = "/gradio_api/"


class KeptFiles:
    """Temporary files, of which the oldest go when they are too large in all.

    Args:
        folder: where they are.
        max_bytes: what they may take together, apart from those that stay.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self._staying: frozenset[Path] = frozenset()

    def let_stay(self) -> None:
        """Let everything stay that is there now: the page's own pictures."""
        self._staying = frozenset(self.folder.rglob("*"))

    def trim(self) -> int:
        """Delete the oldest files until the rest fits; return the bytes that are left."""
        found = []
        for path in self.folder.rglob("*"):
            with suppress(OSError):  # another request may have deleted it meanwhile
                if path not in self._staying and path.is_file():
                    found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self.max_bytes:
                break
            with suppress(OSError):
                path.unlink()
                total -= size
        return total


@dataclass
class _Account:
    """Bytes that an address sent since a moment."""

    since: float
    sent: int = 0


class UploadQuota:
    """ASGI middleware: counts what each address uploads, and makes room after each request that stores.

    Answers 429 to an address that has used up its share. Bytes are counted as they arrive.

    Args:
        app: answers uploads, and keeps them in the folder of `files`.
        files: what is kept.
        max_bytes: share of one address.
        seconds: after which its share is new.
        paths: beginnings of the paths that files are sent to.
    """

    def __init__(
        self,
        app: ASGI,
        files: KeptFiles,
        max_bytes: int = MAX_VISITOR_BYTES,
        seconds: float = _SECONDS,
        paths: tuple[str, ...] = ("/gradio_api/upload",),
    ) -> None:
        self.app, self.files, self.max_bytes, self.seconds = app, files, max_bytes, seconds
        self.paths, self._storing = paths, (_STORING, *paths)
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._trimming = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not scope["path"].startswith(self._storing)
        ):
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith(self.paths):
            account = self._account(client_of(scope))
            if account.sent >= self.max_bytes:
                text = f"More than {self.max_bytes // 2**20} MB were uploaded: wait half an hour."
                await refuse(scope, send, 429, text)
                return
            receive = _counted(receive, account)
        await self.app(scope, receive, send)
        async with self._trimming:
            await asyncio.to_thread(self.files.trim)

    def _account(self, client: str) -> _Account:
        now = time.monotonic()
        account = self._accounts.get(client)
        if account is None or now - account.since > self.seconds:
            account = self._accounts[client] = _Account(now)
        self._accounts.move_to_end(client)
        while len(self._accounts) > _MOST_REMEMBERED:
            self._accounts.popitem(last=False)
        return account


def _counted(receive: Receive, account: _Account) -> Receive:
    async def count() -> Message:
        message = await receive()
        account.sent += len(message.get("body", b""))
        return message

    return count
