"""Records of what a run has finished, so that the same command goes on where it was killed.

One line of JSON for each finished source, added after its results have their names. A run with another model
or other options begins a new journal.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from filelock import FileLock, Timeout

from swinviz.errors import SwinvizError
from swinviz.files import replacing
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming.sources import Source

__all__ = ["Journal", "fingerprint", "locked"]

FILE: Final = ".swinviz-done.jsonl"
"""Name of the journal in the folder of the results."""


class Journal:
    """The journal of one folder.

    Args:
        folder: where the results are.
        run: what the results depend on, such as `fingerprint` gives; another one begins anew.
        anew: begin anew in any case.
    """

    def __init__(self, folder: Path, run: str, *, anew: bool = False) -> None:
        self._path, self._folder = folder / FILE, folder
        self._done = None if anew else self._read(run)
        if self._done is None:
            self._done = {}
            with replacing(self._path) as temporary:
                temporary.write_text(json.dumps({"run": run}) + "\n", encoding="utf-8")

    def has(self, source: Source, results: list[str]) -> bool:
        """Tell whether a source was finished, unchanged since, and all its results are still there."""
        assert self._done is not None
        return self._done.get(source.name) == list(source.stamp) and all(
            (self._folder / name).exists() for name in results
        )

    def add(self, source: Source) -> None:
        """Note that a source is finished."""
        line = json.dumps({"name": source.name, "stamp": source.stamp}, ensure_ascii=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _read(self, run: str) -> dict[str, list[object]] | None:
        """Sources that are finished, or None where this is another run's journal or none."""
        try:
            lines = self._path.read_text(encoding="utf-8").split("\n")
            if json.loads(lines[0]) != {"run": run}:
                return None
        except (OSError, ValueError):
            return None
        done: dict[str, list[object]] = {}
        whole = lines[1:-1]  # what follows the last line's end was cut off by a kill
        for line in whole:
            try:
                entry = json.loads(line)
                done[entry["name"]] = entry["stamp"]
            except (ValueError, TypeError, KeyError):
                continue  # two halves of lines: that source is done again
        if lines[-1]:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")
        return done


def fingerprint(model: SwinUPerNet, options: Mapping[str, object]) -> str:
    """Condense everything that results depend on: the weights, the classes, the options."""
    digest = hashlib.sha256(repr((model.config, sorted(options.items()))).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def locked(folder: Path, sources: Iterable[Source]) -> Iterator[None]:
    """Keep a second run out of a folder, and clear away what a killed one left half written.

    Args:
        folder: where the results go.
        sources: what is segmented; only the folders of their results are looked into.

    Raises:
        SwinvizError: another run is writing there.
    """
    # Not in the folder itself: a lock file stays behind on some systems, and results are all it should hold.
    name = hashlib.sha256(os.path.realpath(folder).encode()).hexdigest()[:24]
    lock = FileLock(Path(tempfile.gettempdir()) / f"swinviz-{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise SwinvizError(
            f"another run is writing to {str(folder)!r}: wait for it, or name another folder."
        ) from error
    try:
        for parent in {(folder / source.name).parent for source in sources} | {folder}:
            for left in parent.glob(".swinviz-" + "[0-9a-f]" * 16 + ".*"):
                left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()
