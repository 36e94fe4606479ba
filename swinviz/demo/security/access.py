"""Access to the routes beside gradio's: the same people who may see its page."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from swinviz.demo.security.hosts import same_origin

__all__ = ["may_enter"]


def may_enter(connection: HTTPConnection) -> bool:
    """True where a request or WebSocket comes from this page, logged in if one must be."""
    if not same_origin(connection.scope):
        return False
    app, cookies = connection.app, connection.cookies
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(cookies.get(name) in app.tokens for name in names)
