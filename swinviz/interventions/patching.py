"""Activation patching between two pictures: which block, head and token carries what moves a logit.

Two pictures of one size (or a picture and its edited copy) run once each. Then one part of the donor's run
at a time is put into the receiver's, the network runs again from there, and the change of one logit at the
clicked place is measured. Nothing is approximated: every number is a run, resumed at the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.attention import Target
from swinviz.attribution import copies_at_once
from swinviz.interventions.edits import Edits
from swinviz.interventions.sweep import CachedRun
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, Hook, capture

__all__ = ["Patching", "PatchingGrid", "TokenPatching"]

_MEMORY = 256e6  # bytes that the copies of one batch may take, roughly


@dataclass(frozen=True)
class PatchingGrid:
    """Change of a logit when heads are patched from another picture, one at a time.

    Attributes:
        heads: (stage, block) -> (nH,) float64, change of the logit by each head alone.
        blocks: (stage, block) -> change of the logit by all heads of the block at once.
        receiver: the logit unpatched.
        donor: the same class's logit at the same place of the donor.
        class_index: the class.
        place: pixel (y, x) of the model's input, or mask (H, W) over it.
    """

    heads: dict[BlockId, Tensor]
    blocks: dict[BlockId, float]
    receiver: float
    donor: float
    class_index: int
    place: Target

    @property
    def strongest(self) -> tuple[BlockId, int]:
        """((stage, block), head) that moves the logit most, up or down."""
        block = max(self.heads, key=lambda block: float(self.heads[block].abs().max()))
        return block, int(self.heads[block].abs().argmax())


@dataclass(frozen=True)
class TokenPatching:
    """Change of a logit when tokens of one window are patched from another picture, one at a time.

    Attributes:
        effects: (N,) float64 change of the logit by each place of the window; NaN where it is padding.
        geometry: window geometry of the block.
        window: number of the window.
        block: the block.
        head: the head whose output was patched, or None where the block's whole input was.
        class_index: the class.
        place: pixel (y, x) of the model's input, or mask (H, W) over it, whose logit was measured.
    """

    effects: Tensor
    geometry: WindowGeometry
    window: int
    block: BlockId
    head: int | None
    class_index: int
    place: Target

    @property
    def map(self) -> Tensor:
        """(H, W) float64: the effects where the tokens lie in the picture; NaN outside the window."""
        tokens = self.geometry.token_index[self.window]
        laid = torch.full((self.geometry.height * self.geometry.width,), float("nan"), dtype=torch.float64)
        laid[tokens[tokens >= 0]] = self.effects[tokens >= 0]
        return laid.view(self.geometry.height, self.geometry.width)


class Patching:
    """Two runs, kept, between which parts can be patched.

    Args:
        run: the receiver's unedited run.
        donor: normalized images (B, 3, H, W) of the receiver's size.
        place: pixel (y, x) of the receiver's input, or mask (H, W) over it, whose mean logit is measured.
        class_index: the class; by default the receiver's own at the place.
        batch: which image of the run receives.
        donor_batch: which image of `donor` gives.

    Attributes:
        class_index: the class.
        receiver: its logit at the place, unpatched.
        donor: its logit at the same place of the donor.

    Raises:
        ValueError: the donor has another size, the place is outside the image, or there is no such class.

    Source:
        Activation patching, Vig et al. 2020 (causal mediation) and Meng et al. 2022, section 2.

    >>> from swinviz.model.config import ModelConfig
    >>> from swinviz.segmenter import SwinUPerNet
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> patching = Patching(CachedRun(model, torch.zeros(1, 3, 32, 48)), torch.randn(1, 3, 32, 48), (9, 9))
    >>> {tuple(block): len(effects) for block, effects in patching.grid(stages=[1]).heads.items()}
    {(1, 0): 2, (1, 1): 2}
    """

    @torch.no_grad()
    def __init__(
        self,
        run: CachedRun,
        donor: Tensor,
        place: Target,
        class_index: int | None = None,
        *,
        batch: int = 0,
        donor_batch: int = 0,
    ) -> None:
        if tuple(donor.shape[-2:]) != run.size:
            raise ValueError(
                f"the donor is {tuple(donor.shape[-2:])} pixels and the receiver {run.size}: give both at "
                "one size, so that every token has a partner."
            )
        self.run, self.place, self._batch = run, place, batch
        names = ["stages.*.attn.head_out", "stages.*.resid_pre"]
        with capture(run.model, names) as seen:
            given = CachedRun(run.model, donor[donor_batch : donor_batch + 1])
        self._given = seen
        before, there = run.at(place)[batch], given.at(place)[0]
        self.class_index = int(before.argmax()) if class_index is None else class_index
        if not 0 <= self.class_index < len(before):
            raise ValueError(f"class {class_index} does not exist: there are {len(before)}, counted from 0.")
        self.receiver, self.donor = float(before[self.class_index]), float(there[self.class_index])

    def heads(self, block: tuple[int, int]) -> tuple[Tensor, float]:
        """Patch the output of each head of a block, then of all its heads at once.

        Args:
            block: (stage, block).

        Returns:
            ((nH,) float64 change of the logit by each head, change by all).

        Raises:
            ValueError: there is no such block.
        """
        block = self._known(block)
        donor = self._given[block.hook("attn.head_out")]  # 1 nW nH N d
        count = donor.shape[2]

        def patched(head_out: Tensor, numbers: range) -> Tensor:
            edited = head_out.clone()
            for copy, head in enumerate(numbers):
                chosen = slice(None) if head == count else slice(head, head + 1)
                edited[copy, :, chosen] = donor[0, :, chosen].to(edited)
            return edited

        effects = self._effects(block, "attn.head_out", patched, count + 1)
        return effects[:-1], float(effects[-1])

    def grid(self, stages: Iterable[int] | None = None, *, progress: bool = False) -> PatchingGrid:
        """Patch every head of every block.

        Args:
            stages: which stages; all by default.
            progress: show a bar that counts blocks.
        """
        depths = self.run.model.config.backbone.depths
        chosen = range(len(depths)) if stages is None else stages
        blocks = [BlockId(stage, block) for stage in chosen for block in range(depths[stage])]
        heads, together = {}, {}
        for block in tqdm(blocks, desc="patching", unit="block", disable=not progress):
            heads[block], together[block] = self.heads(block)
        return PatchingGrid(heads, together, self.receiver, self.donor, self.class_index, self.place)

    def tokens(
        self, block: tuple[int, int], *, window: int | None = None, head: int | None = None
    ) -> TokenPatching:
        """Patch the tokens of one window of a block, one at a time.

        Args:
            block: (stage, block).
            window: number of the window; by default the one that holds the place's pixel.
            head: patch what this head gives each token; by default patch the token in the block's input.

        Returns:
            The effects, with where the tokens lie.

        Raises:
            ValueError: there is no such block, window or head, or no window for a place that is a region.
        """
        block = self._known(block)
        name = block.hook("resid_pre" if head is None else "attn.head_out")
        geometry = self._given.geometries[name]
        if window is None:
            if not isinstance(self.place, tuple):
                raise ValueError("a region lies in several windows: name one with window=.")
            window = geometry.locate(*self.place)[0]
        geometry.rectangles(window)  # raises where there is no such window
        donor = self._given[name]
        if head is not None and not 0 <= head < donor.shape[2]:
            raise ValueError(f"head {head} does not exist: block {tuple(block)} has {donor.shape[2]}.")
        tokens = geometry.token_index[window]
        real = (tokens >= 0).nonzero()[:, 0].tolist()

        def patched(value: Tensor, numbers: range) -> Tensor:
            edited = value.clone()
            for copy, number in enumerate(numbers):
                spot = real[number]
                if head is None:
                    row, column = divmod(int(tokens[spot]), geometry.width)
                    edited[copy, row, column] = donor[0, row, column].to(edited)
                else:
                    edited[copy, window, head, spot] = donor[0, window, head, spot].to(edited)
            return edited

        effects = torch.full((len(tokens),), float("nan"), dtype=torch.float64)
        point = "resid_pre" if head is None else "attn.head_out"
        effects[real] = self._effects(block, point, patched, len(real))
        return TokenPatching(effects, geometry, window, block, head, self.class_index, self.place)

    def _known(self, block: tuple[int, int]) -> BlockId:
        depths = self.run.model.config.backbone.depths
        if not (0 <= block[0] < len(depths) and 0 <= block[1] < depths[block[0]]):
            raise ValueError(f"block {tuple(block)} does not exist: the stages have {depths} blocks.")
        return BlockId(*block)

    def _effects(
        self, block: BlockId, point: str, patched: Callable[[Tensor, range], Tensor], count: int
    ) -> Tensor:
        """(count,) float64 change of the logit by each patch, as many at once as memory allows."""
        stream, finest = self._given[block.hook("resid_pre")], self.run.features[0]
        at_once = copies_at_once(self.run.model.config, stream.shape, finest.shape[-2:], _MEMORY)
        changes = []
        for start in range(0, count, at_once):
            numbers = range(start, min(start + at_once, count))

            def edited(value: Tensor, hook: Hook, numbers: range = numbers) -> Tensor:
                return patched(value, numbers)

            edits: Edits = {block.hook(point): edited}
            logits = self.run.copies_at(self.place, block, edits, len(numbers), batch=self._batch)
            changes.append(logits[:, self.class_index].double().cpu() - self.receiver)
        return torch.cat(changes)
