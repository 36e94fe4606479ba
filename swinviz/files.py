"""Files that are there or not, whatever the permissions; files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["is_there", "replacing"]


def is_there(path: Path) -> bool:
    """Tell whether a file is there for this user: one in a folder that they may not enter is not."""
    try:
        return path.is_file()
    except OSError:
        return False


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; what was written there becomes `path` if the block succeeds.

    If the block raises, the temporary file is removed and `path` stays as it was. The content is on the disk
    before the name changes, so that a power cut leaves no empty file under the new name.

    Raises:
        OSError: as the file system reports it (missing folder, full disk, no permission), also where torch or
            safetensors made an error of their own of it.

    >>> folder = getfixture("tmp_path")
    >>> with replacing(folder / "note.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    # The suffix is kept because many writers choose the format by it; the stem is not, since it may already
    # be as long as the file system allows.
    temporary = path.with_name(f".swinviz-{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch()
        permissions = temporary.stat().st_mode  # as the user's umask has it; some writers give their own
        yield temporary
        temporary.chmod(permissions)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except Exception as error:
        refusal = _refusal(error, path)
        if refusal is None:
            raise
        raise refusal from error
    finally:
        temporary.unlink(missing_ok=True)


def _refusal(error: Exception, path: Path) -> OSError | None:
    """Return the system's error behind one of torch (RuntimeError) or safetensors (SafetensorError)."""
    if isinstance(error, OSError):
        return None
    cause = error.__context__
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return OSError(cause.errno, os.strerror(cause.errno), str(path))
        cause = cause.__context__
    number = re.search(r"\(os error (\d+)\)", str(error))
    if number:
        return OSError(int(number[1]), os.strerror(int(number[1])), str(path))
    return None
