"""The server around the page: limits, own routes, temporary files, and what is opened to whom."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from swinviz import explorer
from swinviz.demo.live import LIVE_PATH, live_endpoint
from swinviz.demo.page import STYLES, build_page, theme
from swinviz.demo.playground import PLAYGROUND_PATH, Playground, find_playground
from swinviz.demo.security import (
    MAX_UPLOAD_BYTES,
    AllowedHosts,
    HostCheck,
    KeptFiles,
    LoginLimit,
    RequestLimits,
    UnknownNames,
    UploadQuota,
    make_impatient,
)
from swinviz.demo.sessions import EXPLORE_PATH, explore_endpoint
from swinviz.demo.state import DemoState
from swinviz.demo.video import VIDEO_PATH, VideoEndpoint
from swinviz.demo.widget import ASSETS, ASSETS_PATH

__all__ = ["RunningDemo", "start"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SESSIONS = 200
_UPLOADS = "/gradio_api/upload"
_logger = logging.getLogger(__name__)


@dataclass
class RunningDemo:
    """A demo that is being served.

    Attributes:
        page: the gradio page.
        url: where it is reached from this machine.
        share_url: its public address, or None.
    """

    page: gr.Blocks
    url: str
    share_url: str | None
    _files: tempfile.TemporaryDirectory[str]

    def wait(self) -> None:
        """Serve until interrupted (Ctrl-C), then close."""
        try:
            self.page.block_thread()
        finally:
            self.close()

    def close(self) -> None:
        """Stop serving and delete every temporary file."""
        self.page.close(verbose=False)
        self._files.cleanup()


def start(state: DemoState) -> RunningDemo:
    """Start serving in the background.

    Raises:
        OSError: the port is taken.
    """
    options = state.options
    if (options.share or options.host not in _LOOPBACK) and not options.auth:
        _logger.warning(
            "Everybody who reaches this address may use the demo: --auth USER:PASSWORD asks who they are."
        )
    files = tempfile.TemporaryDirectory(prefix="swinviz-demo-")
    os.environ["GRADIO_TEMP_DIR"] = files.name
    hosts, kept = AllowedHosts(options.host, options.allow_hosts), KeptFiles(Path(files.name))
    page = build_page(state)
    _, url, share_url = page.launch(
        server_name=options.host,
        server_port=options.port,
        share=options.share,
        auth=list(options.auth) or None,
        max_file_size=MAX_UPLOAD_BYTES,
        blocked_paths=[str(Path.cwd())],
        app_kwargs={
            "routes": _routes(state, Path(files.name)),
            "middleware": [
                Middleware(HostCheck, hosts=hosts),
                Middleware(LoginLimit),
                Middleware(UploadQuota, files=kept, paths=(_UPLOADS, VIDEO_PATH)),
                Middleware(RequestLimits),
                Middleware(UnknownNames),
            ],
            **_NO_DOCUMENTATION,
        },
        state_session_capacity=_SESSIONS,
        show_error=False,  # the texts of unforeseen errors hold paths; gr.Error is shown all the same
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
        pwa=False,
        footer_links=[],
        theme=theme(),
        css_paths=[STYLES],
        quiet=True,
        prevent_thread_lock=True,
    )
    make_impatient(page.server.config)
    kept.let_stay()
    if share_url:
        hosts.add(urlsplit(share_url).hostname or "")
    return RunningDemo(page, url, share_url or None, files)


_NO_DOCUMENTATION: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}


def _routes(state: DemoState, folder: Path) -> list[BaseRoute]:
    playground = state.options.playground and find_playground(state.options.playground)
    return [
        Mount(ASSETS_PATH, StaticFiles(directory=ASSETS), name="swinviz-assets"),
        Route("/swinviz/explorer/explorer.js", _viewer),  # one request instead of thirty
        Mount("/swinviz/explorer", StaticFiles(directory=explorer.STATIC), name="swinviz-explorer"),
        Route(EXPLORE_PATH, explore_endpoint(state.sessions, state.slots), methods=["POST"]),
        Route(VIDEO_PATH, VideoEndpoint(state, folder), methods=["POST"]),
        WebSocketRoute(LIVE_PATH, live_endpoint(state)),
        *([Mount(PLAYGROUND_PATH, Playground(playground))] if playground else []),
    ]


async def _viewer(_request: Request) -> Response:
    return Response(explorer.script(), media_type="text/javascript")
