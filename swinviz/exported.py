"""Exported models without PyTorch: ONNX Runtime, numpy, and nothing else.

model = ExportedModel("model.onnx")
result = model.segment(image)                      # an array (H, W, 3) of uint8
patterns = model.run(model.prepare(image), ["stages.3.blocks.1.attn.pattern"])
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swinviz.errors import ImageError, SwinvizError
from swinviz.images.resizing import keep_ratio_size, resize
from swinviz.inference.segmentation import Segmentation
from swinviz.lazy import require_package

__all__ = ["ExportedModel"]

_BLOCK = 800_000
"""Elements of logits that exist at full size at a time."""

Array = NDArray[Any]


class ExportedModel:
    """An ONNX graph written by `swinviz.export`, with what it says of itself.

    Args:
        path: the `.onnx` file.
        providers: where ONNX Runtime computes, such as ["CUDAExecutionProvider"]; by default on the CPU.
        threads: of the CPU; 0 leaves the number to ONNX Runtime.

    Attributes:
        metadata: all that the file says, as `swinviz.exporting` lists it.
        outputs: names of what the graph gives.
        size: (height, width) in pixels that the graph is for; None if it takes every size.

    Raises:
        MissingPackageError: onnxruntime is not installed.
        SwinvizError: the file is no exported model.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, providers: Sequence[str] | None = None, threads: int = 0
    ) -> None:
        onnxruntime = require_package("onnxruntime", "swinviz[export]", needed="onnxruntime")
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no file {path}: name an exported .onnx file.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # its warning that controls are inputs concerns speed, and is meant
        try:
            self.session = onnxruntime.InferenceSession(
                os.fspath(path), options, providers=list(providers or ["CPUExecutionProvider"])
            )
        except Exception as error:  # a class of its own for each way to be damaged
            raise SwinvizError(f"{path} cannot be read as an ONNX graph: export it again.") from error
        described: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map
        if "swinviz" not in described:
            raise SwinvizError(f"{path} was not written by swinviz: export the model with swinviz.export.")
        self.metadata: dict[str, Any] = {key: json.loads(value) for key, value in described.items()}
        self.outputs = tuple(output.name for output in self.session.get_outputs())
        height, width = self.session.get_inputs()[0].shape[2:]
        self.size = (height, width) if isinstance(height, int) and isinstance(width, int) else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the logits."""
        return tuple(self.metadata["classes"])

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB color (0..255) a class."""
        return tuple((red, green, blue) for red, green, blue in self.metadata["palette"])

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Resize and normalize an image as the model wants it.

        Args:
            image: (H, W, 3), RGB levels 0 to 255.

        Returns:
            (1, 3, h, w): the image at the model's scale, its ratio kept; or at the graph's one size.

        Raises:
            ImageError: the array is no such image.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ImageError(
                f"the image has shape {image.shape} and type {image.dtype}: give RGB bytes as (H, W, 3)."
            )
        size = self.size or keep_ratio_size(image.shape[:2], tuple(self.metadata["scale"]))
        mean, std = (np.asarray(self.metadata[key], np.float32) for key in ("mean", "std"))
        normalized = (resize(image, size).astype(np.float32) - mean) / std  # h w 3
        return np.ascontiguousarray(normalized.transpose(2, 0, 1)[None])

    def run(
        self, images: NDArray[np.float32], outputs: Sequence[str] | None = None, **controls: Array
    ) -> dict[str, Array]:
        """Run the graph.

        Args:
            images: (B, 3, H, W), normalized.
            outputs: names of what is wanted; by default all that the graph gives.
            controls: by name, for a graph that was exported with them: `shift`, `mask`, `padding`, `bias`
                (blocks,), `heads` (heads of all blocks,), `levels` (levels of the head,).

        Returns:
            Name -> array, such as logits (B, K, H, W) and patterns (B, nW, nH, N, N).

        Raises:
            ValueError: the graph has no such output or control.
        """
        names = list(outputs or self.outputs)
        known = {
            given.name for given in (*self.session.get_inputs(), *self.session.get_overridable_initializers())
        }
        for kind, asked, there in (("output", names, self.outputs), ("control", controls, known - {"image"})):
            for name in asked:
                if name not in there:
                    raise ValueError(f"the graph has no {kind} {name!r}: export it again with it.")
        values = self.session.run(names, {"image": images, **controls})
        return dict(zip(names, values, strict=True))

    def segment(self, image: NDArray[np.uint8]) -> Segmentation:
        """Segment one image, as `SwinUPerNet.segment` does.

        Args:
            image: (H, W, 3), RGB levels 0 to 255.

        Returns:
            Labels, confidence, classes and colors at the image's own size.

        Raises:
            ImageError: the array is no image.
            ValueError: the graph was exported without logits.
        """
        images = self.prepare(image)
        started = time.perf_counter()
        logits = self.run(images, ["logits"])["logits"][0]  # K h w
        labels, scores = _argmax_upsampled(logits, (image.shape[0], image.shape[1]))
        seconds = time.perf_counter() - started
        unsure = float(self.metadata["unsure_below"])
        return Segmentation(labels, scores, self.classes, self.palette, seconds, image, (), unsure)


def _argmax_upsampled(logits: Array, size: tuple[int, int]) -> tuple[Array, NDArray[np.float32]]:
    """Labels and probabilities (H, W) of logits (K, h, w) upsampled to `size`, some rows at a time."""
    height, width = size
    labels = np.empty(size, np.uint8 if len(logits) <= 256 else np.int32)
    scores = np.empty(size, np.float32)
    step = max(1, _BLOCK // (len(logits) * width))
    top, bottom, down = _taps(logits.shape[1], height)
    left, right, across = _taps(logits.shape[2], width)
    for start in range(0, height, step):
        rows = slice(start, start + step)
        weight = down[rows, None]
        part = logits[:, top[rows]] * (1 - weight) + logits[:, bottom[rows]] * weight  # K R w
        part = part[:, :, left] * (1 - across) + part[:, :, right] * across  # K R W
        highest = part.max(axis=0)
        labels[rows] = part.argmax(axis=0)
        scores[rows] = 1.0 / np.exp(part - highest).sum(axis=0)
    return labels, scores


def _taps(length: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The two old positions of each new one along an axis, centers on centers, and the second's weight."""
    place = np.maximum((np.arange(size, dtype=np.float32) + 0.5) * np.float32(length / size) - 0.5, 0)
    first = np.minimum(place.astype(np.intp), length - 1)
    return first, np.minimum(first + 1, length - 1), (place - first).astype(np.float32)
