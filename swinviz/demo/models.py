"""One copy of each model in memory, loaded when somebody first asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swinviz.errors import SwinvizError
from swinviz.segmenter import SwinUPerNet

__all__ = ["Choice", "Loader", "ModelPool", "NotHereError"]

Loader = Callable[[str, bool], SwinUPerNet]
"""Takes a name from the menu, and whether it may be downloaded.

Returns the model in evaluation mode; raises a `NotHereError` where it would have to be downloaded and may
not, another `SwinvizError` where it cannot be loaded.
"""


class NotHereError(SwinvizError):
    """A model whose weights are not on this machine, or are damaged there."""


@dataclass(frozen=True)
class Choice:
    """One line of the models' menu.

    Attributes:
        name: preset, path or hub id.
        ready: whether it is on this machine; one that is not is downloaded by `ModelPool.download` alone.
        megabytes: size of the download.
        remark: what is known of it, such as its published mIoU.
    """

    name: str
    ready: bool = True
    megabytes: int = 0
    remark: str = ""

    @property
    def title(self) -> str:
        """The line as it is shown: name, remark, and what a download costs."""
        cost = "" if self.ready else f"download {self.megabytes} MB"
        return " · ".join(part for part in (self.name, self.remark, cost) if part)


class ModelPool:
    """Models by name, shared by all visitors.

    Two visitors who ask for the same model at once get the same copy: the second waits for the first's
    loading. A model that cannot be loaded leaves the others as they are.

    Args:
        load: builds a model by name.
        choices: lists what the menu offers; asked anew each time, since a download changes it.
    """

    def __init__(self, load: Loader, choices: Callable[[], Sequence[Choice]]) -> None:
        self._load, self._choices = load, choices
        self._models: dict[str, SwinUPerNet] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def choices(self) -> list[Choice]:
        """List what may be asked for, models that are loaded but on no menu included."""
        listed = list(self._choices())
        unlisted = self._models.keys() - {choice.name for choice in listed}
        return [*(Choice(name) for name in sorted(unlisted)), *listed]

    def choice(self, name: str) -> Choice | None:
        """Find a line of the menu, or None if nothing of that name may be asked for."""
        return next((choice for choice in self.choices() if choice.name == name), None)

    def preload(self, name: str, *, download: bool = True) -> SwinUPerNet:
        """Load a model whether it is on the menu or not: the operator asks, not a visitor.

        Raises:
            SwinvizError: it cannot be loaded; the message says why.
        """
        with self._lock_of(name):
            if name not in self._models:
                self._models[name] = self._load(name, download)
            return self._models[name]

    def get(self, name: str, *, download: bool = False) -> SwinUPerNet:
        """Return a model of the menu, loading it first if need be.

        Args:
            name: as on the menu.
            download: fetch it if it is not on this machine; otherwise that is refused.

        Raises:
            KeyError: nothing of that name is on the menu.
            NotHereError: it would have to be downloaded.
            SwinvizError: it cannot be loaded; the message says why.
        """
        if name in self._models:
            return self._models[name]
        if self.choice(name) is None:
            raise KeyError(name)
        return self.preload(name, download=download)

    def loaded(self) -> list[str]:
        """Names of the models in memory."""
        return sorted(self._models)

    def _lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())
