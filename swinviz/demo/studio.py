"""State that all tabs share: options, models, the limit on computing, and how a picture is segmented."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from swinviz.demo.explorations import Sessions
from swinviz.demo.limits import BusyError, ComputeSlots, StreamSlots
from swinviz.demo.models import ModelPool
from swinviz.demo.options import DemoOptions
from swinviz.demo.pictures import open_picture
from swinviz.demo.refusal import OUT_OF_MEMORY, Refusal
from swinviz.errors import SwinvizError
from swinviz.inference import MULTI_SCALE, InferenceOptions, Segmentation
from swinviz.model.hooks import EditFn, edit
from swinviz.segmenter import SwinUPerNet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MODES", "PRECISIONS", "DemoState", "describe", "refusals_shown"]

MODES = ("whole", "slide", "multi-scale + flip")
"""Ways of looking at a picture that a visitor may choose from."""

PRECISIONS: dict[str, torch.dtype | None] = {
    "float32": None,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""Precisions that a visitor may choose, and `InferenceOptions.precision` for each."""

_AT_ONCE = 2
_LIVE_STREAMS = 4


@dataclass(frozen=True)
class DemoState:
    """Everything the tabs need from one another.

    Attributes:
        options: the command line.
        models: the models, by name.
        first: name of the model that visitors start with.
        slots: how much is computed at once.
        streams: places for live visitors.
        explorations: open sessions of the attention explorer.
    """

    options: DemoOptions
    models: ModelPool
    first: str
    slots: ComputeSlots = field(default_factory=lambda: ComputeSlots(_AT_ONCE))
    streams: StreamSlots = field(default_factory=lambda: StreamSlots(_LIVE_STREAMS))
    explorations: Sessions = field(default_factory=Sessions)

    def model(self, name: str) -> SwinUPerNet:
        """Return a model of the menu.

        Raises:
            gr.Error: it is not on the menu, or cannot be loaded; the message says why.
        """
        try:
            return self.models.get(name)
        except KeyError:
            raise Refusal("There is no such model on the menu.", title="Unknown model") from None

    def segment(
        self,
        path: str | None,
        name: str,
        mode: str = MODES[0],
        precision: str = "float32",
        edits: Sequence[Mapping[str, EditFn]] = (),
    ) -> Segmentation:
        """Segment an uploaded picture.

        Args:
            path: the uploaded file.
            name: model, as on the menu.
            mode: one of `MODES`.
            precision: one of `PRECISIONS`.
            edits: made to the model for this picture alone.

        Returns:
            The segmentation, at the picture's size or, if that is smaller, at `options.max_size`.

        Raises:
            gr.Error: what was asked for cannot be done; one sentence that says why.
        """
        with refusals_shown():
            image = open_picture(path, self.options.max_size)
            model = self.model(name)
            with self.slots.taken(), edit(model, list(edits)):
                return model.segment(image, _options(mode, precision, model))


def _options(mode: str, precision: str, model: SwinUPerNet) -> InferenceOptions:
    if mode not in MODES or precision not in PRECISIONS:
        raise Refusal("There is no such way to look at a picture.", title="Unknown setting")
    dtype = PRECISIONS[precision]
    if mode == "slide":
        side = min(model.config.scale)  # a crop as high as the resized picture, moved along its longer side
        step = max(1, 2 * side // 3)
        return InferenceOptions(mode="slide", crop=(side, side), stride=(step, step), precision=dtype)
    if mode == "whole":
        return InferenceOptions(precision=dtype)
    return InferenceOptions(scales=MULTI_SCALE, flip=True, precision=dtype)


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Show what swinviz refuses as one sentence on the page; anything else stays in the server's log."""
    try:
        yield
    except (SwinvizError, BusyError) as refusal:
        raise Refusal(html.escape(str(refusal), quote=False), title="That did not work") from refusal
    except torch.OutOfMemoryError as problem:
        raise Refusal(OUT_OF_MEMORY, title="Out of memory") from problem


def describe(result: Segmentation, name: str, device: Any) -> str:
    """Say in one line what was done: size, model, device, time."""
    height, width = result.labels.shape
    return f"{width} × {height} pixels · {name} on {device} · {result.seconds:.2f} s"
