"""Names on a command line to pictures, videos and live streams, each with a name for its results."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from swinviz.errors import SwinvizError
from swinviz.streaming.decoding import VIDEO_SUFFIXES

__all__ = ["LIST_SUFFIXES", "PICTURE_SUFFIXES", "RESULT_ENDINGS", "Source", "find_sources"]

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"})
"""Endings of the files of a folder that are taken for pictures, in lower case."""

LIST_SUFFIXES: Final = frozenset({".txt", ".lst"})
"""Endings of files that list sources, one a line."""

RESULT_ENDINGS: Final = (
    *("_labels.png", "_overlay.png", "_confidence.png", "_overlay.mp4", "_attention.png"),
    *("_similarity.png", "_similar.png", "_components.png", "_lens.png", "_patching.png"),
    *("_patching_tokens.png", "_trust.png", "_explanations.png"),
)
"""Endings of results, which a folder's earlier run may have left among its pictures."""

_MOST_LIST_BYTES: Final = 64 * 2**20


@dataclass(frozen=True)
class Source:
    """One picture, video or live stream.

    Attributes:
        kind: live is a camera or an address, which has no end that is known.
        address: path, address, or `camera` with a number.
        name: path of its results below the folder that they go to, without ending.
    """

    kind: Literal["picture", "video", "live"]
    address: str
    name: str

    @property
    def stamp(self) -> tuple[str, int, int]:
        """Address, size in bytes and time of change (ns), in which another file of the same name differs."""
        try:
            status = Path(self.address).stat()
        except (OSError, ValueError):
            return self.address, -1, -1
        return os.path.realpath(self.address), status.st_size, status.st_mtime_ns


def find_sources(
    named: Iterable[str | os.PathLike[str]], output: str | os.PathLike[str] | None = None
) -> list[Source]:
    """List what is to be segmented.

    Args:
        named: pictures and videos; folders, which are searched with their subfolders; patterns such as
            `photos/**/*.jpg`; list files (`.txt`, `.lst`: one of these a line, relative to the list; lines
            that begin with # say nothing); addresses (`rtsp://...`); `camera`, or `camera:1`.
        output: the folder that results go to, whose results are not taken for sources.

    Returns:
        Each file once, in the order named, a folder's by name; no two have the same result's name, whatever
        the case.

    Raises:
        SwinvizError: a folder, pattern or list that holds nothing, or a list that cannot be read.

    >>> [source.name for source in find_sources(["a/sky.jpg", "b/sky.jpg", "sky.png", "rtsp://yard/1"])][:3]
    ['sky.jpg', 'sky.jpg-2', 'sky.png']
    """
    results = None if output is None else Path(output).resolve()
    found = [source for word in named for source in _expand(os.fspath(word), results, lists=True)]
    unique = {source.address if source.kind == "live" else _real(source): source for source in found}
    return _with_own_names(list(unique.values()))


def _real(source: Source) -> str:
    try:
        return os.path.realpath(source.address)
    except (OSError, ValueError):  # a name that no file can have; reading it will say so
        return source.address


def _expand(word: str, results: Path | None, *, lists: bool) -> Iterator[Source]:
    if word.partition(":")[0] == "camera" or "://" in word:
        yield Source("live", word, _live_name(word))
        return
    path = Path(word)
    if _is(path, "is_dir"):
        yield from _folder(path, results)
    elif lists and path.suffix.lower() in LIST_SUFFIXES:
        yield from _listed(path, results)
    elif glob.has_magic(word) and not _is(path, "exists"):
        # Not Path.glob, which takes no pattern that begins at the root.
        found = glob.glob(word, recursive=True)  # noqa: PTH207
        matches = sorted(match for match in found if _wanted(Path(match), results))
        if not matches:
            raise SwinvizError(f"no picture or video matches {word!r}: check the pattern.")
        yield from (_file(Path(match), Path(match).stem) for match in matches)
    else:
        yield _file(path, path.stem)


def _is(path: Path, question: Literal["is_dir", "exists"]) -> bool:
    try:
        return bool(getattr(path, question)())
    except (OSError, ValueError):
        return False


def _file(path: Path, name: str) -> Source:
    return Source("video" if path.suffix.lower() in VIDEO_SUFFIXES else "picture", str(path), name)


def _folder(folder: Path, results: Path | None) -> Iterator[Source]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not _holds_results(Path(parent, name), folder, results)
        )
        files += [Path(parent, name) for name in sorted(names)]
    wanted = [path for path in files if _wanted(path, results)]
    if not wanted:
        raise SwinvizError(f"folder {str(folder)!r} holds no picture and no video: name another.")
    for path in wanted:
        yield _file(path, path.relative_to(folder).with_suffix("").as_posix())


def _holds_results(folder: Path, searched: Path, results: Path | None) -> bool:
    """True for the folder of the results, where it lies inside the one that is searched."""
    return results is not None and folder.resolve() == results and searched.resolve() != results


def _wanted(path: Path, results: Path | None) -> bool:
    if path.suffix.lower() not in PICTURE_SUFFIXES | VIDEO_SUFFIXES or path.name.startswith("."):
        return False
    among_results = results is not None and path.resolve().is_relative_to(results)
    return path.is_file() and not (among_results and path.name.endswith(RESULT_ENDINGS))


def _listed(path: Path, results: Path | None) -> Iterator[Source]:
    try:
        if path.stat().st_size > _MOST_LIST_BYTES:
            raise SwinvizError(f"list {path.name!r} has more than {_MOST_LIST_BYTES >> 20} MiB: split it.")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SwinvizError(f"list {path.name!r} is not a text file in UTF-8: save it as one.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SwinvizError(f"list {str(path)!r} cannot be read ({reason}): check the path.") from error
    words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        raise SwinvizError(f"list {path.name!r} names nothing: write one path a line.")
    for word in words:
        yield from _expand(word if "://" in word else str(path.parent / word), results, lists=False)


def _live_name(address: str) -> str:
    """Name of a live stream's results: where it comes from, and when it began."""
    place = address.partition("://")[2].rpartition("@")[2].partition("/")[0] or address
    plain = "".join(letter if letter.isalnum() else "-" for letter in place).strip("-")
    return f"{plain}_{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}"


def _with_own_names(sources: Sequence[Source]) -> list[Source]:
    """Give every source a name of its own: with its ending where two differ in that, else numbered."""
    often = Counter(source.name.casefold() for source in sources)
    named = [
        replace(source, name=source.name + Path(source.address).suffix)
        if often[source.name.casefold()] > 1 and source.kind != "live"
        else source
        for source in sources
    ]
    taken: set[str] = set()
    own = []
    for source in named:
        name, number = source.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{source.name}-{number}"
        taken.add(name.casefold())
        own.append(replace(source, name=name))
    return own
