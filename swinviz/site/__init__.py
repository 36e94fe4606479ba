"""A static site in which the model runs in the visitor's own browser: no Python, no other server."""

from __future__ import annotations

from swinviz.site.documentation import build_site
from swinviz.site.playground import build_playground
from swinviz.site.runtime import RUNTIME_VERSION
from swinviz.site.web_graph import web_graph

__all__ = ["RUNTIME_VERSION", "build_playground", "build_site", "web_graph"]
