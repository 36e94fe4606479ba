"""Pickles walked through without running them, before torch's restricted reader does.

That reader runs nothing foreign, but what it may run is more than weights need: `bytearray(10**10)` fills the
memory, nested and sparse tensors surprise their reader, and hashing a tuple that holds another twice, which
holds another twice, takes forever.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import torch

from swinviz.checkpoints.errors import first_line
from swinviz.errors import CheckpointError

__all__ = ["check_opcodes"]

_MOST_OPCODES = 500_000  # a published model of 400 tensors needs 20,000, its optimizer's state 60,000
_MOST_NESTED = 10_000  # entries of a tuple, those of the tuples inside counted each time they occur
_MOST_HASHED = 10_000_000

_PLAIN = re.compile(
    r"(cuda\.)?[A-Z]\w+Storage|storage\.(Typed|Untyped)Storage|Size|device|nn\.parameter\.Parameter"
    r"|_utils\._rebuild_(tensor|tensor_v2|tensor_v3|parameter|parameter_with_state)"
    r"|(bfloat|float|int|uint|complex)\d+\w*|bool"
)
_OF_BUILTINS = {"builtins.bytearray", "__builtin__.bytearray"}  # the one of torch's list that takes a size
_LEGACY_PICKLES = 5  # magic number, protocol, machine, contents, and the order of the storages


class _Value:
    """Entry of the unpickler's stack: number of entries that hashing it visits, and its name if a global."""

    __slots__ = ("name", "weight")

    def __init__(self, weight: int = 1, name: str = "") -> None:
        self.weight = weight
        self.name = name


def check_opcodes(path: Path, *, archive: bool) -> None:
    """Check that a weights file, if it is read, makes plain tensors and containers in a short time.

    Args:
        path: a file of torch.save.
        archive: whether it is a zip archive, as since torch 1.6, or a row of pickles.

    Raises:
        CheckpointError: it is damaged, or makes something else; the message says what.
    """
    try:
        if archive:
            content = torch._C.PyTorchFileReader(str(path)).get_record("data.pkl")
            _walk(io.BytesIO(content))
        else:
            with path.open("rb") as file:
                for _ in range(_LEGACY_PICKLES):
                    _walk(file)
    except (RuntimeError, ValueError, LookupError, MemoryError, OverflowError) as error:  # lengths may lie
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"it is damaged ({first_line(error)}): fetch or copy it again.") from error


def _walk(file: BinaryIO) -> None:
    stack: list[_Value | None] = []  # None is a mark
    memo: dict[int, _Value] = {}
    hashed = 0
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        name = opcode.name
        if name.endswith("GET"):
            stack.append(memo[int(argument)])  # type: ignore[arg-type]  # these opcodes have a number
        elif name.endswith("PUT") or name == "MEMOIZE":
            top = stack[-1]
            if top is None:
                raise ValueError("a mark is remembered")
            memo[len(memo) if name == "MEMOIZE" else int(argument)] = top  # type: ignore[arg-type]
        elif name == "GLOBAL":
            stack.append(_Value(1, _checked(str(argument).replace(" ", "."))))
        elif name == "MARK":
            stack.append(None)
        else:
            taken = list(_take(stack, opcode))
            _check_call(name, taken)
            weight = sum(value.weight for value in taken)
            hashed += weight
            holds = name.startswith("TUPLE") or name in ("FROZENSET", "LIST")
            if "APPEND" in name or name in ("SETITEM", "SETITEMS", "ADDITEMS"):
                weight = 0  # the container is the same as before, and no container can be hashed
            elif not holds:
                weight = 1
            if weight > _MOST_NESTED * (100 if name == "LIST" else 1) or hashed > _MOST_HASHED:
                raise CheckpointError("its tuples are nested without end: it looks malicious.")
            stack.extend(_Value(max(weight, 1)) for _ in opcode.stack_after)
        if number > _MOST_OPCODES:
            raise CheckpointError("it holds far more than weights: save its state dict alone.")


def _take(stack: list[_Value | None], opcode: pickletools.OpcodeInfo) -> Iterator[_Value]:
    """Pop what an opcode consumes, last first: single entries, or all down to the last mark."""
    for kind in reversed(opcode.stack_before):
        if kind is pickletools.stackslice:
            while stack[-1] is not None:
                yield stack.pop()  # type: ignore[misc]  # just seen to be no mark
        elif (value := stack.pop()) is not None:
            yield value


def _checked(name: str) -> str:
    """Refuse the globals that torch allows and weights do not need; all others are for torch to refuse."""
    needless = name.startswith("torch.") and not _PLAIN.fullmatch(name.removeprefix("torch."))
    if name in _OF_BUILTINS or needless:
        raise CheckpointError(
            f"it asks for {name[:80]}, which plain weights never need: "
            "save its state dict alone, as dense tensors on the CPU."
        )
    return name


def _check_call(opcode: str, taken: list[_Value]) -> None:
    """Refuse storages that are made by their size instead of being read."""
    if opcode in ("REDUCE", "NEWOBJ", "NEWOBJ_EX") and taken and "Storage" in taken[-1].name:
        raise CheckpointError("it makes memory instead of reading it: it looks malicious.")
