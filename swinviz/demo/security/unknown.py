"""Names that nobody gave anything: 404 and a sentence, where gradio would fail and fill the log."""

from __future__ import annotations

from gradio.route_utils import FnIndexInferError

from swinviz.demo.security.asgi import ASGI, Message, Receive, Send, refuse

__all__ = ["UnknownNames"]


class UnknownNames:
    """ASGI middleware: answers 404 where a request names a page, function or session that there is not.

    Gradio lets the error of its own lookup through: 500, and a traceback in the log for each of as many
    requests as a stranger cares to send.
    """

    def __init__(self, app: ASGI) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except (KeyError, FnIndexInferError):
            if started or scope["type"] != "http":
                raise
            await refuse(scope, send, 404, "There is nothing of that name here.")
