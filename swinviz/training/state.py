"""Saving a run so that it goes on exactly as if it had never stopped.

The rate, the data and all random numbers are functions of the step (see `Recipe.rate`, `Stream`,
`learner.seed_step`), so a state is: the step, the weights and their average, the optimizer's moments and the
loss scaler. A state is written beside its place and moved there when it is whole; the last two are kept.
"""

from __future__ import annotations

import logging
import pickle
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


def state_files(folder: Path) -> list[Path]:
    """Return the states in a folder, the newest first."""
    return sorted(folder.glob("state-*.pt"), reverse=True)


class TrainingState:
    """What has to be saved of a run, and how.

    Args:
        recipe: the run's recipe; a state of another recipe is refused.
        parts: what has a `state_dict` and `load_state_dict`, by name.
    """

    def __init__(self, recipe: Recipe, parts: Mapping[str, Any]) -> None:
        self.recipe, self.parts = recipe, parts

    def save(self, folder: Path, step: int) -> Path:
        """Write the state before `step` and drop all but the last two.

        Raises:
            OSError: the disk is full or not writable; the states before survive.
        """
        state: dict[str, Any] = {"step": step, "recipe": asdict(self.recipe)}
        state |= {name: part.state_dict() for name, part in self.parts.items()}
        path = folder / f"state-{step:08d}.pt"
        with replacing(path) as temporary:
            torch.save(state, temporary)
        for old in state_files(folder)[KEPT:]:
            old.unlink()
        return path

    def resume(self, folder: Path) -> int:
        """Load the newest state that can be read and return the step to go on with; 0 where there is none.

        Raises:
            CheckpointError: the state belongs to another recipe.
        """
        for unfinished in folder.glob(".swinviz-*"):  # a kill in the middle of writing leaves one behind
            unfinished.unlink(missing_ok=True)
        for path in state_files(folder):
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
                log.warning("%s cannot be read (%s); going back to the state before.", path, error)
                continue
            self._load(state, path)
            return int(state["step"])
        return 0

    def _load(self, state: dict[str, Any], path: Path) -> None:
        ours, theirs = asdict(self.recipe), state["recipe"]
        changed = [
            f"{name} {theirs.get(name)} -> {value}"
            for name, value in ours.items()
            if value != theirs.get(name)
        ]
        if changed:
            raise CheckpointError(
                f"{path} was trained with another recipe ({'; '.join(changed)}): train with the same one, or "
                "in an empty folder."
            )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
