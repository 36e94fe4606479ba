"""The whole model: backbone, decode head, auxiliary head, from normalized images to logits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from swinviz import inference
from swinviz.model.config import ModelConfig
from swinviz.model.fast import accelerate_inference
from swinviz.model.hooks import hooks_active
from swinviz.model.swin import SwinTransformer
from swinviz.model.upernet import FCNHead, UPerHead
from swinviz.model.upsampling import upsample

if TYPE_CHECKING:
    from swinviz.images import ImageLike

__all__ = ["SwinUPerNet"]


class SwinUPerNet(nn.Module):
    """A Swin Transformer with a UPerNet head.

    Args:
        config: shape and classes of the model.

    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"))).eval()
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
        """Compute the backbone's maps of normalized images (B, 3, H, W), at strides 4, 8, 16, 32.

        Raises:
            NotImplementedError: under torch.jit.trace, which would keep the padding of one size for all.
        """
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # missing in torch's types
            raise NotImplementedError(
                "torch.jit.trace would give a model that is right for one size only: use for_inference(), "
                "torch.compile, or torch.onnx.export(..., dynamo=True) instead."
            )
        if torch.compiler.is_dynamo_compiling() and not torch.compiler.is_exporting():
            # Windows and padding for a size that is a symbol take the compiler hours, or break it.
            torch._dynamo.mark_static(images)
        return self.backbone(images)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the backbone's maps into logits (B, K, H/4, W/4)."""
        return self.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits of every pixel.

        Args:
            images: (B, 3, H, W), normalized by `swinviz.images.normalize`; any size from 1x1 up.

        Returns:
            (B, K, H, W).
        """
        return upsample(self.low_res_logits(images), images.shape[-2:])

    def low_res_logits(self, images: Tensor) -> Tensor:
        """Compute the logits before they are upsampled: (B, K, H/4, W/4), sizes rounded up."""
        if self._compiled is not None and not hooks_active():
            return self._compiled(images)
        return self.decode(self.features(images))

    def forward_train(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Compute the logits of both heads, (B, K, H, W) each; without an auxiliary head those are None."""
        features, size = self.features(images), images.shape[-2:]
        logits = upsample(self.decode(features), size)
        if self.aux is None:
            return logits, None
        return logits, upsample(self.aux(features[self.config.head.aux_stage]), size)

    def for_inference(
        self,
        *,
        dtype: torch.dtype | None = None,
        compile: bool = False,  # noqa: A002  # as torch and its users call it
        channels_last: bool = False,
        in_place: bool = False,
    ) -> SwinUPerNet:
        """Copy the model, laid out to give the same logits sooner; capture and edit work on the copy too.

        Batch normalization is folded into the convolutions, each block keeps its bias and mask for the sizes
        it has seen, and on a CPU large convolutions need a fifth of the products. What
        differs is rounding, a few 1e-6 of the largest logit. The copy cannot be trained.

        Args:
            dtype: floating-point type of the copy's weights, such as torch.bfloat16.
            compile: let torch.compile make it faster, on a GPU with CUDA graphs: the first image of a size
                takes a minute or more, and after `torch._dynamo.config.recompile_limit` sizes, eight unless
                somebody changes it, new ones run uncompiled; so do captures and edits.
            channels_last: keep convolution weights with the channels innermost, which suits GPUs.
            in_place: change the model itself instead, which saves the copy's memory and a third of a second.

        Returns:
            The copy, in evaluation mode.
        """
        model = (self if in_place else copy.deepcopy(self)).eval().requires_grad_(False)
        accelerate_inference(model, winograd=self.device.type == "cpu" and not channels_last)
        model.to(dtype=dtype)
        if channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
        if compile:
            mode = "reduce-overhead" if self.device.type == "cuda" else None
            model._compiled = torch.compile(lambda images: model.decode(model.features(images)), mode=mode)
        return model

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the weights."""
        return next(self.parameters()).dtype

    def segment(
        self, image: ImageLike, options: inference.InferenceOptions | None = None
    ) -> inference.Segmentation:
        """Segment one image.

        Args:
            image: path, PIL image, or array (H, W, 3) of uint8.
            options: how the image is resized, cropped and flipped; by default the whole image at the scale of
                the model's configuration.

        Returns:
            Labels, confidence, classes and colors at the image's own size.

        Raises:
            ImageError: the image cannot be read; the message says why.
        """
        return inference.segment(self, image, self.config, options or inference.InferenceOptions())
