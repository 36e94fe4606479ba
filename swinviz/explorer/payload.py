"""What the viewer asks for and Python answers: the picture, one block's patterns, and what edits change.

A `Session` belongs to one model and one image. It runs the model once, keeps the input of every block (a few
tens of megabytes), and computes a block's patterns only when that block is asked for, by running that block
alone. So the viewer opens quickly and a large model's patterns never lie in memory together.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swinviz.explorer.packet import Fixed, fixed_point, pack, quantise_rows
from swinviz.geometry import WindowGeometry
from swinviz.hooks import capture
from swinviz.images import ImageLike, keep_ratio_size, normalise, read_image, resize
from swinviz.segmenter import SwinUPerNet
from swinviz.swin import Stage, SwinBlock

__all__ = ["Session"]

Arguments = Mapping[str, Any]
BlockKey = tuple[int, int]
_KEPT_RUNS = 3


class BlockInput(NamedTuple):
    """What goes into a block: a map (1, H, W, C) and the geometry that cuts it."""

    x: Tensor
    geometry: WindowGeometry


@dataclass(frozen=True)
class Run:
    """One forward pass: every block's input, and the segmentation.

    Attributes:
        inputs: (stage, block) -> what went into that block.
        labels: (H, W) class of every input pixel.
        confidence: (H, W) its probability, 0..1.
    """

    inputs: Mapping[BlockKey, BlockInput]
    labels: NDArray[Any]
    confidence: NDArray[np.float32]


class Session:
    """Answers the viewer's requests about one model and one image.

    Args:
        model: the model to look into; it is run in evaluation mode, on the device it is on.
        image: path, PIL image, or array (H, W, 3) of uint8.
        scale: (long, short) limits in pixels of the model's input; by default the model's own. Everything
            that is drawn is in pixels of the model's input.
        title: what the viewer calls the model.

    Raises:
        ImageError: the image cannot be read; the message says why.
    """

    def __init__(
        self,
        model: SwinUPerNet,
        image: ImageLike,
        *,
        scale: tuple[int, int] | None = None,
        title: str = "Swin-UPerNet",
    ) -> None:
        self.model = model
        self.title = title
        pixels = read_image(image)
        self.image_size = (pixels.shape[0], pixels.shape[1])
        size = keep_ratio_size(self.image_size, scale or model.config.scale)
        self.image = pixels if size == self.image_size else resize(pixels, size)
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._lock = threading.Lock()

    # --- the model ---------------------------------------------------------------------------------------

    def run(self) -> Run:
        """Run the model on the image, or return the run that is remembered."""
        with self._lock:
            key = ""
            if key not in self._runs:
                self._runs[key] = self._forward()
                if len(self._runs) > _KEPT_RUNS:
                    self._runs.popitem(last=False)
            self._runs.move_to_end(key)
            return self._runs[key]

    def _forward(self) -> Run:
        model = self.model
        images = normalise(self.image)[None].to(model.device, model.dtype)  # 1 3 H W
        with torch.inference_mode(), capture(model, "stages.*.blocks.*.resid_pre") as seen:
            probabilities = model(images)[0].float().softmax(dim=0)  # K H W
        confidence, labels = probabilities.max(dim=0)
        kind = np.uint8 if model.config.num_classes <= 256 else np.uint16
        inputs = {_block_key(name): BlockInput(value, value.geometry) for name, value in seen.items()}
        return Run(inputs, labels.cpu().numpy().astype(kind), confidence.cpu().numpy())

    @property
    def blocks(self) -> list[BlockKey]:
        """(stage, block) of every block, in the order they run."""
        return [(stage, block) for stage, depth in enumerate(self._depths) for block in range(depth)]

    @property
    def _depths(self) -> tuple[int, ...]:
        return self.model.config.backbone.depths

    def pattern(self, stage: int, block: int) -> Tensor:
        """Compute one block's attention probabilities: (1, nW, nH, N, N) float32 on the CPU."""
        inputs = self.run().inputs[stage, block]
        name = f"stages.{stage}.blocks.{block}.attn.pattern"
        with torch.inference_mode(), capture(self.model, name, device="cpu", dtype=torch.float32) as seen:
            self._module(stage, block)(inputs.x, inputs.geometry)
        pattern: Tensor = seen[name]
        return pattern

    def _module(self, stage: int, block: int) -> SwinBlock:
        return cast(SwinBlock, cast(Stage, self.model.backbone.stages[stage]).blocks[block])

    # --- requests ----------------------------------------------------------------------------------------

    def request(self, name: str, arguments: Arguments | None = None) -> bytes:
        """Answer one request of the viewer.

        Args:
            name: "open" or "block".
            arguments: of the request; they come from a browser and are checked.

        Returns:
            A message (see `packet`).

        Raises:
            ValueError: no such request, or an argument that is missing or out of range.
        """
        answers = {"open": self._open, "block": self._block}
        if name not in answers:
            raise ValueError(f"the viewer asked for {name!r}: known requests are {', '.join(answers)}.")
        return answers[name](arguments or {})

    def opening(self, *, live: bool, missing: Sequence[BlockKey] = ()) -> bytes:
        """Answer "open": the picture, its segmentation, and what there is to ask for.

        Args:
            live: whether Python stays behind the viewer.
            missing: blocks whose patterns an offline file does not hold.
        """
        run, config = self.run(), self.model.config
        header = {
            "kind": "open",
            "title": self.title,
            "size": self.image.shape[:2],
            "imageSize": self.image_size,
            "classes": config.classes,
            "palette": config.palette,
            "live": live,
            "missing": missing,
            "blocks": [
                {
                    "stage": stage,
                    "block": block,
                    "heads": config.backbone.num_heads[stage],
                    "geometry": asdict(run.inputs[stage, block].geometry),
                }
                for stage, block in self.blocks
            ],
        }
        confidence = Fixed(np.rint(255 * run.confidence).astype(np.uint8), 1 / 255)
        return pack(header, {"image": self.image, "labels": run.labels, "confidence": confidence})

    def _open(self, _arguments: Arguments) -> bytes:
        return self.opening(live=True)

    def _block(self, arguments: Arguments) -> bytes:
        stage, block = self._block_of(arguments)
        pattern = self.pattern(stage, block)
        geometry = self.run().inputs[stage, block].geometry
        probabilities = pattern[0].numpy()  # nW nH N N
        rows = quantise_rows(probabilities)
        side = 2 * geometry.window_size - 1
        table = self._module(stage, block).attn.relative_position_bias_table.detach().float().cpu().numpy().T
        header = {"kind": "block", "stage": stage, "block": block, "geometry": asdict(geometry)}
        arrays: dict[str, NDArray[Any] | Fixed] = {
            "levels": rows.levels,
            "peaks": rows.peaks,
            "bias": table.reshape(-1, side, side).copy(),
        }
        statistics = _row_statistics(pattern[0], geometry)
        arrays |= {name: fixed_point(value) for name, value in statistics.items()}
        return pack(header, arrays)

    def _block_of(self, arguments: Arguments) -> BlockKey:
        stage, block = _whole(arguments, "stage"), _whole(arguments, "block")
        if (stage, block) not in self.blocks:
            raise ValueError(f"there is no block {block} in a stage {stage}: the depths are {self._depths}.")
        return stage, block


def _block_key(name: str) -> BlockKey:
    parts = name.split(".")
    return int(parts[1]), int(parts[3])


def _whole(arguments: Arguments, name: str) -> int:
    value = arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"argument {name!r} is {value!r}: give a whole number.")
    return value


def _row_statistics(pattern: Tensor, geometry: WindowGeometry) -> dict[str, NDArray[np.float32]]:
    side = geometry.window_size
    place = torch.arange(side * side)
    offsets = torch.stack([place // side, place % side], dim=-1).float()
    distance = torch.cdist(offsets, offsets) * geometry.stride  # N N
    entropy = -(pattern * pattern.clamp_min(1e-12).log2()).sum(-1)
    return {
        "entropy": entropy.numpy(),
        "distance": (pattern * distance).sum(-1).numpy(),
    }
