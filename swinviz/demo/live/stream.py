"""One visitor's live stream: a frame in, its labels (and the attention of a fixed point) out."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from swinviz.attention import AttentionMap, attention_to_image
from swinviz.demo.encoding import png
from swinviz.demo.state import DemoState
from swinviz.devices import PRECISIONS, fast_precision
from swinviz.images import read_image
from swinviz.inference import InferenceOptions
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["MAX_FRAME_BYTES", "Gaze", "LiveStream", "parse_settings"]

MAX_FRAME_BYTES = 2 * 2**20
"""The largest message that a live visitor may send."""

_MAX_FRAME_PIXELS = 1280 * 960
_MAX_FRAME_SIDE = 2048
_NUMBER = struct.Struct("<I")
_FAST = 1  # effort of PNG compression: labels are flat, so more would cost time and save little
_SCORE_STEP = 3  # percent: finer steps would be noise that costs bytes


@dataclass(frozen=True)
class Gaze:
    """A fixed point whose attention is drawn live.

    Attributes:
        x: from 0 (left border) to 1.
        y: from 0 (upper border) to 1.
        stage: stage of the block that is looked into.
        block: its number inside the stage.
        head: one head, or None for their mean.
    """

    x: float
    y: float
    stage: int
    block: int
    head: int | None


@dataclass(frozen=True)
class Settings:
    """Settings of a live visitor: a model of the menu, and perhaps a `Gaze`."""

    model: str
    gaze: Gaze | None = None


def parse_settings(text: str) -> Settings:
    """Read a settings message, which comes from a stranger.

    Args:
        text: JSON: {"model": name, "gaze": null or {"x", "y", "stage", "block", "head"}}.

    Raises:
        ValueError: it is not of this form.
    """
    try:
        message = json.loads(text)
        gaze = message.get("gaze")
        if gaze is not None:
            head = gaze["head"]
            gaze = Gaze(
                x=_share(gaze["x"]),
                y=_share(gaze["y"]),
                stage=int(gaze["stage"]),
                block=int(gaze["block"]),
                head=None if head is None else int(head),
            )
        return Settings(str(message["model"]), gaze)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as problem:
        raise ValueError("the settings are not of the form that live.js sends.") from problem


def _share(value: Any) -> float:
    """Clamp a number to 0..1; ValueError for what is none."""
    if math.isnan(number := float(value)):
        raise ValueError("a place is no number.")
    return min(max(number, 0.0), 1.0)


class LiveStream:
    """Segments frames with the settings that came last.

    Args:
        state: models and limits.
        first: model that is used before settings come.
    """

    def __init__(self, state: DemoState, first: str) -> None:
        self._state = state
        self._use(Settings(first))

    def configure(self, text: str) -> str:
        """Take new settings.

        Returns:
            A JSON message for the visitor: the model's classes, palette, depths and heads.

        Raises:
            ValueError: they make no sense, name no model of the menu or no block of the model.
            SwinvizError: the model cannot be loaded.
        """
        self._use(parse_settings(text))
        config = self._model.config
        return json.dumps(
            {
                "model": self._settings.model,
                "device": f"{self._model.device}, {self._precision(self._model)}",
                "classes": config.classes,
                "palette": config.palette,
                "depths": config.backbone.depths,
                "heads": config.backbone.num_heads,
            }
        )

    def _use(self, settings: Settings) -> None:
        try:
            model = self._state.models.get(settings.model)
        except KeyError:
            raise ValueError("there is no such model on the menu.") from None
        if settings.gaze is not None:
            _check_block(settings.gaze, model)
        # One assignment, so that a frame in another thread sees the old settings or the new ones.
        self._settings, self._model = settings, model

    def answer(self, message: bytes) -> bytes:
        """Segment one frame.

        Args:
            message: the frame's number as uint32, little-endian, then an image file, usually a JPEG.

        Returns:
            Length of a JSON header (uint32), the header, then PNG files one after another: the labels, their
            confidence in percent (multiples of 3), and the attention at one value a token, relative to its
            largest. The header has the frame's number, the seconds of the model, the percentage below which
            a pixel is unsure, and the length of each PNG.

        Raises:
            ImageError: the frame is no image, or too large.
            BusyError: no computing slot came free.
            ValueError: the message is shorter than a number.
        """
        if len(message) < _NUMBER.size:
            raise ValueError("a frame begins with its number.")
        (number,) = _NUMBER.unpack_from(message)
        image = read_image(message[_NUMBER.size :], max_pixels=_MAX_FRAME_PIXELS, max_side=_MAX_FRAME_SIDE)
        height, width = image.shape[:2]
        settings, model = self._settings, self._model
        options = InferenceOptions(scale=(width, height), precision=PRECISIONS[self._precision(model)])
        points = (
            []
            if settings.gaze is None
            else [BlockId(settings.gaze.stage, settings.gaze.block).hook("attn.pattern")]
        )
        with self._state.slots.taken(), capture(model, points) as seen:
            result = model.segment(image, options)
        header: dict[str, Any] = {
            "frame": number,
            "seconds": round(result.seconds, 4),
            "unsureBelow": round(100 * result.unsure_below),
        }
        scores = np.rint(100 / _SCORE_STEP * result.scores) * _SCORE_STEP
        parts = [png(result.labels, _FAST), png(scores, _FAST)]
        if settings.gaze is not None:
            pattern, geometry = seen[points[0]], seen.geometries[points[0]]
            attention = _look(pattern, geometry, settings.gaze, (height, width))
            values = attention.tokens[0].numpy()
            peak = float(values.max())
            parts.append(png(np.rint(values * (255 / (peak or 1.0))), _FAST))
            header |= {"peak": peak, "stride": attention.geometry.stride, "windows": attention.rectangles}
        header["parts"] = [len(part) for part in parts]
        text = json.dumps(header).encode()
        return _NUMBER.pack(len(text)) + text + b"".join(parts)

    def _precision(self, model: SwinUPerNet) -> str:
        """Precision asked for when the demo was started, or the one in which frames come soonest."""
        return self._state.options.precision or fast_precision(model.device)


def _look(pattern: Tensor, geometry: WindowGeometry, gaze: Gaze, size: tuple[int, int]) -> AttentionMap:
    height, width = size
    pixel = min(int(gaze.y * height), height - 1), min(int(gaze.x * width), width - 1)
    if gaze.head is None:
        return attention_to_image(pattern, geometry, query=pixel, heads="mean")
    return attention_to_image(pattern[:, :, gaze.head : gaze.head + 1], geometry, query=pixel)


def _check_block(gaze: Gaze, model: SwinUPerNet) -> None:
    backbone = model.config.backbone
    known = (
        0 <= gaze.stage < len(backbone.depths)
        and 0 <= gaze.block < backbone.depths[gaze.stage]
        and (gaze.head is None or 0 <= gaze.head < backbone.num_heads[gaze.stage])
    )
    if not known:
        raise ValueError("the model has no such stage, block or head.")
