"""The best validation so far: which model to keep, and when to stop waiting for a better one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["Best"]


class Best:
    """Largest value so far of one figure of the validation; saved and resumed with the run.

    Args:
        name: of the figure, as the validation reports it; larger is better.
        patience: validations without a better one after which the run stops; 0 for never.
    """

    def __init__(self, name: str, patience: int = 0) -> None:
        self.name, self.patience = name, patience
        self.value, self.step, self.waited = -math.inf, -1, 0

    def update(self, scores: Mapping[str, float], step: int) -> bool:
        """Take in a validation, and tell whether it is the best so far.

        Raises:
            ValueError: the validation does not report the figure.
        """
        if self.name not in scores:
            raise ValueError(
                f"the validation reports no {self.name!r:.60}: choose one of {', '.join(scores) or 'none'}."
            )
        better = scores[self.name] > self.value
        self.waited = 0 if better else self.waited + 1
        if better:
            self.value, self.step = float(scores[self.name]), step
        return better

    @property
    def exhausted(self) -> bool:
        """True when the run has waited long enough."""
        return 0 < self.patience <= self.waited

    def state_dict(self) -> dict[str, Any]:
        """State to go on from."""
        return {"value": self.value, "step": self.step, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.value, self.step, self.waited = (
            float(state["value"]),
            int(state["step"]),
            int(state["waited"]),
        )
