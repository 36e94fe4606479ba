"""Many edited runs of one image, each resumed from the state before its first edited block."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from swinviz.attention import Target
from swinviz.attribution import bounding_box, decode_box, pixel_weights, weights_on_map
from swinviz.interventions.edits import Edits, ablate_heads
from swinviz.model.geometry import Box
from swinviz.model.hooks import BlockId, capture, edit, hook_points
from swinviz.segmenter import SwinUPerNet

__all__ = ["CachedRun", "first_edited_block", "flipped_share", "head_sweep"]


class CachedRun:
    """One unedited run of the model, kept so that edited runs need not start at the image.

    It keeps the input of every block and the backbone's maps: at swin-t and 512x512 about 50 MB.

    Attributes:
        model: the model, in eval mode.
        size: (height, width) of the images, in pixels.
        features: the backbone's maps.
        logits: (B, K, H/4, W/4), what the decode head makes of them.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> run = CachedRun(model, torch.zeros(1, 3, 32, 32))
    >>> run(ablate_heads(1, 1, heads=0)).shape  # only the last block and the head are computed
    torch.Size([1, 2, 8, 8])
    """

    @torch.no_grad()
    def __init__(self, model: SwinUPerNet, images: Tensor) -> None:
        self.model = model
        self._images = images
        self.size = (images.shape[-2], images.shape[-1])
        with capture(model, "stages.*.resid_pre") as seen:
            self.features = model.features(images)
        self._inputs = dict(seen)
        self.logits = model.decode(self.features)

    @torch.no_grad()
    def __call__(self, edits: Edits | Iterable[Edits]) -> Tensor:
        """Run again under edits, from the first block that they touch.

        Args:
            edits: as for `swinviz.edit`.

        Returns:
            Logits (B, K, H/4, W/4), equal to those of a whole run under the edits.

        Raises:
            ValueError: no hook point has such a name.
        """
        mappings = _listed(edits)
        start = first_edited_block(self.model, mappings)
        with edit(self.model, mappings):
            return self.model.decode(self._features_from(start))

    @torch.no_grad()
    def at(self, place: Target, edits: Edits | Iterable[Edits] = ()) -> Tensor:
        """Run again under edits, but decode only a place: at swin-t a fraction of a whole decoding.

        Args:
            place: pixel (y, x) of the input, or mask (H, W) over it.
            edits: as for `swinviz.edit`.

        Returns:
            (B, K) logits, averaged over the place.

        Raises:
            ValueError: the place is outside the image, or no hook point has such a name.
        """
        mappings = _listed(edits)
        start = first_edited_block(self.model, mappings)
        on_map, box = self._weights(place)
        with edit(self.model, mappings):
            features = self._features_from(start)
            if any(name.startswith("head.") for name in _touched(self.model, mappings)):
                whole = self.model.decode(features)  # the editor of a head's map expects the whole map
                logits = whole[:, :, box.top : box.bottom, box.left : box.right]
            else:
                logits = decode_box(self.model.head, features, box)
        return torch.einsum("bkhw,hw->bk", logits, on_map.to(logits))

    @torch.no_grad()
    def copies_at(self, place: Target, block: BlockId, edits: Edits, count: int, *, batch: int = 0) -> Tensor:
        """Run several copies of one image from a block on, which an edit may treat each in its own way.

        Args:
            place: pixel (y, x) of the input, or mask (H, W) over it.
            block: the block to start from.
            edits: of the block and later ones; they see the copies on the batch axis.
            count: number of copies.
            batch: which image is copied.

        Returns:
            (count, K) logits, averaged over the place.

        Raises:
            ValueError: the place is outside the image, or an edit is not at or behind the block.
        """
        touched = _touched(self.model, [edits])
        if any(name.startswith("head.") for name in touched) or any(
            name == "patch_embed" or _block(name, self.model) < block for name in touched
        ):
            raise ValueError(f"copies start at block {tuple(block)}: edit only it and later blocks.")
        on_map, box = self._weights(place)
        x = self._inputs[block.hook("resid_pre")][batch : batch + 1].expand(count, -1, -1, -1)
        earlier = [map_[batch : batch + 1].expand(count, -1, -1, -1) for map_ in self.features[: block.stage]]
        with edit(self.model, edits):
            features = [*earlier, *self.model.backbone.resume(x, *block)]
            logits = decode_box(self.model.head, features, box)
        return torch.einsum("bkhw,hw->bk", logits, on_map.to(logits))

    def _weights(self, place: Target) -> tuple[Tensor, Box]:
        """Weights of the finest map's places, cut to the box of those that count, and that box."""
        on_map = weights_on_map(pixel_weights(place, self._images.shape[-2:]), self.features[0].shape[-2:])
        box = bounding_box(on_map)
        return on_map[box.top : box.bottom, box.left : box.right], box

    def _features_from(self, start: BlockId | Literal["image", "head"]) -> list[Tensor]:
        if start == "head":
            return self.features
        if start == "image":
            return self.model.features(self._images)
        stage, block = start
        x = self._inputs[f"stages.{stage}.blocks.{block}.resid_pre"]
        return [*self.features[:stage], *self.model.backbone.resume(x, stage, block)]


def first_edited_block(model: SwinUPerNet, edits: Iterable[Edits]) -> BlockId | Literal["image", "head"]:
    """Find where a run under edits must start: at a block, at the image, or only at the decode head.

    Args:
        model: the model.
        edits: mappings from hook names or globs.

    Returns:
        (stage, block) of the first block touched; "image" if something before the blocks is; "head" if no
        block is.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2)))
    >>> first_edited_block(model, [ablate_heads(1, 1, heads=0)])
    BlockId(stage=1, block=1)
    """
    names = _touched(model, edits)
    if "patch_embed" in names:
        return "image"
    touched = [_block(name, model) for name in names if name.startswith("stages.")]
    return min(touched) if touched else "head"


def flipped_share(before: Tensor, after: Tensor) -> float:
    """Measure the share of pixels (0..1) whose class changed between logits (B, K, h, w).

    >>> before = torch.tensor([[2.0, 2.0], [1.0, 1.0]])[None, :, None]  # 1 K=2 1 2
    >>> flipped_share(before, torch.tensor([[2.0, 0.0], [1.0, 1.0]])[None, :, None])
    0.5
    """
    return float((before.argmax(dim=1) != after.argmax(dim=1)).double().mean())


def head_sweep(
    run: CachedRun,
    stages: Iterable[int] | None = None,
    *,
    place: Target | None = None,
    class_index: int | None = None,
    fill: Literal["zero", "mean"] = "zero",
    batch: int = 0,
) -> dict[BlockId, Tensor]:
    """Silence every head in turn and measure what changes, in the whole image or at one place.

    Args:
        run: the unedited run.
        stages: which stages; all by default. Late stages are cheap, because each run starts at its block.
        place: pixel (y, x) of the input, or mask (H, W) over it, to measure there only, which is much
            cheaper still, because only the place is decoded.
        class_index: the class whose logit is measured at the place; by default the unedited run's.
        fill: what is put in a head's place, as for `ablate_heads`.
        batch: which image of the batch, for a place; without one, all count.

    Returns:
        (stage, block) -> (nH,) float64: the share of pixels that change class, 0..1; at a place, the change
        of the logit (negative: the head spoke for the class).

    Raises:
        ValueError: the place is outside the image.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> swept = head_sweep(CachedRun(model, torch.zeros(1, 3, 32, 32)), stages=[1])
    >>> {tuple(block): len(effects) for block, effects in swept.items()}
    {(1, 0): 2, (1, 1): 2}
    """
    config = run.model.config.backbone
    effect = partial(_flipped, run) if place is None else _LogitChange(run, place, class_index, batch)
    return {
        BlockId(stage, block): torch.tensor(
            [effect(ablate_heads(stage, block, head, fill)) for head in range(config.num_heads[stage])],
            dtype=torch.float64,
        )
        for stage in (range(len(config.depths)) if stages is None else stages)
        for block in range(config.depths[stage])
    }


def _flipped(run: CachedRun, edits: Edits) -> float:
    return flipped_share(run.logits, run(edits))


class _LogitChange:
    """Change of a class's logit at a place under edits."""

    def __init__(self, run: CachedRun, place: Target, class_index: int | None, batch: int) -> None:
        self.run, self.place, self.batch = run, place, batch
        before = run.at(place)[batch]
        self.class_index = int(before.argmax()) if class_index is None else class_index
        self.before = before[self.class_index]

    def __call__(self, edits: Edits) -> float:
        after = self.run.at(self.place, edits)[self.batch, self.class_index]
        return float(after - self.before)


def _listed(edits: Edits | Iterable[Edits]) -> list[Edits]:
    return [edits] if isinstance(edits, Mapping) else list(edits)


def _touched(model: SwinUPerNet, edits: Iterable[Edits]) -> list[str]:
    points = hook_points(model)
    return [name for mapping in edits for pattern in mapping for name in fnmatch.filter(points, pattern)]


def _block(name: str, model: SwinUPerNet) -> BlockId:
    """The block to start from; a stage's merging and output are computed again with its last block."""
    _, stage, *rest = name.split(".")
    last = model.config.backbone.depths[int(stage)] - 1
    return BlockId.of(name) if rest[0] == "blocks" else BlockId(int(stage), last)
