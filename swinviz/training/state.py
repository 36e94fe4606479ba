"""Saving a run so that it goes on exactly as if it had never stopped.

The rate, the data and all random numbers are functions of the step (see `Recipe.lr`, `Stream`,
`step.seed_step`), so a state is: the step, the weights and their average, the optimizer's moments and the
loss scaler. A state is written beside its place and moved there when it is whole; the last two are kept. The
checksums in it are compared before anything is loaded, which torch does not do.
"""

from __future__ import annotations

import logging
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from swinviz.errors import CheckpointError
from swinviz.files import replacing
from swinviz.training.recipe import Recipe

__all__ = ["KEPT", "TrainingState", "state_files"]

KEPT = 2
"""States that stay on the disk: the last, and the one before in case a disk fails under the last."""

log = logging.getLogger(__name__)

# Everything that reading and unpickling a damaged file was seen to raise.
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


def state_files(folder: Path) -> list[Path]:
    """Return the states in a folder, the newest first."""
    return sorted(folder.glob("state-*.pt"), reverse=True)


class TrainingState:
    """Saved state of a run.

    Args:
        recipe: the run's recipe; a state of another recipe is refused.
        parts: what has a `state_dict` and `load_state_dict`, by name.
    """

    def __init__(self, recipe: Recipe, parts: Mapping[str, Any]) -> None:
        self.recipe, self.parts = recipe, parts

    def snapshot(self, step: int) -> dict[str, Any]:
        """Collect the state before `step`; all processes must come here where parts are sharded."""
        state: dict[str, Any] = {"step": step, "recipe": asdict(self.recipe)}
        return state | {name: part.state_dict() for name, part in self.parts.items()}

    def save(self, folder: Path, state: Mapping[str, Any]) -> Path:
        """Write a snapshot and drop all but the last two.

        Raises:
            OSError: the disk is full or not writable; the states before survive.
        """
        path = folder / f"state-{state['step']:08d}.pt"
        # Through an open file, because torch then keeps the system's error as the context of its own.
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(state, file)
        for old in state_files(folder)[KEPT:]:
            old.unlink()
        return path

    def resume(self, folder: Path) -> int:
        """Load the newest undamaged state and return the step to go on with; 0 where there is no state.

        Raises:
            CheckpointError: the state belongs to another recipe or model, or every state is damaged.
        """
        for unfinished in folder.glob(".swinviz-*"):  # a kill in the middle of writing leaves one behind
            unfinished.unlink(missing_ok=True)
        files = state_files(folder)
        for path in files:
            try:
                state = _read(path)
            except _UNREADABLE as error:
                log.warning("%s cannot be read (%s); going back to the state before.", path, error)
                continue
            self._load(state, path)
            return int(state["step"])
        if files:
            raise CheckpointError(
                f"none of the {len(files)} states in {folder} can be read: remove them to start anew."
            )
        return 0

    def _load(self, state: Mapping[str, Any], path: Path) -> None:
        # What a recipe did not know of yet when the state was written, it left at its default.
        ours, theirs = asdict(self.recipe), asdict(Recipe()) | dict(state["recipe"])
        changed = [
            f"{name} {theirs[name]} -> {value}" for name, value in ours.items() if value != theirs[name]
        ]
        if changed:
            raise CheckpointError(
                f"{path} was trained with another recipe ({'; '.join(changed)}): train with the same one, or "
                "in an empty folder."
            )
        for name, part in self.parts.items():
            if name == "best" and name not in state:
                continue  # nobody asked for the best model when the state was written
            try:
                part.load_state_dict(state[name])
            except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
                raise CheckpointError(
                    f"{path} holds the {name} of another model: train the same one, or in an empty folder."
                ) from error


def _read(path: Path) -> Mapping[str, Any]:
    """Read a state all of whose bytes are those that were written.

    Raises:
        ValueError: a checksum differs, or the file holds no state.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} differs")
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping) or not isinstance(state.get("recipe"), Mapping):
        raise ValueError("it holds no state of a training run")
    step = state.get("step")
    if type(step) is not int or step < 0:  # True is an int too
        raise ValueError(f"its step is {step!r:.40}")
    return state
