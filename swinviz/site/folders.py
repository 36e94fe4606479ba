"""Folders of a site: written whole or not at all, and never over something else."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swinviz.errors import SwinvizError

__all__ = ["replaced_folder"]

_MARK = "isolation.js"


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder`, which takes its place if the block succeeds.

    If the block raises, or is interrupted, `folder` stays as it was.

    Raises:
        SwinvizError: the folder holds something that is no site.
    """
    if folder.exists() and not (folder.is_dir() and (_is_site(folder) or not any(folder.iterdir()))):
        raise SwinvizError(f"{folder} holds something that is no site of swinviz: name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f".{folder.name[:50]}-{secrets.token_hex(8)}")
    try:
        new.mkdir()
        yield new
        if folder.exists():
            shutil.rmtree(folder)
        new.replace(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _is_site(folder: Path) -> bool:
    return (folder / _MARK).is_file() or (folder / "playground" / _MARK).is_file()
