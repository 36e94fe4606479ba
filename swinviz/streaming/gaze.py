"""A point of a picture or video: its attention or its likeness in every frame, at rest or followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from swinviz.attention import Pixel, Projection, attention_to_image
from swinviz.features import PointTracker, TokenMap, token_map, token_similarity
from swinviz.images import keep_ratio_size
from swinviz.inference import InferenceOptions, Segmentation
from swinviz.model.hooks import BlockId, Captured, capture
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming.gaze_maps import Attention, GazeMap, Likeness, Track

__all__ = ["Gaze", "GazeViewer"]

_TRAIL: Final = 60  # frames whose places are drawn as a line behind a point that is followed


@dataclass(frozen=True)
class Gaze:
    """A point of a picture or video that is looked into.

    Attributes:
        x: column, in pixels from the left; in a video, of its first frame.
        y: row, in pixels from the top.
        stage: stage of the block that is looked into, counted from 0.
        block: its number inside the stage; odd ones are shifted.
        shows: "attention", the mean of all heads; or "similarity", the cosine of every token's vector behind
            the block with the point's (in a video, with that of the first frame), the mean vector taken off.
        follow: in a video, move the point to the nearby token that is most like the first one.

    Raises:
        ValueError: there is no such thing to show.
    """

    x: int
    y: int
    stage: int = 2
    block: int = 1
    shows: Literal["attention", "similarity"] = "attention"
    follow: bool = False

    def __post_init__(self) -> None:
        if self.shows not in ("attention", "similarity"):
            raise ValueError(f"shows is {self.shows!r}: choose attention or similarity.")

    @property
    def hook(self) -> str:
        """Name of the hook that has the block's attention pattern."""
        return BlockId(self.stage, self.block).hook("attn.pattern")

    @property
    def tokens_hook(self) -> str:
        """Name of the hook that has the tokens' vectors behind the block."""
        return BlockId(self.stage, self.block).hook("resid_post")

    def check(self, model: SwinUPerNet) -> None:
        """Make sure that the model has the block.

        Raises:
            ValueError: it has not.
        """
        depths = model.config.backbone.depths
        if not (0 <= self.stage < len(depths) and 0 <= self.block < depths[self.stage]):
            blocks = ", ".join(f"stage {stage} has {depth}" for stage, depth in enumerate(depths))
            raise ValueError(f"there is no block {self.block} of stage {self.stage}: {blocks}, from 0.")

    def segment(
        self, model: SwinUPerNet, image: NDArray[np.uint8], options: InferenceOptions | None = None
    ) -> tuple[Segmentation, GazeMap]:
        """Segment a single image (H, W, 3), and find on the way what the point shows.

        Raises:
            ValueError: the point lies outside the image, the model has no such block, or the options cut the
                image or look at it more than once.
        """
        return GazeViewer(self).segment(model, image, options)


class GazeViewer:
    """Looks into one point of the frames of one video, one after another.

    Args:
        gaze: the point, where it is in the first frame.
    """

    def __init__(self, gaze: Gaze) -> None:
        self.gaze = gaze
        self._track: tuple[Track, ...] = ()
        self._tracker: PointTracker | None = None
        self._first: tuple[TokenMap, Pixel] | None = None

    def segment(
        self, model: SwinUPerNet, image: NDArray[np.uint8], options: InferenceOptions | None = None
    ) -> tuple[Segmentation, GazeMap]:
        """Segment the next frame (H, W, 3), and find on the way what the point shows in it.

        Raises:
            ValueError: the point lies outside the first frame, the model has no such block, or the options
                cut the image or look at it more than once.
        """
        gaze, options = self.gaze, options or InferenceOptions()
        if options.mode != "whole" or options.views > 1:
            raise ValueError(f"{gaze.shows} is drawn for whole images looked at once: leave mode and scales.")
        gaze.check(model)
        height, width = image.shape[:2]
        size = keep_ratio_size((height, width), options.scale or model.config.scale)
        projection = Projection(image=(height, width), input=size)
        query = projection.to_input(gaze.y, gaze.x)
        names = [gaze.hook] if gaze.shows == "attention" else [gaze.tokens_hook]
        if gaze.follow:
            names.append(gaze.tokens_hook)
        with capture(model, names) as seen:
            result = model.segment(image, options)
        at = Track((gaze.y, gaze.x), 1.0)
        if gaze.follow:
            query, at = self._follow(token_map(seen, gaze.tokens_hook), query, projection)
        if gaze.shows == "similarity":
            return result, self._likeness(seen, query, projection, at)
        found = attention_to_image(seen[gaze.hook], seen.geometries[gaze.hook], query=query, heads="mean")
        return result, Attention(found, projection, at, self._track)

    def _follow(self, tokens: TokenMap, query: Pixel, projection: Projection) -> tuple[Pixel, Track]:
        """Where the point is now, in pixels of the input and of the frame."""
        if self._tracker is None:
            self._tracker = PointTracker(query)
        found = self._tracker.step(tokens)
        if self._track:  # in the first frame the point is where it was put, not in its token's middle
            row, column = (min(at, side - 1) for at, side in zip(found.pixel, projection.input, strict=True))
            query, place = (row, column), projection.to_image(row, column)
        else:
            place = (self.gaze.y, self.gaze.x)
        at = Track(place, found.similarity)
        self._track = (*self._track[-_TRAIL:], at)
        return query, at

    def _likeness(self, seen: Captured, query: Pixel, projection: Projection, at: Track) -> Likeness:
        tokens = token_map(seen, self.gaze.tokens_hook)
        if self._first is None:
            self._first = (replace(tokens, vectors=tokens.vectors.clone()), query)
        first, place = self._first
        found = token_similarity(first, place, tokens, center=True)
        return Likeness(found, projection, at, self._track)
