"""A web server on this machine that serves one file well, or badly in ways that can be chosen."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from swinviz.checkpoints.download import Published


class FileServer:
    """Serves `content` under any path.

    Attributes:
        content: what it serves.
        published: address and true hash of the content.
        resumes: whether it answers Range requests, or always with everything.
        cut_after: bytes after which it closes the connection, though it announced more.
        stall_after: bytes after which it sends nothing more and keeps the connection open.
        status: what it answers instead, if not 200.
        announces_length: whether it says how long the content is.
        length: what it says instead of the true length.
        delay: seconds before each answer.
        requests: the Range header of every request so far, or "" where there was none.
    """

    def __init__(self, address: str, content: bytes) -> None:
        self.content = content
        self.published = Published(f"{address}/weights-1a2b3c4d.pth", sha256(content)[:8], len(content))
        self.resumes = True
        self.cut_after: int | None = None
        self.stall_after: int | None = None
        self.status = 200
        self.announces_length = True
        self.length: str | None = None
        self.delay = 0.0
        self.requests: list[str] = []
        self.finished = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        self.requests.append(asked)
        time.sleep(self.delay)
        if self.status != 200:
            request.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.resumes else 0
        if start >= len(self.content) and start:
            request.send_error(416)
            return
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if self.announces_length:
            request.send_header("Content-Length", self.length or str(len(body)))
        request.end_headers()
        limit = min((n for n in (self.cut_after, self.stall_after) if n is not None), default=None)
        with contextlib.suppress(ConnectionError):  # a reader may leave before the end
            request.wfile.write(body[:limit])
            request.wfile.flush()
        if self.stall_after is not None:
            self.finished.wait(20)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """Serve on a free port of this machine while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        files = FileServer(f"http://127.0.0.1:{server.server_port}", content)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield files
        finally:
            files.finished.set()
            server.shutdown()
            thread.join()
