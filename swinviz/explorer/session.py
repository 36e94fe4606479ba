"""One model and one image, run when something is asked and not before.

The model runs once per set of edits; every block's input is kept (a few tens of megabytes), and a block's
patterns are computed only when that block is asked for, by running that block alone. So the viewer opens
quickly, and a large model's patterns never lie in memory together.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swinviz.attention import AttentionDecomposition, Target, block_geometries, decompose_attention
from swinviz.attribution import DecoderAttribution, Lens, LogitAttribution, decoder_lens, explanations
from swinviz.features import TokenMap
from swinviz.images import ImageLike, keep_ratio_size, normalize, read_image, resize
from swinviz.interventions import CachedRun, Patching
from swinviz.interventions.named import EditNames, named_edits
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, Captured, Hook, capture, edit
from swinviz.model.swin import Stage, SwinBlock
from swinviz.segmenter import SwinUPerNet

__all__ = ["Run", "Session"]

_KEPT = 3
"""Runs, decompositions and mean patterns remembered: the unedited ones and those of the edits tried last."""

_SECONDS = 2
"""Second pictures that stay open: two views of one session may each have one."""

Value = TypeVar("Value")


class BlockInput(NamedTuple):
    """Input of a block: a map (1, H, W, C) and the geometry that cuts it."""

    x: Tensor
    geometry: WindowGeometry


@dataclass(frozen=True)
class Run:
    """One forward pass: every block's input, the backbone's maps, and the segmentation.

    Attributes:
        inputs: (stage, block) -> what went into that block.
        features: what the backbone gives the decode head: maps (1, C, h, w), finest first.
        labels: (H, W) class of every input pixel.
        confidence: (H, W) its probability, 0..1.
    """

    inputs: Mapping[BlockId, BlockInput]
    features: list[Tensor]
    labels: NDArray[np.int64]
    confidence: NDArray[np.float32]


class Session:
    """One model and one image, as the viewer asks about them; safe to use from several threads.

    Args:
        model: the model to look into, in evaluation mode.
        image: path, PIL image, or array (H, W, 3) of uint8.
        scale: (long, short) limits in pixels of the model's input; by default the model's own. Everything
            that is drawn is in pixels of the model's input.
        title: what the viewer calls the model.
        picture: what the viewer calls the image; by default its file's name, if it comes from one.

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
        picture: str = "",
    ) -> None:
        self.model = model
        self.title = title
        self.picture = picture or (Path(image).name if isinstance(image, str | Path) else "")
        self._scale = scale
        pixels = read_image(image)
        size = keep_ratio_size(pixels.shape[:2], scale or model.config.scale)
        self.image = pixels if size == pixels.shape[:2] else resize(pixels, size)
        self._remembered: OrderedDict[tuple[str, object], object] = OrderedDict()
        self._seconds: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the model's input, in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def geometries(self) -> dict[BlockId, WindowGeometry]:
        """Geometry of every block, in the order they run; the model need not have run."""
        return block_geometries(self.model.backbone, self.size)

    def run(self, edits: EditNames = ()) -> Run:
        """Run the model on the image under edits, or return the run that is remembered."""
        return self._remember(("run", edits), lambda: self._run(edits))

    def pattern(self, key: BlockId, edits: EditNames = ()) -> Tensor:
        """Compute one block's attention probabilities: (1, nW, nH, N, N) float32 on the CPU."""
        return self._run_block(key, edits, "pattern")["pattern"]

    def tokens(self, key: BlockId, edits: EditNames = ()) -> TokenMap:
        """Compute the vectors of the tokens after a block (resid_post): (1, H, W, C) float32 on the CPU."""
        inputs = self.run(edits).inputs[key]
        with torch.inference_mode(), edit(self.model, named_edits(edits)):
            after = self.module(key)(inputs.x, inputs.geometry)
        return TokenMap(after.float().cpu(), inputs.geometry.stride, BlockId(*key).hook("resid_post"))

    def open_second(self, image: ImageLike, picture: str) -> str:
        """Open a second picture, to compare this one with.

        Args:
            image: path, file, PIL image, or array (H, W, 3) of uint8.
            picture: what the viewer calls it.

        Returns:
            The key that `second` knows it by.

        Raises:
            ImageError: the image cannot be read; the message says why.
        """
        other = Session(self.model, image, scale=self._scale, title=self.title, picture=picture)
        key = hashlib.sha256(other.image.tobytes()).hexdigest()[:16]
        with self._lock:
            self._seconds.setdefault(key, other)
            self._seconds.move_to_end(key)
            while len(self._seconds) > _SECONDS:
                self._seconds.popitem(last=False)
        return key

    def second(self, key: str) -> Session:
        """Find a second picture that was opened beside this one.

        Raises:
            ValueError: it is no longer open.
        """
        with self._lock:
            if key not in self._seconds:
                raise ValueError("the second picture is no longer open: choose it again.")
            return self._seconds[key]

    def decomposition(self, key: BlockId) -> AttentionDecomposition:
        """Decompose one block's pattern into content, position and mask."""

        def compute() -> AttentionDecomposition:
            seen = self._run_block(key, (), "q", "k", "bias")
            return decompose_attention(seen["q"], seen["k"], seen["bias"], self.run().inputs[key].geometry)

        return self._remember(("decomposition", key), compute)

    def decision(self, pixel: tuple[int, int], edits: EditNames = ()) -> LogitAttribution:
        """Split the logit of a pixel's class into the shares of the decoder's levels and pooling scales."""
        run = self.run(edits)
        with edit(self.model, named_edits(edits)):  # a level that is dropped has no share
            decoder = self._remember(
                ("decoder", edits), lambda: DecoderAttribution(self.model.head, run.features, self.size)
            )
            found = decoder.at(pixel, class_index=int(run.labels[pixel]))
        if f"drop-{len(run.features) - 1}" not in edits:
            return found
        nothing = tuple((scale, 0.0) for scale, _ in found.pooling)
        return replace(found, backbone=0.0, pooling=nothing, bottleneck_constant=0.0)

    def lens(self) -> Lens:
        """Ask the decode head after every block, all later blocks skipped."""
        # Of the pixel that it is asked about, the lens says more than the viewer shows.
        return self._remember(("lens", ()), lambda: decoder_lens(self.model, self.input(), (0, 0)))

    def patching(
        self, pixel: tuple[int, int], donor: str, image: Callable[[], NDArray[np.uint8]]
    ) -> Patching:
        """Prepare patching the logit of a pixel's class from a donor.

        Args:
            pixel: (y, x) of the model's input.
            donor: name that stands for the donor; the last one is kept.
            image: makes the donor, (H, W, 3), of the picture's size; called when it is not kept.
        """

        def compute() -> Patching:
            given = normalize(image())[None].to(self.model.device, self.model.dtype)
            return Patching(run, given, pixel)

        run = self._remember(("cached run", ()), lambda: CachedRun(self.model, self.input()))
        return self._remember(("patching", (pixel, donor)), compute, kept=1)

    def explanations(self, key: BlockId, place: Target, name: object) -> dict[str, Tensor]:
        """Explain the class at a place in every way there is: name -> (H, W); those asked for last are kept.

        Args:
            key: the block whose attention, values and vectors are taken.
            place: pixel (y, x), or mask (H, W).
            name: stands for the place.
        """
        layer = f"stages.{len(self.model.config.backbone.depths) - 1}.out"

        def compute() -> dict[str, Tensor]:
            return explanations(self.model, self.input(), place, block=key, layer=layer)

        return self._remember(("explanations", (key, name)), compute, kept=1)

    def input(self) -> Tensor:
        """The picture as the model takes it: (1, 3, H, W), normalized."""
        return normalize(self.image)[None].to(self.model.device, self.model.dtype)

    def mean_patterns(self, edits: EditNames = ()) -> Captured:
        """Compute all blocks' patterns, heads averaged, as `rollout` takes them: name -> (1, nW, 1, N, N)."""

        def compute() -> Captured:
            means = Captured()

            def average(pattern: Tensor, hook: Hook) -> None:
                mean = pattern.detach().float().mean(dim=2, keepdim=True).cpu()
                means.put(hook.name, mean.double(), hook.geometry)  # on the CPU: not all devices have float64

            # An edit, not a capture: each block's full pattern is freed before the next block runs.
            reading = [*named_edits(edits), {"stages.*.attn.pattern": average}]
            with torch.inference_mode(), edit(self.model, reading):
                self.model.features(self.input())
            return means

        return self._remember(("means", edits), compute)

    def module(self, key: BlockId) -> SwinBlock:
        """Return a block of the model."""
        stage, block = key
        return cast(SwinBlock, cast(Stage, self.model.backbone.stages[stage]).blocks[block])

    def _run(self, edits: EditNames) -> Run:
        with (
            torch.inference_mode(),
            edit(self.model, named_edits(edits)),
            capture(self.model, ["stages.*.blocks.*.resid_pre", "stages.*.out"]) as seen,
        ):
            probabilities = self.model(self.input())[0].float().softmax(dim=0)  # K H W
        confidence, labels = probabilities.max(dim=0)
        inputs = {block: BlockInput(*found) for block, found in seen.blocks("resid_pre").items()}
        features = [seen[f"stages.{stage}.out"] for stage in range(len(self.model.config.backbone.depths))]
        return Run(inputs, features, labels.cpu().numpy(), confidence.cpu().numpy())

    def _run_block(self, key: BlockId, edits: EditNames, *points: str) -> dict[str, Tensor]:
        inputs = self.run(edits).inputs[key]
        names = {BlockId(*key).hook(f"attn.{point}"): point for point in points}
        with (
            torch.inference_mode(),
            edit(self.model, named_edits(edits)),
            capture(self.model, names, device="cpu", dtype=torch.float32) as seen,
        ):
            self.module(key)(inputs.x, inputs.geometry)
        return {point: seen[name] for name, point in names.items()}

    def _remember(self, key: tuple[str, object], compute: Callable[[], Value], *, kept: int = _KEPT) -> Value:
        with self._lock:  # one at a time: two threads that ask for one run shall not both compute it
            if key not in self._remembered:
                self._remembered[key] = compute()
                family = [each for each in self._remembered if each[0] == key[0]]
                for old in family[:-kept]:
                    del self._remembered[old]
            self._remembered.move_to_end(key)
            return cast(Value, self._remembered[key])
