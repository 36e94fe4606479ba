"""State that all tabs share: options, models, the limit on computing, and how a picture is segmented."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from swinviz.demo.examples import example_files
from swinviz.demo.models import ModelPool
from swinviz.demo.options import DemoOptions
from swinviz.demo.pictures import Pictures
from swinviz.demo.refusal import Refusal, refusals_shown
from swinviz.demo.security import ComputeSlots, StreamSlots
from swinviz.demo.sessions import Sessions
from swinviz.devices import PRECISIONS
from swinviz.inference import MULTI_SCALE, InferenceOptions, Segmentation
from swinviz.interventions import named_edits, parse_edits
from swinviz.model.hooks import edit
from swinviz.segmenter import SwinUPerNet

__all__ = ["MODES", "DemoState", "describe"]

MODES = ("whole", "slide", "multi-scale + flip")
"""Ways of looking at a picture that a visitor may choose from."""

_AT_ONCE = 2
_LIVE_STREAMS = 4
_VIDEOS = 1  # so that pictures and live frames always find the other place to compute
_VIDEO_WAITS = "Another visitor's video is being worked on; please try again in a few minutes."


@dataclass(frozen=True)
class DemoState:
    """Everything the tabs need from one another.

    Attributes:
        options: the command line.
        models: the models, by name.
        first: name of the model that visitors start with.
        slots: how much is computed at once.
        streams: places for live visitors.
        videos: places for whole videos.
        sessions: open sessions of the attention explorer.
        pictures: visitors' pictures.
        picture: id of the picture that visitors start with.
    """

    options: DemoOptions
    models: ModelPool
    first: str
    slots: ComputeSlots = field(default_factory=lambda: ComputeSlots(_AT_ONCE))
    streams: StreamSlots = field(default_factory=lambda: StreamSlots(_LIVE_STREAMS))
    videos: StreamSlots = field(default_factory=lambda: StreamSlots(_VIDEOS, _VIDEO_WAITS))
    sessions: Sessions = field(default_factory=Sessions)
    pictures: Pictures = field(init=False)
    picture: str = field(init=False)

    def __post_init__(self) -> None:
        examples = example_files()
        object.__setattr__(self, "pictures", Pictures(self.options.max_size, examples))
        object.__setattr__(self, "picture", next(iter(examples)))

    def model(self, name: str, *, download: bool = False) -> SwinUPerNet:
        """Return a model of the menu.

        Raises:
            gr.Error: it is not on the menu.
            SwinvizError: it cannot be loaded, or would have to be downloaded; the message says why.
        """
        try:
            return self.models.get(name, download=download)
        except KeyError:
            raise Refusal("There is no such model on the menu.", title="Unknown model") from None

    def segment(
        self,
        path: str | None,
        name: str,
        mode: str = MODES[0],
        precision: str = "float32",
        edits: str = "",
    ) -> Segmentation:
        """Segment an uploaded picture.

        Args:
            path: the uploaded file.
            name: model, as on the menu.
            mode: one of `MODES`.
            precision: one of `swinviz.devices.PRECISIONS`.
            edits: made to the model for this picture alone; names as `parse_edits` reads them.

        Returns:
            The segmentation, at the picture's size or, if that is smaller, at `options.max_size`.

        Raises:
            gr.Error: what was asked for cannot be done; one sentence that says why.
        """
        with refusals_shown():
            picture = self.pictures.open(path)
            model = self.model(name)
            made = named_edits(parse_edits(edits, model.config.backbone))
            with self.slots.taken(), edit(model, made):
                result = model.segment(picture.pixels, _options(mode, precision, model))
        return replace(result, notes=(*result.notes, picture.note)) if picture.note else result


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


def describe(result: Segmentation, name: str, device: Any) -> str:
    """Describe in one line what was done: size, model, device, time."""
    height, width = result.labels.shape
    return f"{width} × {height} pixels · {name} on {device} · {result.seconds:.2f} s"
