"""The hub, played by a server on this machine: what its client asks of it to write and read a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results

TOKEN = "hf_of_somebody"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories in memory.

    Attributes:
        repositories: id -> path -> content.
        private: ids of the private ones.
        large: uploaded contents by their sha256.
        messages: of the commits.
        requests: (method, path) of everything that was asked.
    """

    def __init__(self) -> None:
        self.address = ""
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.large: dict[str, bytes] = {}
        self.messages: list[str] = []
        self.requests: list[tuple[str, str]] = []

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Answer what writes: (status, JSON)."""
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'somebody'}/{asked['name']}"
            if name in self.repositories:
                return 409, {"error": "exists", "url": f"{self.address}/{name}"}
            self.repositories[name] = {}
            if asked.get("visibility") == "private" or asked.get("private"):
                self.private.add(name)
            return 200, {"url": f"{self.address}/{name}"}
        if path == "/api/validate-yaml":
            return _validate(json.loads(body)["content"])
        if path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for entry in objects:
                entry["actions"] = {"upload": {"href": f"{self.address}/upload/{entry['oid']}"}}
            return 200, {"transfer": "basic", "objects": objects}
        if parts[4:5] == ["preupload"]:
            files = json.loads(body)["files"]
            large = [file["path"].endswith(".safetensors") for file in files]
            return 200, {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if is_large else "regular",
                        "shouldIgnore": False,
                    }
                    for file, is_large in zip(files, large, strict=True)
                ]
            }
        if parts[4:5] == ["commit"]:
            return self._commit(
                "/".join(parts[2:4]), [json.loads(line) for line in body.splitlines() if line]
            )
        return 404, {"error": path}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> tuple[int, Any]:
        files = self.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
        return 200, {
            "success": True,
            "commitOid": COMMIT,
            "commitUrl": f"{self.address}/{name}/commit/{COMMIT}",
        }


def _validate(content: str) -> tuple[int, Any]:
    """Read a card's metadata as the hub's own library does."""
    try:
        metadata = yaml.safe_load(content.split("---")[1])
        if "model-index" in metadata:
            model_index_to_eval_results(metadata["model-index"])
    except Exception as error:  # noqa: BLE001  whatever its reader does not understand
        return 400, {"errors": [{"message": str(error)}], "warnings": []}
    return 200, {"errors": [], "warnings": []}


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve on a free port of this machine while the block runs."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self._body()
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(401, b'{"error": "Invalid username or password."}')
                return
            status, answer = hub.post(unquote(self.path.split("?")[0]), body)
            self._send(status, json.dumps(answer).encode())

        def do_PUT(self) -> None:
            body, wanted = self._body(), self.path.rpartition("/")[2]
            assert hashlib.sha256(body).hexdigest() == wanted
            hub.large[wanted] = body
            self._send(200, b"{}")

        def do_GET(self) -> None:
            name, _, path = unquote(self.path.split("?")[0]).strip("/").partition("/resolve/main/")
            hub.requests.append((self.command, self.path))
            files = hub.repositories.get(name)
            content = (files or {}).get(path)
            if content is None:
                missing = "RepoNotFound" if files is None else "EntryNotFound"
                self._send(404, b"", {"X-Error-Code": missing})
                return
            self._send(
                200,
                content,
                {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT},
            )

        def do_HEAD(self) -> None:
            self.do_GET()

        def _body(self) -> bytes:
            hub.requests.append((self.command, self.path))
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))

        def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for header, value in ({"Content-Type": "application/json"} | (headers or {})).items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
