"""The published recipe's augmentation: resize, crop, flip, distort, pad; and what a camera adds to it.

Every step is a pure function of its arguments and of a numpy Generator, so that a sample can be drawn again.

Source: mmsegmentation 0.x, configs/_base_/datasets/ade20k.py (the steps and their order).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from swinviz.data.dataset import IGNORE_INDEX
from swinviz.data.transforms.camera import Camera, blur
from swinviz.data.transforms.colors import Photometric, scale_saturation, turn_hue
from swinviz.data.transforms.planes import Bytes, coin, to_bytes
from swinviz.data.transforms.resizing import choose_crop, random_size, resize_labels, resize_planes
from swinviz.images import MEAN

__all__ = [
    "Camera",
    "Photometric",
    "TrainTransform",
    "blur",
    "choose_crop",
    "random_size",
    "resize_labels",
    "resize_planes",
    "scale_saturation",
    "turn_hue",
]


@dataclass(frozen=True)
class TrainTransform:
    """The augmentation of a training sample; the defaults are the published recipe's.

    Attributes:
        scale: the size an image is brought to before `ratios`: long and short edge at most, in pixels.
        ratios: bounds of the random factor on `scale`.
        crop: height and width of the result, in pixels.
        cat_max_ratio: the largest share of one class in a crop, if it can be helped; 1 for any.
        flip: probability of flipping left to right.
        photometric: the color distortion; None for none.
        camera: further changes, of photographs; None for none.

    Raises:
        ValueError: a bound that leaves nothing to draw from.

    >>> image, labels = np.zeros((300, 400, 3), np.uint8), np.zeros((300, 400), np.uint8)
    >>> image, labels = TrainTransform()(image, labels, np.random.default_rng(0))
    >>> image.shape, labels.shape
    ((512, 512, 3), (512, 512))
    """

    scale: tuple[int, int] = (2048, 512)
    ratios: tuple[float, float] = (0.5, 2.0)
    crop: tuple[int, int] = (512, 512)
    cat_max_ratio: float = 0.75
    flip: float = 0.5
    photometric: Photometric | None = field(default_factory=Photometric)
    camera: Camera | None = None

    def __post_init__(self) -> None:
        if min(*self.scale, *self.crop) < 1:
            raise ValueError(
                f"scale {self.scale} and crop {self.crop} must be at least 1 pixel: upsample them"
            )
        if not 0 < self.ratios[0] <= self.ratios[1]:
            raise ValueError(f"ratios {self.ratios} must be two positive numbers, the smaller one first")
        if not 0 < self.cat_max_ratio <= 1 or not 0 <= self.flip <= 1:
            raise ValueError(
                f"cat_max_ratio {self.cat_max_ratio} and flip {self.flip} are shares: "
                "give numbers from 0 to 1"
            )

    @classmethod
    def for_scenes(cls, size: int = 128) -> TrainTransform:
        """Return the recipe for the procedural scenes: crops of `size`, made to carry over to photographs.

        The smallest ratio is 0.75, not 0.5, because a scene is as large as its crop and would mostly be
        padding.
        """
        return cls(scale=(4 * size, size), ratios=(0.75, 2.0), crop=(size, size), camera=Camera())

    def __call__(self, image: Bytes, labels: Bytes, rng: np.random.Generator) -> tuple[Bytes, Bytes]:
        """Augment an image (H, W, 3) and its labels (H, W); both come back with the size of the crop.

        What the crop lacks is padded at the right and the bottom: labels with 255, the image with the
        rounded mean color. mmsegmentation pads with 0 after normalizing, that is with the mean itself;
        rounding makes a difference of less than 0.01 standard deviations.

        Raises:
            ValueError: image and labels of different sizes.
        """
        if image.shape != (*labels.shape, 3):
            raise ValueError(
                f"image {image.shape} and labels {labels.shape} do not belong together: "
                "give (H, W, 3) and (H, W)"
            )
        size = random_size(labels.shape, self.scale, self.ratios, rng)
        box = choose_crop(labels, size, self.crop, self.cat_max_ratio, rng)
        planes, chosen = resize_planes(image, size, box), resize_labels(labels, size, box)
        if coin(rng, self.flip):
            planes, chosen = planes[..., ::-1], chosen[:, ::-1]
        for distort in (self.photometric, self.camera):
            if distort is not None:
                planes = distort(planes, rng)
        pixels = np.empty((*self.crop, 3), np.uint8)
        pixels[:] = np.rint(MEAN)
        height, width = box.bottom - box.top, box.right - box.left
        pixels[:height, :width] = to_bytes(planes)
        padded = np.full(self.crop, IGNORE_INDEX, np.uint8)
        padded[:height, :width] = chosen
        return pixels, padded
