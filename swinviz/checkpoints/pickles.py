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

import numpy as np
import torch
from numpy.typing import NDArray

from swinviz.checkpoints.archives import check_archive
from swinviz.checkpoints.errors import first_line
from swinviz.checkpoints.opcodes import check_opcodes
from swinviz.errors import CheckpointError

__all__ = ["plain_arrays", "unpickle"]

_HARMLESS = re.compile(
    r"^(mmengine|mmcv|mmseg|mmcls|mmpretrain|numpy|yacs|argparse|collections|datetime|pathlib)\."
)
_MAPPINGS = {
    "yacs.config.CfgNode",
    "mmengine.config.config.ConfigDict",
    "mmcv.utils.config.ConfigDict",
    "addict.addict.Dict",
}
# How pickle refers to HistoryBuffer.mean; the stand-in does not call it.
_HARMLESS_FUNCTIONS = {"builtins.getattr"}
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
        return [(kind, name) for name, kind in _STAND_INS.items()]
    stand_ins: list[_Allowed] = []
    for name in wanted:
        if name in _MAPPINGS:
            stand_ins.append((OrderedDict, name))  # the reader puts items into nothing else
        elif name in _STAND_INS:
            stand_ins.append((_STAND_INS[name], name))
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


class _Recorded(_StandIn):
    """Stand-in that keeps what it is given, for `plain_arrays` to look at once nothing is read any more."""

    def __init__(self, *arguments: object, **_named: object) -> None:
        """Keep the arguments."""
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        """Keep the state."""
        self.state = state


class _Array(_Recorded):
    """A numpy array: its state is (version, shape, dtype, column by column?, bytes)."""


class _Scalar(_Recorded):
    """One number of numpy: its arguments are (dtype, bytes)."""


class _DType(_Recorded):
    """Type of numpy's numbers: its arguments start with a code such as "u1"."""


class _Encoded(_Recorded):
    """Bytes, as pickle's older protocols write them: a text, and the encoding that makes it bytes."""


_STAND_INS: dict[str, type[_StandIn]] = {
    "_codecs.encode": _Encoded,
    "numpy.dtype": _DType,
    "numpy.ndarray": _StandIn,
    **{f"numpy.{core}.multiarray._reconstruct": _Array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _Scalar for core in ("core", "_core")},
}
_NUMBERS = re.compile(r"[iuf][1248]|b1|U\d{1,3}")
_MOST_NUMBERS = 100_000


def plain_arrays(value: Any) -> Any:
    """Turn numpy arrays of numbers or text in what was unpickled into lists, also inside lists and tuples.

    numpy's own unpickling makes memory by the shape that a file claims; this takes no more than it holds.

    Raises:
        CheckpointError: an array is damaged, or of something else.
    """
    try:
        if isinstance(value, list | tuple):
            return [plain_arrays(entry) for entry in value]
        if isinstance(value, _Scalar):
            kind, data = value.arguments
            return _numbers(kind, data).tolist()[0]
        if isinstance(value, _Array):
            state: Any = value.state
            _, shape, kind, by_column, data = state
            return _numbers(kind, data).reshape(shape, order="F" if by_column else "C").tolist()
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"an array in it is damaged ({first_line(error)}).") from error
    return value


def _numbers(kind: Any, data: Any) -> NDArray[Any]:
    """Read an array's bytes as a row of numbers.

    Raises:
        ValueError: they are no plain numbers or text, or too many.
    """
    code, order = kind.arguments[0], kind.state[1] if kind.state else "="
    if isinstance(data, _Encoded):
        text, _ = data.arguments
        data = text.encode("latin-1")  # type: ignore[attr-defined]  # checked by trying
    if not isinstance(code, str) or not _NUMBERS.fullmatch(code) or order not in ("<", ">", "=", "|"):
        raise ValueError(f"its entries are {code!r:.40}")
    numbers = np.frombuffer(data, np.dtype(order + code))
    if numbers.size > _MOST_NUMBERS:
        raise ValueError(f"it has {numbers.size} entries")
    return numbers


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
