"""Unpickling a stranger's file without running anything in it.

A pickle can call any function while it is read. torch's restricted reader calls only its own; classes that
training frameworks leave in their files (mmengine's HistoryBuffer, yacs' CfgNode, numpy arrays of losses) are
replaced by a stand-in that swallows what it is given. A file that asks for anything else is refused.
"""

from __future__ import annotations

import pickle
import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from swinviz.checkpoints.archives import check_archive
from swinviz.checkpoints.errors import first_line
from swinviz.checkpoints.opcodes import check_opcodes
from swinviz.errors import CheckpointError

__all__ = ["unpickle"]

_HARMLESS = re.compile(
    r"^(mmengine|mmcv|mmseg|mmcls|mmpretrain|numpy|yacs|argparse|collections|datetime|pathlib)\."
)
_MAPPINGS = {
    "yacs.config.CfgNode",
    "mmengine.config.config.ConfigDict",
    "mmcv.utils.config.ConfigDict",
    "addict.addict.Dict",
}
# How pickle refers to HistoryBuffer.mean and to the bytes of a numpy array; the stand-in does neither.
_HARMLESS_FUNCTIONS = {"builtins.getattr", "_codecs.encode"}
_Allowed = Callable[..., Any] | tuple[Callable[..., Any], str]
# torch keeps the list of allowed classes, and Python its warnings, for all threads.
_reading = threading.Lock()


def unpickle(path: Path) -> Any:
    """Read a file that torch.save wrote: tensors (on the CPU), plain values, and stand-ins.

    Raises:
        CheckpointError: it is damaged, no such file, or asks to run something; the message says which.
    """
    with path.open("rb") as file:
        archive = file.read(4) == b"PK\x03\x04"  # as torch decides; zipfile would look at the other end
    if archive:
        check_archive(path)
    with _reading, _silence():
        check_opcodes(path, archive=archive)
        try:
            with torch.serialization.safe_globals(_stand_ins(path)):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(_explain(str(error))) from error
        except Exception as error:  # a stranger's bytes make the reader raise anything
            raise CheckpointError(f"it is damaged ({first_line(error)}): fetch or copy it again.") from error


def _stand_ins(path: Path) -> list[_Allowed]:
    """Give a stand-in to each harmless foreign class that a pickle names; nothing is loaded to find them."""
    try:
        wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # noqa: BLE001  damaged, or of before torch 1.6: torch.load will say so, or manage
        return []
    stand_ins: list[_Allowed] = []
    for name in wanted:
        if name in _MAPPINGS:
            stand_ins.append((OrderedDict, name))  # the reader puts items into nothing else
        elif _HARMLESS.match(name) or name in _HARMLESS_FUNCTIONS:
            stand_ins.append((_StandIn, name))
    return stand_ins


class _StandIn:
    """Takes the place of a foreign class, and does nothing with what it is given."""

    def __new__(cls, *_arguments: object, **_named: object) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_named: object) -> None:
        """Forget the arguments."""

    def __setstate__(self, _state: object) -> None:
        """Forget the state."""


@contextmanager
def _silence() -> Iterator[None]:
    """Drop warnings about how old a file is: the reader can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _explain(message: str) -> str:
    if asked := re.search(r"GLOBAL (\S+)", message):
        return (
            f"it asks to run {asked[1]} while it is read, which weights never need: "
            "do not trust it, and get it as .safetensors instead."
        )
    reason = re.search(r"WeightsUnpickler error: (.+)", message)  # after a paragraph of advice
    return (
        f"it is damaged, or holds more than weights ({first_line(reason[1] if reason else message)}): "
        "get it as .safetensors instead."
    )
