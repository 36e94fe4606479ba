"""The whole model: backbone, decode head, auxiliary head, from normalised images to logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from swinviz import inference
from swinviz.config import ModelConfig
from swinviz.enlarging import enlarge
from swinviz.swin import SwinTransformer
from swinviz.upernet import FCNHead, UPerHead

if TYPE_CHECKING:
    from swinviz.images import ImageLike

__all__ = ["SwinUPerNet"]


class SwinUPerNet(nn.Module):
    """A Swin Transformer with a UPerNet head.

    Args:
        config: shape and classes of the model.

    >>> from swinviz.config import HeadConfig, SwinConfig
    >>> backbone = SwinConfig(embed_dim=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 2, 2), window_size=4)
    >>> config = ModelConfig(("sky", "sea"), backbone=backbone, head=HeadConfig(channels=8, aux_channels=4))
    >>> model = SwinUPerNet(config).eval()
    >>> model(torch.zeros(1, 3, 33, 70)).shape
    torch.Size([1, 2, 33, 70])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.backbone.channels
        self.backbone = SwinTransformer(config.backbone)
        self.head = UPerHead(channels, config.num_classes, config.head)
        self.aux = None
        if config.head.aux_channels:
            self.aux = FCNHead(channels[config.head.aux_stage], config.num_classes, config.head)

    def features(self, images: Tensor) -> list[Tensor]:
        """Compute the backbone's maps of normalised images (B, 3, H, W), at strides 4, 8, 16, 32."""
        return self.backbone(images)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the backbone's maps into logits (B, K, H/4, W/4)."""
        return self.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits of every pixel.

        Args:
            images: (B, 3, H, W), normalised by `swinviz.images.normalise`; any size from 1x1 up.

        Returns:
            (B, K, H, W).
        """
        return enlarge(self.decode(self.features(images)), images.shape[-2:])

    def forward_train(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute the logits of both heads, (B, K, H, W) each; without an auxiliary head those are None."""
        features, size = self.features(images), images.shape[-2:]
        logits = enlarge(self.decode(features), size)
        if self.aux is None:
            return logits, None
        return logits, enlarge(self.aux(features[self.config.head.aux_stage]), size)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the weights."""
        return next(self.parameters()).dtype

    def segment(self, image: ImageLike, options: inference.Options | None = None) -> inference.Segmentation:
        """Segment one image.

        Args:
            image: path, PIL image, or array (H, W, 3) of uint8.
            options: how the image is resized, cut and mirrored; by default the whole image at the scale of
                the model's configuration.

        Returns:
            Labels, confidence, classes and colours at the image's own size.

        Raises:
            ImageError: the image cannot be read; the message says why.
        """
        return inference.segment(self, image, self.config, options or inference.Options())
