"""The playground beside the page: a site that was built before, served with the headers that threads need."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from swinviz.demo.security import may_enter

__all__ = ["PLAYGROUND_PATH", "Playground", "find_playground"]

PLAYGROUND_PATH = "/playground"
"""Path of the playground."""

_MARK = "isolation.js"


def find_playground(folder: Path) -> Path | None:
    """Return the playground that a folder is, or that a whole site has; None where there is none."""
    return next((each for each in (folder, folder / "playground") if (each / _MARK).is_file()), None)


class Playground(StaticFiles):
    """The playground's files, for those who may see the page.

    Args:
        folder: where `swinviz.site` wrote them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, which may use threads."""
        if not may_enter(HTTPConnection(scope)):
            raise HTTPException(403)
        response = await super().get_response(path, scope)
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
        return response
