"""One sentence about a file that cannot be used, whatever went wrong in which library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swinviz.errors import CheckpointError

__all__ = ["first_line", "naming_file", "printable"]

_LONGEST = 160
_LONGEST_MESSAGE = 1200


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Put the file's name in front of an error about its contents, and make it one printable sentence.

    Raises:
        CheckpointError: where the block raises it, or an OSError.
    """
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(printable(f"The checkpoint {path.name} cannot be used: {error}")) from error
    except OSError as error:
        raise CheckpointError(
            printable(
                f"The checkpoint {path} cannot be read ({error.strerror or error}): check its permissions."
            )
        ) from error


def printable(text: str) -> str:
    r"""Escape what would steer a terminal, and shorten what would fill it: files may use any name.

    >>> printable("a" + chr(27) + "[2Jb")
    'a\\x1b[2Jb'
    """
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[:_LONGEST_MESSAGE]} ..."
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def first_line(error: object) -> str:
    """Shorten what a library says, which may be a page, to its first line.

    >>> first_line(ValueError("too long" + chr(10) + "frame #0: ..."))
    'too long'
    """
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:_LONGEST]
