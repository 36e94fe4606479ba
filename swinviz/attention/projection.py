"""Between the pixels of an image and the pixels of the model's input, which is that image resized."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from swinviz.images import ImageLike, keep_ratio_size, normalize, read_image, resize
from swinviz.model.geometry import Box
from swinviz.segmenter import SwinUPerNet

__all__ = ["Projection", "model_input"]


@dataclass(frozen=True)
class Projection:
    """Pixel coordinates of an image and of the model input that it was resized to.

    Attention, windows and rectangles are in input pixels; a click is in pixels of the image that is shown.
    Pixels are half-open squares: pixel y covers [y, y + 1), and its center is y + 0.5, as bilinear resizing
    with align_corners=False has it.

    Attributes:
        image: (height, width) of the image, in pixels.
        input: (height, width) of the model's input, in pixels.

    Raises:
        ValueError: a size that is not positive.

    >>> projection = Projection(image=(100, 200), input=(50, 100))
    >>> projection.to_input(99, 10)
    (49, 5)
    >>> projection.to_image(49, 5)
    (99, 11)
    """

    image: tuple[int, int]
    input: tuple[int, int]

    def __post_init__(self) -> None:
        if min(*self.image, *self.input) < 1:
            raise ValueError(f"sizes are {self.image} and {self.input}: both need at least one pixel a side.")

    def to_input(self, y: int, x: int) -> tuple[int, int]:
        """Find the input pixel that holds the center of an image pixel.

        Raises:
            ValueError: the pixel lies outside the image.
        """
        return _carry(y, x, self.image, self.input)

    def to_image(self, y: int, x: int) -> tuple[int, int]:
        """Find the image pixel that holds the center of an input pixel.

        Raises:
            ValueError: the pixel lies outside the input.
        """
        return _carry(y, x, self.input, self.image)

    def box_to_image(self, box: Box) -> tuple[float, float, float, float]:
        """Carry a rectangle of input pixels over to the image.

        Returns:
            (top, left, bottom, right) in image pixels, not rounded. Parts on padding stay outside the image.

        >>> Projection(image=(100, 200), input=(50, 100)).box_to_image(Box(28, 0, 56, 28))
        (56.0, 0.0, 112.0, 56.0)
        """
        vertical, horizontal = self.image[0] / self.input[0], self.image[1] / self.input[1]
        return box.top * vertical, box.left * horizontal, box.bottom * vertical, box.right * horizontal


def model_input(
    model: SwinUPerNet, image: ImageLike, *, scale: tuple[int, int] | None = None
) -> tuple[Tensor, Projection]:
    """Make of an image what `model.segment` gives the model to see, with the way between their pixels.

    Args:
        model: decides scale, device and floating-point type.
        image: path, PIL image, or array (H, W, 3) of uint8.
        scale: (long, short) limits in pixels that the image is resized to, keeping its ratio; by default the
            model's own.

    Returns:
        The normalized input (1, 3, h, w), and the projection between the image and it.

    Raises:
        ImageError: the image cannot be read; the message says why.

    >>> import numpy as np
    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1)))
    >>> x, projection = model_input(model, np.zeros((100, 150, 3), np.uint8))
    >>> x.shape, projection
    (torch.Size([1, 3, 32, 48]), Projection(image=(100, 150), input=(32, 48)))
    """
    rgb = read_image(image)
    height, width = rgb.shape[:2]
    size = keep_ratio_size((height, width), scale or model.config.scale)
    x = normalize(resize(rgb, size))[None].to(model.device, model.dtype)  # 1 3 h w
    return x, Projection(image=(height, width), input=size)


def _carry(y: int, x: int, source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    if not (0 <= y < source[0] and 0 <= x < source[1]):
        raise ValueError(
            f"pixel (y={y}, x={x}) is outside: y is 0 to {source[0] - 1}, x is 0 to {source[1] - 1}."
        )
    # Integers, so that no rounding moves a center into the neighboring pixel.
    return (2 * y + 1) * target[0] // (2 * source[0]), (2 * x + 1) * target[1] // (2 * source[1])
