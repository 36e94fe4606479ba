"""The WebSocket of the Live tab. The newest frame wins: one that arrives while another waits replaces it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from swinviz.demo.live.stream import MAX_FRAME_BYTES, LiveStream
from swinviz.demo.security import BusyError, may_enter
from swinviz.demo.state import DemoState
from swinviz.errors import SwinvizError

__all__ = ["LIVE_PATH", "live_endpoint"]

LIVE_PATH = "/swinviz/live"
"""Path of the camera's WebSocket."""

_IDLE_SECONDS = 120.0
_POLICY, _TOO_BIG, _TRY_LATER = 1008, 1009, 1013  # close codes of RFC 6455 and its registry


def live_endpoint(state: DemoState) -> Callable[[WebSocket], Awaitable[None]]:
    """Make the function that serves one live visitor.

    A visitor sends settings as text and frames as bytes, and gets what `LiveStream` answers, in order; text
    of the form {"error": sentence} where it refuses.
    """

    async def live(socket: WebSocket) -> None:
        if not may_enter(socket):
            await socket.close(_POLICY)
            return
        await socket.accept()
        try:
            with state.streams.taken():
                await _serve(socket, LiveStream(state, state.first))
        except BusyError as refusal:
            await _say(socket, refusal)
            await socket.close(_TRY_LATER)

    return live


async def _serve(socket: WebSocket, stream: LiveStream) -> None:
    newest: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
    answering = asyncio.create_task(_answer(socket, stream, newest))
    try:
        while not answering.done():
            message = await asyncio.wait_for(socket.receive(), _IDLE_SECONDS)
            if message["type"] == "websocket.disconnect":
                return
            text, frame = message.get("text"), message.get("bytes")
            if len(text or frame or b"") > MAX_FRAME_BYTES:
                await socket.close(_TOO_BIG)
                return
            if text is not None:
                await _configure(socket, stream, text)
            elif frame is not None:
                if newest.full():
                    newest.get_nowait()
                newest.put_nowait(frame)
    except asyncio.TimeoutError:
        await socket.close()
    finally:
        answering.cancel()
        # A thread that computes cannot be stopped; it ends with its frame, and gives back its own slot.
        await asyncio.gather(answering, return_exceptions=True)


async def _configure(socket: WebSocket, stream: LiveStream, text: str) -> None:
    try:
        await socket.send_text(await asyncio.to_thread(stream.configure, text))
    except (SwinvizError, ValueError) as refusal:
        await _say(socket, refusal)


async def _answer(socket: WebSocket, stream: LiveStream, newest: asyncio.Queue[bytes]) -> None:
    while True:
        frame = await newest.get()
        try:
            answer = await asyncio.to_thread(stream.answer, frame)
        except (SwinvizError, ValueError) as refusal:
            await _say(socket, refusal)
        else:
            with suppress(WebSocketDisconnect, RuntimeError):  # the visitor may have left meanwhile
                await socket.send_bytes(answer)


async def _say(socket: WebSocket, refusal: Exception) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_text(json.dumps({"error": str(refusal)}))
