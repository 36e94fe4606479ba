"""Zip archives of torch.save, checked before torch reads them.

A zip file can be read in two ways at once: some readers look for the directory where the end record says,
others right in front of that record. Whoever checks one directory and reads the other checks nothing.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

import torch

from swinviz.checkpoints.errors import first_line
from swinviz.errors import CheckpointError

__all__ = ["check_archive"]

_END, _END_64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_SIZE, _END_64_SIZE, _LOCATOR_SIZE = 22, 56, 20


def check_archive(path: Path) -> None:
    """Check that an archive has one directory, of stored entries that are no larger than the file.

    Raises:
        CheckpointError: it is damaged, holds something else than weights, or would unpack to more than it is.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            count = _check_directory(file, size)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise CheckpointError(f"it is damaged ({first_line(error)}): fetch or copy it again.") from error
    names = [entry.filename for entry in entries]
    if not any(name.endswith("data.pkl") for name in names):
        shown = ", ".join(name[:80] for name in names[:3])
        raise CheckpointError(f"it is a zip archive of other things ({shown}), not of weights.")
    if sum(entry.file_size for entry in entries) > size:
        raise CheckpointError("its contents are larger than the file itself: it is damaged or malicious.")
    stored = all(
        entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        for entry in entries
    )
    if len(entries) != count or len(set(names)) != count or not stored:
        raise CheckpointError(
            "its entries are compressed, repeated or uncounted, which torch.save never does: save it anew."
        )
    _check_as_torch_reads(path, names, size)


def _check_directory(file: BinaryIO, size: int) -> int:
    """Return the number of entries of a directory that ends where the end record begins."""
    at = size - _END_SIZE
    file.seek(max(at, 0))
    record = file.read(_END_SIZE)
    if not record.startswith(_END):
        raise ValueError("its end record is not at its end")
    count, length, start = struct.unpack("<HLL", record[10:20])
    if count == 0xFFFF or length == 0xFFFFFFFF or start == 0xFFFFFFFF or _has_locator(file, at):
        file.seek(max(at - _LOCATOR_SIZE - _END_64_SIZE, 0))
        record, locator = file.read(_END_64_SIZE), file.read(_LOCATOR_SIZE)
        at -= _LOCATOR_SIZE + _END_64_SIZE
        if not record.startswith(_END_64) or struct.unpack("<Q", locator[8:16])[0] != at:
            raise ValueError("its end records do not meet")
        count, length, start = struct.unpack("<QQQ", record[32:56])
    if start + length != at:
        raise ValueError("its directory and its end record do not meet")
    return int(count)


def _has_locator(file: BinaryIO, at: int) -> bool:
    """Tell whether a 64-bit end record is announced, which readers then believe in place of the short one."""
    file.seek(max(at - _LOCATOR_SIZE, 0))
    return file.read(4) == _LOCATOR


def _check_as_torch_reads(path: Path, names: list[str], size: int) -> None:
    """Compare with what torch's own reader finds in the archive."""
    try:
        reader = torch._C.PyTorchFileReader(str(path))
        records = reader.get_all_records()
        total = sum(reader.get_record_size(record) for record in records)
    except Exception as error:  # its reader knows only RuntimeError, and pybind adds others
        raise CheckpointError(f"it is damaged ({first_line(error)}): fetch or copy it again.") from error
    if len(records) != len(names) or total > size:
        raise CheckpointError("torch finds other contents in it than its directory names: it looks malicious")
