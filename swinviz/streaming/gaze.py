"""The attention of one point of every frame, as the model computed it, drawn where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from swinviz.attention import AttentionMap, Projection, attention_to_image
from swinviz.images import keep_ratio_size
from swinviz.inference import InferenceOptions, Segmentation
from swinviz.model.hooks import BlockId, capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["Attention", "Gaze"]

_HEAT_OPACITY = 0.65
_RADIUS = 5  # pixels of the ring around the point
# Viridis, the color map of amounts everywhere here, at nine steps (matplotlib's values); a figure library is
# too much to import for it.
_VIRIDIS = (
    (68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140),
    (40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37),
)  # fmt: skip


@dataclass(frozen=True)
class Gaze:
    """A fixed point of a picture or video whose attention is wanted.

    Attributes:
        x: column, in pixels from the left.
        y: row, in pixels from the top.
        stage: stage of the block that is looked into, counted from 0.
        block: its number inside the stage; odd ones are shifted.
    """

    x: int
    y: int
    stage: int = 2
    block: int = 1

    @property
    def hook(self) -> str:
        """Name of the hook that has the block's attention pattern."""
        return BlockId(self.stage, self.block).hook("attn.pattern")

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
    ) -> tuple[Segmentation, Attention]:
        """Segment an image (H, W, 3), and find the point's attention, the mean of all heads, on the way.

        Raises:
            ValueError: the point lies outside the image, the model has no such block, or the options cut the
                image or look at it more than once.
        """
        options = options or InferenceOptions()
        if options.mode != "whole" or options.views > 1:
            raise ValueError("attention is drawn for whole images looked at once: leave mode and scales.")
        self.check(model)
        height, width = image.shape[:2]
        size = keep_ratio_size((height, width), options.scale or model.config.scale)
        projection = Projection(image=(height, width), input=size)
        query = projection.to_input(self.y, self.x)
        with capture(model, self.hook) as seen:
            result = model.segment(image, options)
        found = attention_to_image(seen[self.hook], seen.geometries[self.hook], query=query, heads="mean")
        return result, Attention(found, projection, self)


@dataclass(frozen=True)
class Attention:
    """A point's attention in one picture.

    Attributes:
        found: one head, the mean of all, in tokens.
        projection: between the picture and the model's input.
        gaze: the point.
    """

    found: AttentionMap
    projection: Projection
    gaze: Gaze

    def heat(self) -> NDArray[np.float32]:
        """Give every pixel of the picture (H, W) its token's share, relative to the largest: 0 to 1."""
        shares = self.found.pixels(self.projection.input)[0].float().cpu().numpy()
        height, width = self.projection.image
        # Nearest: a token is a square of equal color, not a blur that the model never computed.
        spread = Image.fromarray(shares).resize((width, height), Image.Resampling.NEAREST)
        values = np.asarray(spread, np.float32)
        return values / (values.max() or np.float32(1.0))

    def draw(self, picture: Image.Image, image: NDArray[np.uint8]) -> None:
        """Draw the windows that the point lies in, their heat over the gray image, and the point.

        Args:
            picture: RGB picture that is drawn on.
            image: the frame itself, (H, W, 3).
        """
        boxes = [self._box(box) for box in map(self.projection.box_to_image, self.found.rectangles)]
        heat = self.heat()
        for box in boxes:
            left, top, right, bottom = box
            if left >= right or top >= bottom:
                continue
            part = image[top:bottom, left:right]
            gray = Image.fromarray(part).convert("L").convert("RGB")
            colors = _color_table()[(255 * heat[top:bottom, left:right]).astype(np.uint8)]
            picture.paste(Image.blend(gray, Image.fromarray(colors), _HEAT_OPACITY), (left, top))
        draw = ImageDraw.Draw(picture)
        for left, top, right, bottom in boxes:
            draw.rectangle((left, top, right - 1, bottom - 1), outline=(255, 255, 255), width=1)
        x, y = self.gaze.x, self.gaze.y
        for radius, color in ((_RADIUS + 1, (0, 0, 0)), (_RADIUS, (255, 255, 255))):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=color, width=2)

    def _box(self, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in whole pixels inside the picture."""
        height, width = self.projection.image
        top, left, bottom, right = (round(edge) for edge in box)
        return max(0, left), max(0, top), min(width, right), min(height, bottom)


def _color_table() -> NDArray[np.uint8]:
    """256 colors (256, 3)."""
    steps = np.linspace(0, 255, len(_VIRIDIS))
    levels = np.arange(256)
    channels = [np.interp(levels, steps, channel) for channel in np.transpose(_VIRIDIS)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)
