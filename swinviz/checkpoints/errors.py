"""One sentence about a file that cannot be used, whatever went wrong in which library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swinviz.errors import CheckpointError

__all__ = ["blaming", "first_line"]

_LONGEST = 160


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Put the file's name in front of a complaint about its contents.

    Raises:
        CheckpointError: the complaint, where the block makes one.
    """
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be used: {error}") from error
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {path} cannot be read ({error.strerror or error}): check its permissions."
        ) from error


def first_line(error: object) -> str:
    """Shorten what a library says, which may be a page, to its first line.

    >>> first_line(ValueError("too long" + chr(10) + "frame #0: ..."))
    'too long'
    """
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:_LONGEST]
