"""Named points inside the model, to read (`capture`) and to write (`edit`); they cost nothing otherwise.

A `HookPoint` is an identity: the forward pass sends a value through it, which a capture sees and an edit
replaces. Both live in a context variable, not in the model: two threads that use one model never see each
other's, nothing is left behind in the weights, and leaving the `with` block removes them whatever happened
inside it.
"""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from swinviz.model.geometry import WindowGeometry

__all__ = [
    "BlockId",
    "Captured",
    "EditFn",
    "Hook",
    "HookInfo",
    "HookPoint",
    "capture",
    "edit",
    "hook_points",
    "hooks_active",
    "list_hooks",
]

Value = TypeVar("Value")
Names = str | Iterable[str] | Callable[[str], bool]


class BlockId(NamedTuple):
    """A block of the backbone, counted from 0.

    >>> BlockId.of("stages.2.blocks.3.attn.pattern").hook("resid_pre")
    'stages.2.blocks.3.resid_pre'
    """

    stage: int
    block: int

    @classmethod
    def of(cls, name: str) -> BlockId:
        """Read the block from the name of a hook point inside it.

        Raises:
            ValueError: the hook point is outside the blocks.
        """
        parts = name.split(".")
        if len(parts) < 4 or (parts[0], parts[2]) != ("stages", "blocks"):
            raise ValueError(f"the hook point {name!r} is in no block: blocks are stages.S.blocks.B.")
        return cls(int(parts[1]), int(parts[3]))

    def hook(self, point: str) -> str:
        """Name a hook point of the block, such as "attn.pattern" or "resid_pre"."""
        return f"stages.{self.stage}.blocks.{self.block}.{point}"


@dataclass(frozen=True)
class Hook:
    """Name and place of a hook point, given to an edit beside the value.

    Attributes:
        name: name of the hook point, such as "stages.2.blocks.3.attn.pattern".
        geometry: window geometry of the block, or None outside the blocks.
    """

    name: str
    geometry: WindowGeometry | None

    @property
    def block(self) -> BlockId:
        """The block that the point is in; ValueError outside the blocks."""
        return BlockId.of(self.name)


EditFn = Callable[[Any, Hook], Any]
"""Takes a value and its `Hook`; returns the value that goes on, or None to leave it as it is."""

Listener = Callable[[Any, WindowGeometry | None], Any]


@dataclass(frozen=True)
class _Listening:
    """Editors and readers by hook point: editors run first, in order, then readers."""

    editors: Mapping[HookPoint, tuple[Listener, ...]] = field(default_factory=dict)
    readers: Mapping[HookPoint, tuple[Listener, ...]] = field(default_factory=dict)


_listening: ContextVar[_Listening | None] = ContextVar("swinviz_listening", default=None)


class HookPoint(nn.Module):
    """An identity whose value can be read and replaced.

    Args:
        axes: names of the axes of what passes, such as "B H W C"; empty where it is no tensor.
    """

    def __init__(self, axes: str) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, value: Value, geometry: WindowGeometry | None = None) -> Value:
        """Pass a value on, through the listeners if there are any.

        Args:
            value: the tensor (or `WindowGeometry`) at this point of the forward pass.
            geometry: geometry of the block this point is in, for the listeners.

        Returns:
            The value, or what an editor put in its place.
        """
        if torch.compiler.is_dynamo_compiling():  # not torch.export, which runs this code as it stands
            return value
        listening = _listening.get()
        if listening is None:
            return value
        for editor in listening.editors.get(self, ()):
            replacement = editor(value, geometry)
            value = value if replacement is None else replacement
        for reader in listening.readers.get(self, ()):
            reader(value, geometry)
        return value

    @property
    def active(self) -> bool:
        """True while this point is read or edited."""
        if torch.compiler.is_dynamo_compiling():
            return False
        listening = _listening.get()
        return listening is not None and (self in listening.editors or self in listening.readers)


def hooks_active() -> bool:
    """True while any capture or edit is active in this context, for whatever model."""
    return _listening.get() is not None


def hook_points(model: nn.Module) -> dict[str, HookPoint]:
    """Return every hook point of a model by its name, in the order the modules were built.

    A point's name is its module path without the leading "backbone."; a point called `output` takes the name
    of the module it belongs to.
    """
    points = {}
    for path, module in model.named_modules():
        if isinstance(module, HookPoint):
            points[path.removeprefix("backbone.").removesuffix(".output")] = module
    return points


class Captured(dict[str, Any]):
    """Record of a `capture`: name -> tensor, of the latest forward pass.

    Attributes:
        geometries: name -> window geometry of the block, for the points inside blocks.
    """

    def __init__(self, selected: Iterable[str] = ()) -> None:
        super().__init__()
        self.geometries: dict[str, WindowGeometry] = {}
        self._selected = frozenset(selected)

    def put(self, name: str, value: Any, geometry: WindowGeometry | None = None) -> None:
        """Record a value and, inside a block, the geometry that cut it."""
        self[name] = value
        if geometry is not None:
            self.geometries[name] = geometry

    def blocks(self, point: str) -> dict[BlockId, tuple[Tensor, WindowGeometry]]:
        """Return what was recorded at one point of every block, such as "attn.pattern", with geometries."""
        return {
            BlockId.of(name): (value, self.geometries[name])
            for name, value in self.items()
            if name in self.geometries and BlockId.of(name).hook(point) == name
        }

    def __missing__(self, name: str) -> Any:
        if name in self._selected:
            raise KeyError(
                f"{name} was not reached: run the model (not a compiled copy of it) inside the with block."
            )
        raise KeyError(f"{name} was not selected for capture: name it in capture(model, ...).")


@contextmanager
def capture(
    model: nn.Module,
    names: Names,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    detach: bool = True,
) -> Iterator[Captured]:
    """Read the values at hook points while the model runs inside the `with` block.

    Args:
        model: an uncompiled model with hook points.
        names: a glob ("stages.*.blocks.*.attn.pattern"), several of them, or a predicate on names.
        device: where the captured tensors are moved; by default they stay where they are.
        dtype: floating-point type that they are converted to; by default their own.
        detach: give values apart from the autograd graph; False keeps them in it, so that
            `torch.autograd.grad(logit, seen[name])` works.

    Yields:
        A record that fills as the model runs: name -> tensor, such as (B, nW, nH, N, N) for a pattern, and
        in `.geometries` name -> window geometry. Each run overwrites the one before.

    Raises:
        ValueError: no hook point has such a name, or the model is compiled.
    """
    points = _select(model, names)
    seen = Captured(points)

    def reader(name: str) -> Listener:
        def read(value: Any, geometry: WindowGeometry | None) -> None:
            if not isinstance(value, Tensor):
                seen.put(name, value, geometry)
                return
            kept = value.detach() if detach else value
            if device is not None or (dtype is not None and kept.is_floating_point()):
                kept = kept.to(device=device, dtype=dtype if kept.is_floating_point() else None)
            seen.put(name, kept, geometry)

        return read

    with _listen(readers={point: reader(name) for name, point in points.items()}):
        yield seen


@contextmanager
def edit(model: nn.Module, edits: Mapping[str, EditFn] | Iterable[Mapping[str, EditFn]]) -> Iterator[None]:
    """Change the values at hook points while the model runs inside the `with` block.

    Edits compose: inner `with` blocks see what outer ones made, and `capture` sees the result of all.

    Args:
        model: an uncompiled model with hook points.
        edits: name or glob -> fn(value, hook) that returns the new value, or None to keep the old one; or
            several such mappings, applied in order.

    Yields:
        Nothing.

    Raises:
        ValueError: no hook point has such a name, or the model is compiled.
    """
    mappings = [edits] if isinstance(edits, Mapping) else list(edits)
    editors: dict[HookPoint, tuple[Listener, ...]] = {}

    def editor(name: str, function: EditFn) -> Listener:
        return lambda value, geometry: function(value, Hook(name, geometry))

    for mapping in mappings:
        for pattern, function in mapping.items():
            for name, point in _select(model, pattern).items():
                editors[point] = (*editors.get(point, ()), editor(name, function))
    with _listen(editors=editors):
        yield


class HookInfo(NamedTuple):
    """Name, shape and size in bytes of what a hook point would give."""

    name: str
    shape: tuple[int, ...]
    bytes: int


def list_hooks(model: nn.Module, size: tuple[int, int] = (512, 512), names: Names = "*") -> list[HookInfo]:
    """List hook points with their shapes and bytes for one image, without computing anything.

    Args:
        model: an uncompiled model with hook points.
        size: (height, width) of the input, in pixels.
        names: which points, as for `capture`.

    Returns:
        One row a point, in the order of the forward pass; points that carry no tensor are left out.

    Raises:
        ValueError: no hook point has such a name, or the model is compiled.
    """
    tensors = {id(tensor): tensor.to("meta") for tensor in (*model.parameters(), *model.buffers())}
    weightless = copy.deepcopy(model, tensors).eval()
    image = torch.empty(1, 3, *size, dtype=next(model.parameters()).dtype, device="meta")
    with capture(weightless, names) as seen, torch.no_grad():
        weightless(image)
    return [
        HookInfo(name, tuple(value.shape), value.numel() * value.element_size())
        for name, value in seen.items()
        if isinstance(value, Tensor)
    ]


def _select(model: nn.Module, names: Names) -> dict[str, HookPoint]:
    if hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None:
        raise ValueError(
            "a compiled model cannot be captured or edited: use the model that was given to the compiler."
        )
    points = hook_points(model)
    if callable(names):
        chosen = [name for name in points if names(name)]
        if not chosen:
            raise ValueError("the predicate accepts no hook point: list_hooks(model) gives their names.")
    else:
        chosen = []
        for pattern in [names] if isinstance(names, str) else names:
            found = fnmatch.filter(points, pattern)
            if not found:
                raise ValueError(f"no hook point is called {pattern!r}: list_hooks(model) gives their names.")
            chosen += found
    return {name: points[name] for name in dict.fromkeys(chosen)}


@contextmanager
def _listen(
    editors: Mapping[HookPoint, tuple[Listener, ...]] | None = None,
    readers: Mapping[HookPoint, Listener] | None = None,
) -> Iterator[None]:
    before = _listening.get() or _Listening()
    token = _listening.set(
        _Listening(
            editors=_merged(before.editors, editors or {}),
            readers=_merged(before.readers, {point: (reader,) for point, reader in (readers or {}).items()}),
        )
    )
    try:
        yield
    finally:
        _listening.reset(token)


def _merged(
    old: Mapping[HookPoint, tuple[Listener, ...]], new: Mapping[HookPoint, tuple[Listener, ...]]
) -> Mapping[HookPoint, tuple[Listener, ...]]:
    return {point: (*old.get(point, ()), *new.get(point, ())) for point in {**old, **new}}
