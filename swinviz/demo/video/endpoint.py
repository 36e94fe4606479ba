"""The request of a whole video: its bytes in; progress, then the annotated video out, in one answer.

Both files lie in a folder of this request alone, which is gone when the request ends, however it ends. A
visitor who leaves, or presses Cancel, ends the work with the frame that it is at.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse

from swinviz.demo.refusal import OUT_OF_MEMORY
from swinviz.demo.security import may_enter
from swinviz.demo.security.asgi import Message, Receive, Send
from swinviz.demo.state import DemoState
from swinviz.demo.video.job import VideoJob, VideoSettings, parse_settings
from swinviz.errors import SwinvizError

__all__ = ["VIDEO_PATH", "VideoEndpoint"]

VIDEO_PATH = "/swinviz/video"
"""Path that videos are sent to."""

_CHUNK = 2**18  # bytes
_PATIENCE = 5.0  # seconds: the visitor's own video before this one may end with its frame
_LONGEST_NAME = 80
_HEADERS = [(b"content-type", b"application/octet-stream"), (b"cache-control", b"no-store")]


class VideoEndpoint:
    """ASGI application: POST a video, with `name`, `model`, `opacity` and `smooth` in the query.

    It answers lines of JSON: {"done", "of"} after each frame, then {"bytes", "frames", "missing"} with as
    many bytes of MP4 behind it; or {"error": sentence}.

    Args:
        state: models and limits.
        folder: where the files lie meanwhile.
    """

    def __init__(self, state: DemoState, folder: Path) -> None:
        self._state, self._folder = state, folder

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        if not may_enter(request):
            await PlainTextResponse("Log in first.", 401)(scope, receive, send)
            return
        try:
            settings = parse_settings(request.query_params, self._state)
        except ValueError as problem:
            await PlainTextResponse(str(problem), 400)(scope, receive, send)
            return
        # Not open while others are trimmed: a file that goes under a running job is an error of that job.
        with tempfile.TemporaryDirectory(prefix="video-", dir=self._folder) as folder:
            source = Path(folder) / _plain(request.query_params.get("name", ""))
            try:
                await _save(request, source)
            except ClientDisconnect:  # also where the limit on bodies has answered
                return
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            with suppress(OSError):  # the visitor has left
                await self._answer(settings, source, receive, send)

    async def _answer(self, settings: VideoSettings, source: Path, receive: Receive, send: Send) -> None:
        """Send progress while the job runs, then its video."""
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        target, loop = source.parent / "annotated.mp4", asyncio.get_running_loop()
        job = VideoJob(self._state, settings, source, target)

        def say(**fields: object) -> None:
            loop.call_soon_threadsafe(lines.put_nowait, json.dumps(fields).encode() + b"\n")

        def work() -> None:
            try:
                with self._state.videos.taken(_PATIENCE):
                    summary = job.run(lambda done, total: say(done=done, of=total))
                if summary is not None:
                    say(bytes=target.stat().st_size, frames=summary.frames, missing=summary.missing)
            except (SwinvizError, ValueError) as refusal:
                say(error=str(refusal))
            except torch.OutOfMemoryError:
                say(error=OUT_OF_MEMORY)
            except Exception:
                say(error="The video could not be worked on; the server's log says why.")
                raise
            finally:
                loop.call_soon_threadsafe(lines.put_nowait, None)

        working = asyncio.create_task(asyncio.to_thread(work))
        leaving = asyncio.create_task(_wait_until_gone(receive))
        leaving.add_done_callback(lambda _: job.stop())
        try:
            while (line := await lines.get()) is not None:
                await send({"type": "http.response.body", "body": line, "more_body": True})
            for chunk in _chunks(target):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            job.stop()
            leaving.cancel()
            await working  # its files are in the folder that goes now


async def _save(request: Request, path: Path) -> None:
    with path.open("wb") as file:
        async for chunk in request.stream():
            await asyncio.to_thread(file.write, chunk)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunks(path: Path) -> Iterator[bytes]:
    if path.exists():  # it is there whole or not at all
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def _plain(name: str) -> str:
    """A file's name, which a stranger chose, as one that can be nothing else; messages have it."""
    kept = "".join(letter if letter.isalnum() or letter in " -_." else "_" for letter in name)
    return kept[-_LONGEST_NAME:].strip(" .") or "video"
