"""Access to the routes beside gradio's: the same people who may see its page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

__all__ = ["may_enter"]


def may_enter(connection: HTTPConnection) -> bool:
    """True where a request or WebSocket comes from this page, logged in if one must be.

    Browsers let any page open a WebSocket to any server and send the visitor's cookies along; only the Origin
    header tells. Programs that are no browsers send none, and may.
    """
    app, headers, cookies = connection.app, connection.headers, connection.cookies
    origin = headers.get("origin")
    if origin and urlsplit(origin).netloc not in (headers.get("host"), headers.get("x-forwarded-host")):
        return False
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(cookies.get(name) in app.tokens for name in names)
