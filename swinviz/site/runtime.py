"""ONNX Runtime for browsers, from npm: one pinned version, checked, and kept for the next build."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from swinviz.errors import SwinvizError
from swinviz.files import replacing

__all__ = ["RUNTIME_FILES", "RUNTIME_VERSION", "runtime_archive", "unpack_runtime"]

RUNTIME_VERSION = "1.30.0"
"""Version of the npm package onnxruntime-web."""

_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="

RUNTIME_FILES = (
    "ort.wasm.min.mjs",  # WebAssembly with SIMD and threads
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",  # and with WebGPU, for browsers that have it; nobody loads both
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
"""What of the package a page needs; binaries are stored compressed, at a quarter of their size."""


def runtime_archive() -> Path:
    """Return the package's archive: from the cache, or from npm.

    Raises:
        SwinvizError: npm is not installed, cannot reach its registry, or brought other bytes than expected.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swinviz"
    kept = cache / f"onnxruntime-web-{RUNTIME_VERSION}.tgz"
    if kept.is_file() and _is_expected(kept):
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise SwinvizError(
            "npm is not installed, which brings the browser's runtime: install Node.js, or name the archive "
            f"of onnxruntime-web {RUNTIME_VERSION} with --runtime."
        )
    with tempfile.TemporaryDirectory() as folder:
        package = f"onnxruntime-web@{RUNTIME_VERSION}"
        command = [npm, "pack", package, "--silent", "--pack-destination", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or not found:
            raise SwinvizError(
                f"npm could not bring {package} ({done.stderr.strip()[-200:]}): try again, or name its "
                "archive with --runtime."
            )
        if not _is_expected(found[0]):
            raise SwinvizError(
                f"npm brought another {package} than swinviz was tested with: nothing is used."
            )
        cache.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as temporary:
            shutil.copyfile(found[0], temporary)
    return kept


def unpack_runtime(archive: Path, folder: Path) -> None:
    """Write the files that a page needs into a folder.

    Args:
        archive: of onnxruntime-web, as npm packs it.
        folder: where to write; it is made.

    Raises:
        SwinvizError: the archive is not the expected one.
    """
    if not _is_expected(archive):
        raise SwinvizError(
            f"{archive} is not onnxruntime-web {RUNTIME_VERSION} as npm has it: download it again."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        for name in RUNTIME_FILES:
            file = package.extractfile(f"package/dist/{name}")
            assert file is not None  # the bytes are the expected ones
            content = file.read()
            if name.endswith(".wasm"):
                name, content = f"{name}.gz", gzip.compress(content, mtime=0)
            (folder / name).write_bytes(content)


def _is_expected(archive: Path) -> bool:
    return base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == _SHA512
