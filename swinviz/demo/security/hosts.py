"""Names that the server answers to, and pages that may send it something.

A page of another site may point its own name at this machine (DNS rebinding), and is then of one origin with
the demo for the browser: only the Host header still has the other's name.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from swinviz.demo.security.asgi import ASGI, Message, Receive, Send, header, refuse

__all__ = ["AllowedHosts", "HostCheck", "same_origin"]

_PORT = re.compile(r":\d*$")
_EVERYWHERE = ("0.0.0.0", "::", "")
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


class AllowedHosts:
    """Host names and addresses under which the demo may be reached.

    Args:
        listening: address or name that the server listens on. This machine's own names are always allowed;
            where it listens on all addresses, any address is, but no name that somebody else gave it.
        more: further names; "*.example.org" stands for all below, "*" switches the check off.
    """

    def __init__(self, listening: str, more: Iterable[str] = ()) -> None:
        self._everywhere = listening in _EVERYWHERE
        self._names = {"localhost", listening.lower(), *(name.lower() for name in more)}
        if self._everywhere:
            self._names.add(socket.gethostname().lower())
        if space := os.environ.get("SPACE_HOST"):  # the name that Hugging Face gives a Space
            self._names.add(space.lower())

    def add(self, name: str) -> None:
        """Allow one more name, such as that of a tunnel."""
        self._names.add(name.lower())

    def allow(self, host: str) -> bool:
        """Tell whether a Host header is one of these names, with whatever port.

        >>> hosts = AllowedHosts("127.0.0.1", ["*.example.org"])
        >>> hosts.allow("localhost:7860"), hosts.allow("[::1]"), hosts.allow("a.example.org")
        (True, True, True)
        >>> hosts.allow("evil.example"), hosts.allow("192.168.0.7"), hosts.allow("")
        (False, False, False)
        """
        name = _PORT.sub("", host.strip().lower())
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._names):
            return bool(name)
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return self._everywhere or address.is_loopback


class HostCheck:
    """ASGI middleware: answers only to its own names, and takes nothing from pages of other sites.

    Answers 421 to a Host header with another name, 403 to a request of another origin that may change
    something; a WebSocket of either kind is closed before it is open.
    """

    def __init__(self, app: ASGI, hosts: AllowedHosts) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if not self.hosts.allow(header(scope, b"host")):
            await refuse(scope, send, 421, "This server has another name: --allow-host gives it more.")
            return
        if scope.get("method") not in _CHANGES_NOTHING and not same_origin(scope):
            await refuse(scope, send, 403, "This server takes nothing from pages of other sites.")
            return
        await self.app(scope, receive, send)


def same_origin(scope: Message) -> bool:
    """True where a request comes from a page of this server, or from no page at all.

    Browsers let any page open a WebSocket to any server, or send it a form, and send the visitor's cookies
    along; only the Origin header tells, host and port. Programs that are no browsers send none.
    """
    origin = header(scope, b"origin")
    if not origin:
        return header(scope, b"sec-fetch-site") != "cross-site"
    place = urlsplit(origin).netloc  # "" where the browser says "null"
    return bool(place) and place in (header(scope, b"host"), header(scope, b"x-forwarded-host"))
