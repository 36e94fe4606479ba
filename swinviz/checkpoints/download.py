"""Fetching one published file over https: resumed, verified, and under its name only when it is whole."""

from __future__ import annotations

import hashlib
import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from swinviz.errors import DownloadError
from swinviz.files import is_there

__all__ = ["Published", "fetch", "is_intact"]

logger = logging.getLogger(__name__)

_CHUNK = 1 << 18  # bytes read at a time, and thereby lost at most when a connection breaks
_LONGEST_WAIT = 3600.0  # seconds that another process may take to fetch the same file


@dataclass(frozen=True)
class Published:
    """A file that somebody publishes.

    Attributes:
        url: its address.
        sha256_start: the first hex digits of its sha256.
        about_bytes: about how large it is; more than four times as much is refused.
    """

    url: str
    sha256_start: str
    about_bytes: int

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]


def is_intact(path: Path, sha256_start: str) -> bool:
    """Tell whether a file is there and its sha256 begins with these hex digits."""
    if not is_there(path):
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest().startswith(sha256_start)


def fetch(published: Published, folder: Path, *, progress: bool = True, timeout: float = 30.0) -> Path:
    """Return a published file's path in a folder, fetching it if it is not there or is damaged.

    What an interrupted run left is taken up where it ended. Processes that want the same file wait for the
    one that came first.

    Args:
        published: which file.
        folder: where it is kept; made if missing.
        progress: whether to show a bar.
        timeout: seconds without data after which a connection counts as broken.

    Raises:
        DownloadError: no network, no such file, no space, a folder that cannot be written to, or contents
            that are not what the hash promises; the message says what to do.
    """
    path = folder / published.name
    if is_intact(path, published.sha256_start):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The system frees the lock of a process that is killed, so that none is ever left behind.
        with FileLock(folder / f"{published.name}.lock", timeout=_LONGEST_WAIT):
            if not is_intact(path, published.sha256_start):  # another process may have fetched it meanwhile
                _fetch_alone(published, path, progress, timeout)
    except DownloadError:
        raise
    except Timeout as error:
        raise DownloadError(f"Another process has been fetching {path} for an hour: end it first.") from error
    except OSError as error:
        raise DownloadError(
            f"The cache {folder} cannot be written to ({error.strerror or error}): "
            "make room or set SWINVIZ_CACHE to another folder."
        ) from error
    return path


def _fetch_alone(published: Published, path: Path, progress: bool, timeout: float) -> None:
    """Fetch to `path`.part, going on as long as each connection brings something; rename what is right."""
    if path.exists():
        logger.warning("%s in the cache is damaged and is fetched again.", path.name)
    partial = path.with_name(path.name + ".part")
    while True:
        before = _size(partial)
        try:
            _transfer(published, partial, progress, timeout)
        except _BrokenError as error:
            if _size(partial) > before:
                logger.info("The connection broke (%s); going on from where it ended.", error)
                continue
            raise DownloadError(
                f"Could not fetch {published.url} ({error}): check the network, "
                f"or fetch the file by other means and put it at {path}."
            ) from error
        if is_intact(partial, published.sha256_start):
            partial.replace(path)
            return
        partial.unlink(missing_ok=True)
        if before == 0:  # otherwise an older part may be to blame, and it is tried from the beginning
            raise DownloadError(
                f"What {published.url} sent does not have the sha256 that its name promises and was thrown "
                "away: try again later, or on another network."
            )


def _transfer(published: Published, partial: Path, progress: bool, timeout: float) -> None:
    """Append to a partial file what it lacks.

    Raises:
        _BrokenError: the network failed; what came before is kept.
        DownloadError: the server sends far more than was published.
        OSError: the disk failed.
    """
    start = _size(partial)
    with _network():
        response = _open(published.url, start, timeout)
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            start = 0  # the server sends the whole file, whatever was asked for
        expected = _announced(response) + start
        with (
            partial.open("ab" if start else "wb") as file,
            tqdm(
                total=expected or None,
                initial=start,
                unit="B",
                unit_scale=True,
                desc=published.name,
                disable=not progress,
            ) as bar,
        ):
            while chunk := _read(response):
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > 4 * published.about_bytes:
                    break
    received = _size(partial)
    if received > 4 * published.about_bytes:
        partial.unlink()
        raise DownloadError(
            f"{published.url} sent far more than was published, and was stopped: try again later."
        )
    if received < expected:
        raise _BrokenError(f"the connection ended after {received} of {expected} bytes")


class _BrokenError(Exception):
    """The network failed, not the disk."""


@contextmanager
def _network() -> Iterator[None]:
    """Turn whatever the network raises into `_BrokenError`, to tell it from what the disk raises."""
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if type(error) is urllib.error.URLError else error
        raise _BrokenError(str(reason) or type(error).__name__) from error


def _open(url: str, start: int, timeout: float) -> http.client.HTTPResponse:
    """Ask for a file from byte number `start` on; a server may answer with all of it."""
    request = urllib.request.Request(url, headers={"User-Agent": "swinviz"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        return _open(url, 0, timeout)  # what is there is no beginning of this file
    if url.startswith("https:") and not response.url.startswith("https:"):
        response.close()
        raise ConnectionError(f"the server sent us on to the unprotected {response.url}")
    return response


def _announced(response: http.client.HTTPResponse) -> int:
    """Bytes that a server says it sends; 0 where it does not, or says what is no number."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < 16 else 0


def _read(response: http.client.HTTPResponse) -> bytes:
    with _network():
        return response.read1(_CHUNK)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
