"""The whole model: backbone, decode head, auxiliary head, from normalised images to logits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from swinviz import inference
from swinviz.config import ModelConfig
from swinviz.enlarging import enlarge
from swinviz.folding import fold_batch_norms, keep_tables, use_fast_convolutions
from swinviz.hooks import anybody_listens
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
        self._compiled: Callable[[Tensor], Tensor] | None = None

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
        return enlarge(self.coarse_logits(images), images.shape[-2:])

    def coarse_logits(self, images: Tensor) -> Tensor:
        """Compute the logits before they are enlarged: (B, K, H/4, W/4), sizes rounded up."""
        if self._compiled is not None and not anybody_listens():
            return self._compiled(images)
        return self.decode(self.features(images))

    def forward_train(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute the logits of both heads, (B, K, H, W) each; without an auxiliary head those are None."""
        features, size = self.features(images), images.shape[-2:]
        logits = enlarge(self.decode(features), size)
        if self.aux is None:
            return logits, None
        return logits, enlarge(self.aux(features[self.config.head.aux_stage]), size)

    def for_inference(
        self,
        *,
        dtype: torch.dtype | None = None,
        compile: bool = False,  # noqa: A002  # as torch and its users call it
        channels_last: bool = False,
    ) -> SwinUPerNet:
        """Copy the model, laid out to give the same logits sooner; capture and edit work on the copy too.

        Batch normalisation is folded into the convolutions, each block keeps its bias and mask for the sizes
        it has seen, and on a CPU large convolutions need a fifth of the products (`swinviz.winograd`). What
        differs is rounding, a few 1e-6 of the largest logit. The copy cannot be trained.

        Args:
            dtype: floating-point type of the copy's weights, such as torch.bfloat16.
            compile: let torch.compile make it faster, on a GPU with CUDA graphs: the first image of a size
                takes a minute or more. While somebody captures or edits, it runs uncompiled.
            channels_last: keep convolution weights with the channels innermost, which suits GPUs.

        Returns:
            The copy, in evaluation mode.
        """
        model = copy.deepcopy(self).eval().requires_grad_(False)
        fold_batch_norms(model)
        keep_tables(model)
        if self.device.type == "cpu" and not channels_last:
            use_fast_convolutions(model)
        model.to(dtype=dtype)
        if channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
        if compile:
            mode = "reduce-overhead" if self.device.type == "cuda" else None
            model._compiled = torch.compile(lambda images: model.decode(model.features(images)), mode=mode)
        return model

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
