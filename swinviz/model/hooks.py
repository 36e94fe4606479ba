"""Named points inside the model, to read (`capture`) and to write (`edit`); they cost nothing otherwise.

A `HookPoint` is an identity: the forward pass sends a value through it, and whoever listens sees the value
or replaces it. Listeners live in a context variable, not in the model: two threads that use one model never
see each other's, nothing is left behind in the weights, and leaving the `with` block removes them whatever
happened inside it.
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


@dataclass(frozen=True)
class Hook:
    """What a listener is told beside the value.

    Attributes:
        name: name of the hook point, such as "stages.2.blocks.3.attn.pattern".
        geometry: window geometry of the block, or None outside the blocks.
    """

    name: str
    geometry: WindowGeometry | None


EditFn = Callable[[Any, Hook], Any]
"""Takes a value and its `Hook`; returns the value that goes on, or None to leave it as it is."""

Listener = Callable[[Any, WindowGeometry | None], Any]


@dataclass(frozen=True)
class _Listening:
    """Who listens where: editors run first, in the order they came; readers see what goes on."""

    editors: Mapping[HookPoint, tuple[Listener, ...]] = field(default_factory=dict)
    readers: Mapping[HookPoint, tuple[Listener, ...]] = field(default_factory=dict)


_listening: ContextVar[_Listening | None] = ContextVar("swinviz_listening", default=None)


class HookPoint(nn.Module):
    """An identity that can be active to. It holds no state."""

    def forward(self, value: Value, geometry: WindowGeometry | None = None) -> Value:
        """Pass a value on, through the listeners if there are any.

        Args:
            value: the tensor (or `WindowGeometry`) at this point of the forward pass.
            geometry: geometry of the block this point is in, for the listeners.

        Returns:
            The value, or what an editor put in its place.
        """
        if torch.compiler.is_compiling():
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
        """Whether somebody reads or edits this point now."""
        if torch.compiler.is_compiling():
            return False
        listening = _listening.get()
        return listening is not None and (self in listening.editors or self in listening.readers)


def hooks_active() -> bool:
    """Whether a `capture` or an `edit` is open in this context, for whatever model."""
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
    """What `capture` saw: name -> tensor, the latest forward pass's. Tensors of blocks carry `.geometry`."""

    def __init__(self, selected: Iterable[str]) -> None:
        super().__init__()
        self._selected = frozenset(selected)

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
        A dict that fills as the model runs: name -> tensor, such as (B, nW, nH, N, N) for a pattern. Each
        run overwrites the one before. Tensors of blocks carry their geometry as `.geometry`.

    Raises:
        ValueError: no hook point has such a name, or the model is compiled.
    """
    points = _select(model, names)
    seen = Captured(points)

    def reader(name: str) -> Listener:
        def read(value: Any, geometry: WindowGeometry | None) -> None:
            if not isinstance(value, Tensor):
                seen[name] = value
                return
            # A tensor of the graph must stay itself; an alias keeps attributes off the model's tables.
            kept = value if value.requires_grad and not detach else value.detach()
            if device is not None or (dtype is not None and kept.is_floating_point()):
                kept = kept.to(device=device, dtype=dtype if kept.is_floating_point() else None)
            kept.geometry = geometry  # type: ignore[attr-defined]
            seen[name] = kept

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
