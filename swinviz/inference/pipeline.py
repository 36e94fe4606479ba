"""The published test pipeline for any function that gives logits.

Source: mmsegmentation's test pipeline for ADE20K (configs/_base_/datasets/ade20k.py) and its inference
(mmseg/models/segmentors/encoder_decoder.py), with which the published figures were measured.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swinviz.errors import SwinvizError
from swinviz.images import ImageLike, keep_ratio_size, normalize, read_image, resize
from swinviz.inference.argmax import Prediction, argmax_upsampled
from swinviz.inference.crops import crops
from swinviz.inference.options import InferenceOptions
from swinviz.inference.segmentation import Segmentation
from swinviz.model.config import ModelConfig
from swinviz.model.upsampling import upsample

__all__ = ["LogitsFn", "segment", "segment_batch"]

LogitsFn = Callable[[Tensor], Tensor]
"""Normalized image (1, 3, H, W) -> logits (1, K, h, w), at the image's resolution or any lower one."""


@runtime_checkable
class _LowRes(Protocol):
    """A model whose logits can be had before they are upsampled to the image's size."""

    def low_res_logits(self, images: Tensor) -> Tensor: ...


_SMALLEST_TILE = 128  # pixels; below it a crop holds too little of anything to be recognized

_logger = logging.getLogger(__name__)


def segment(
    logits_fn: LogitsFn, image: ImageLike, config: ModelConfig, options: InferenceOptions | None = None
) -> Segmentation:
    """Give every pixel of an image the class with the highest logit.

    The image is resized keeping its ratio and normalized, the model is run, and its logits are upsampled to
    the resized and then to the original size before a class is chosen. No autograd graph is built; tensors
    captured meanwhile are ordinary ones (`no_grad`, not `inference_mode`), to be used in later computations.
    To get gradients, call the model itself.

    Args:
        logits_fn: a model or any other function (1, 3, H, W) -> (1, K, h, w). A module gets its input on its
            own device, in its own floating-point type.
        image: whatever `swinviz.images.read_image` takes.
        config: the classes, their colors, and the scale that images are resized to.
        options: inference options; by default as for the published single-scale figures.

    Returns:
        Labels and confidence at the image's own size.

    Raises:
        ImageError: the image cannot be read.
        SwinvizError: the logits have another shape or are not finite, or CUDA has no memory even for tiles.

    >>> def brightness(x):
    ...     return torch.cat([-x.mean(1, keepdim=True), x.mean(1, keepdim=True)], dim=1)
    >>> photo = np.repeat(np.array([[0], [255]], np.uint8), 3, axis=1)
    >>> segment(brightness, photo, ModelConfig(("dark", "light"), scale=(8, 8))).labels
    array([[0, 0, 0],
           [1, 1, 1]], dtype=uint8)
    """
    options = options or InferenceOptions()
    rgb = read_image(image)
    started = time.perf_counter()
    labels, scores, notes = _label(logits_fn, rgb, config, options)
    return _result(rgb, labels, scores, config, time.perf_counter() - started, notes)


def segment_batch(
    logits_fn: LogitsFn,
    images: Sequence[NDArray[np.uint8]],
    config: ModelConfig,
    options: InferenceOptions | None = None,
) -> list[Segmentation]:
    """Segment images of one size together, as `segment` does one by one.

    Only whole images that are looked at once run through the model at once; for the other options, and where
    CUDA has no memory for all, this is `segment` on each.

    Args:
        logits_fn: as for `segment`, for several images: (B, 3, H, W) -> (B, K, h, w).
        images: RGB (H, W, 3) each, all of the same size.
        config: as for `segment`.
        options: as for `segment`.

    Returns:
        One result an image, each with its part of the time.

    Raises:
        ValueError: the images differ in size.
        SwinvizError: as for `segment`.
    """
    options = options or InferenceOptions()
    sizes = {(image.shape[0], image.shape[1]) for image in images}
    if len(sizes) > 1:
        raise ValueError(f"the images have sizes {sorted(sizes)}: batch those of one size.")
    if len(images) < 2 or options.mode != "whole" or options.views > 1:
        return [segment(logits_fn, image, config, options) for image in images]
    (size,) = sizes
    predictor = _Predictor(_Runner(logits_fn, config.num_classes, options.precision), config, options)
    started = time.perf_counter()
    try:
        with torch.no_grad():
            decided = predictor.predict_batch(images, keep_ratio_size(size, predictor.scales[0]))
    except torch.cuda.OutOfMemoryError:
        decided = []
    if not decided:  # out here the error no longer holds on to what the model had computed
        torch.cuda.empty_cache()
        return [segment(logits_fn, image, config, options) for image in images]
    seconds = (time.perf_counter() - started) / len(images)
    return [_result(image, *found, config, seconds) for image, found in zip(images, decided, strict=True)]


def _result(
    rgb: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    scores: NDArray[np.float32],
    config: ModelConfig,
    seconds: float,
    notes: tuple[str, ...] = (),
) -> Segmentation:
    if not np.isfinite(scores).all():
        raise SwinvizError(
            "the model's logits are not finite numbers: its weights are damaged, or its values overflow "
            "float16, where bfloat16 or float32 help."
        )
    return Segmentation(
        labels, scores, config.classes, config.palette, seconds, rgb, notes, config.unsure_below
    )


def _label(
    logits_fn: LogitsFn, rgb: NDArray[np.uint8], config: ModelConfig, options: InferenceOptions
) -> tuple[NDArray[np.uint8], NDArray[np.float32], tuple[str, ...]]:
    """Labels, scores, and what was done because CUDA ran out of memory."""
    notes: list[str] = []
    while True:
        predictor = _Predictor(_Runner(logits_fn, config.num_classes, options.precision), config, options)
        try:
            with torch.no_grad():
                predict = predictor.predict_tiles if options.mode == "tile" else predictor.predict
                return *predict(rgb), tuple(notes)
        except torch.cuda.OutOfMemoryError as error:
            smaller = _needing_less_memory(options)
            if smaller is None:
                tiles = f" even in tiles of {options.crop}" if options.mode == "tile" else ""
                raise SwinvizError(
                    f"CUDA has too little memory to segment {rgb.shape[0]} x {rgb.shape[1]} pixels{tiles}: "
                    "use a smaller scale, bfloat16, or the CPU."
                ) from error
        # Only here, where the error no longer holds on to what the model had computed, is its memory free.
        torch.cuda.empty_cache()
        notes.append(
            f"CUDA ran out of memory in mode {options.mode!r}, so the image was cut into tiles of "
            f"{smaller.crop[0]} x {smaller.crop[1]} pixels that see nothing beyond their edges."
        )
        _logger.warning(notes[-1])
        options = smaller


@dataclass(frozen=True)
class _Runner:
    """Runs a function on an image where, and in the type, that it wants."""

    logits_fn: LogitsFn
    classes: int
    precision: torch.dtype | None

    def __call__(self, images: Tensor) -> Tensor:
        """Compute (B, K, h, w), float32, of (B, 3, H, W)."""
        images = self.place(images)
        with self.autocast(images.device):
            logits = _low_res_logits(self.logits_fn, images)
        if logits.ndim != 4 or logits.shape[:2] != (len(images), self.classes):
            number = "one image" if len(images) == 1 else f"{len(images)} images"
            raise SwinvizError(
                f"the model gave logits of shape {tuple(logits.shape)} for {number} and {self.classes} "
                f"classes: it must give ({len(images)}, {self.classes}, height, width)."
            )
        # A copy, because the next run of a CUDA graph writes over this one's result.
        return logits.to(torch.float32, memory_format=torch.channels_last, copy=True)

    def place(self, images: Tensor) -> Tensor:
        """Move images to the device and type of the function's weights, where it has any."""
        weights = next(self.logits_fn.parameters(), None) if isinstance(self.logits_fn, nn.Module) else None
        return images if weights is None else images.to(weights.device, weights.dtype)

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Run in the precision that the options ask for."""
        return torch.autocast(device.type, self.precision) if self.precision else nullcontext()


def _low_res_logits(logits_fn: LogitsFn, images: Tensor) -> Tensor:
    """Logits before they are upsampled, of a model that offers them; else whatever the function gives."""
    model: object = logits_fn
    # torch.compile(model) compiles forward() alone; any other method of it runs uncompiled.
    compiled = hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None
    if isinstance(model, _LowRes) and not compiled:
        return model.low_res_logits(images)
    return logits_fn(images)


@dataclass(frozen=True)
class _Predictor:
    """Prediction of one image under the given options."""

    run: _Runner
    config: ModelConfig
    options: InferenceOptions

    def predict(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Labels and scores of a whole image (H, W, 3)."""
        height, width = rgb.shape[:2]
        return self.predict_sizes(rgb, [keep_ratio_size((height, width), scale) for scale in self.scales])

    def predict_batch(
        self, images: Sequence[NDArray[np.uint8]], size: tuple[int, int]
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """Labels and scores of images (H, W, 3), each resized to `size`, in one run of the model."""
        logits = self.run(torch.stack([normalize(resize(rgb, size)) for rgb in images]))  # B K h w
        decided = []
        for one, rgb in zip(logits, images, strict=True):
            labels, scores = argmax_upsampled([Prediction(one[None], size)], (rgb.shape[0], rgb.shape[1]))
            decided.append((labels.cpu().numpy(), scores.cpu().numpy()))
        return decided

    def predict_tiles(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Labels and scores of an image (H, W, 3), each piece by itself."""
        height, width = rgb.shape[:2]
        reference = keep_ratio_size((height, width), self.options.scale or self.config.scale)
        zoom = max(reference) / max(height, width)
        labels: NDArray[np.uint8] = np.empty(
            (height, width), np.uint8 if self.run.classes <= 256 else np.int32
        )
        scores = np.empty((height, width), np.float32)
        crop, stride = (
            (max(1, round(rows / zoom)), max(1, round(columns / zoom)))
            for rows, columns in (self.options.crop, self.options.stride)
        )
        for piece in crops((height, width), crop, stride):
            seen = rgb[piece.seen]
            sizes = [
                (max(1, round(seen.shape[0] * zoom * factor)), max(1, round(seen.shape[1] * zoom * factor)))
                for factor in self.options.scales
            ]
            piece_labels, piece_scores = self.predict_sizes(seen, sizes)
            labels[piece.kept] = piece_labels[piece.kept_within]
            scores[piece.kept] = piece_scores[piece.kept_within]
        return labels, scores

    @property
    def scales(self) -> list[tuple[int, int]]:
        """The (long, short) edges to resize to, one pair a factor."""
        long, short = self.options.scale or self.config.scale
        return [(int(long * factor), int(short * factor)) for factor in self.options.scales]

    def predict_sizes(
        self, rgb: NDArray[np.uint8], sizes: list[tuple[int, int]]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Labels and scores of an image (H, W, 3), averaged over several sizes."""
        predictions = []
        for size in sizes:
            images = normalize(resize(rgb, size))[None]  # 1 3 h w
            predictions.append(Prediction(self.logits(images), size))
            if self.options.flip:
                predictions.append(Prediction(self.logits(images.flip(-1)).flip(-1), size))
        labels, scores = argmax_upsampled(predictions, (rgb.shape[0], rgb.shape[1]))
        return labels.cpu().numpy(), scores.cpu().numpy()

    def logits(self, images: Tensor) -> Tensor:
        """Logits of (1, 3, h, w), at any resolution."""
        return self.slide(images) if self.options.mode == "slide" else self.run(images)

    def slide(self, images: Tensor) -> Tensor:
        """Logits of (1, 3, h, w) at its own resolution, averaged where crops overlap."""
        size = (images.shape[-2], images.shape[-1])
        total: Tensor | None = None
        count = torch.zeros(size)
        for crop in crops(size, self.options.crop, self.options.stride):
            seen = images[..., crop.seen[0], crop.seen[1]]
            logits = upsample(self.run(seen), (seen.shape[-2], seen.shape[-1]))
            total = logits.new_zeros(1, self.run.classes, *size) if total is None else total
            total[..., crop.seen[0], crop.seen[1]] += logits
            count[crop.seen] += 1
        assert total is not None  # crops() gives at least one
        return total.div_(count.to(total.device))


def _needing_less_memory(options: InferenceOptions) -> InferenceOptions | None:
    """The next thing to try when memory ran out: tiles, then tiles of half the size; None when it is over."""
    if not options.fallback:
        return None
    if options.mode != "tile":
        return replace(options, mode="tile")
    height, width = options.crop[0] // 2, options.crop[1] // 2
    if min(height, width) < _SMALLEST_TILE:
        return None
    return replace(options, crop=(height, width), stride=(max(1, 2 * height // 3), max(1, 2 * width // 3)))
