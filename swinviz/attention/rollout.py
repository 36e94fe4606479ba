"""Attention rollout across windows, shifts and stages, without ever making an N x N matrix of the image.

Rollout (Abnar and Zuidema 2020) multiplies the attention matrices of all blocks, each averaged with the
identity for the residual connection. One query needs one row of that product, and the row can be walked back
through the network: `r <- r/2 + r A/2` inside the windows of each block, and each token's share spread over
the tokens it was merged from. Gradient-weighted relevance is walked back the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from swinviz.attention.maps import Target, token_weights
from swinviz.attention.tokens import check_windows, padding_places
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, Captured

__all__ = ["Rollout", "RolloutStep", "propagate", "rollout", "rollout_from"]


@dataclass(frozen=True)
class RolloutStep:
    """The row after it was walked back through one block.

    Attributes:
        stage: stage of the block.
        block: its number inside the stage.
        weights: (H, W) float64, what each token of the block's input is worth.
        lost: share of the attention that ended on padding so far.
        geometry: window geometry of the block.
    """

    stage: int
    block: int
    weights: Tensor
    lost: float
    geometry: WindowGeometry


@dataclass(frozen=True)
class Rollout:
    """A row of relevance walked back to the image.

    Attributes:
        steps: one a block, from the last block to the first.
    """

    steps: tuple[RolloutStep, ...]

    @property
    def tokens(self) -> Tensor:
        """(H, W) float64: what each patch of the image is worth."""
        return self.steps[-1].weights

    @property
    def lost(self) -> float:
        """Share that ended on padding, which holds no image: for `rollout`, 1 minus the sum of `tokens`."""
        return self.steps[-1].lost

    def pixels(self, size: tuple[int, int]) -> Tensor:
        """Spread each patch's worth evenly over its pixels.

        Args:
            size: (height, width) of the model's input.

        Returns:
            (height, width) float64, with the sum of `tokens`.
        """
        return _spread(self.tokens, self.steps[-1].geometry.stride, size)


def rollout(
    seen: Captured, query: Target, *, start: tuple[int, int] | None = None, batch: int = 0
) -> Rollout:
    """Walk one query's attention back through all blocks before it, to the image.

    It is one row of the product of all (A + I) / 2, with A the mean pattern over heads. What it ignores: the
    values that attention moves (a key may be attended and add nothing), the sizes of the residual branches
    (each block's attention counts as much as its residual stream), the MLPs and norms, signs, and the
    differences between heads. It says where information can have come from, weighed by attention; not what
    it did. What goes to padding is lost, because padding is made anew in each block. Merging spreads a
    token's share evenly over the real tokens (or pixels) it was made of.

    Args:
        seen: record of `capture(model, "stages.*.blocks.*.attn.pattern")`, (B, nW, nH, N, N) each; every
            block up to `start` must be there.
        query: pixel (y, x) of the model's input, or mask (h, w) over it.
        start: (stage, block) at whose output the walk begins; by default the last block captured.
        batch: which image of the batch.

    Returns:
        The row after each block.

    Raises:
        ValueError: a block up to `start` is missing, or the place is outside the image.

    Source:
        Abnar and Zuidema 2020, section 3.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)
    >>> pattern = torch.full((1, 1, 1, 4, 4), 0.25)  # half of the window is padding
    >>> seen = Captured()
    >>> seen.put("stages.0.blocks.0.attn.pattern", pattern, geometry)
    >>> walked = rollout(seen, query=(0, 0))
    >>> walked.tokens.tolist(), walked.lost
    ([[0.625, 0.125]], 0.25)
    """
    last = start or max(seen.blocks("attn.pattern"), default=(0, 0))
    return next(rollout_from(seen, query, [last], batch=batch))


def rollout_from(
    seen: Captured, query: Target, starts: Iterable[tuple[int, int]], *, batch: int = 0
) -> Iterator[Rollout]:
    """Walk one query's attention back from each of several blocks; the heads are averaged once for all.

    Args:
        seen: as `rollout` takes it.
        query: pixel (y, x) of the model's input, or mask (h, w) over it.
        starts: (stage, block) of the blocks at whose outputs the walks begin.
        batch: which image of the batch.

    Yields:
        What `rollout` returns for each start, in their order.

    Raises:
        ValueError: a block up to a start is missing, or the place is outside the image.

    >>> geometry = WindowGeometry(height=2, width=2, window_size=2, shift_size=0, stride=4)
    >>> pattern = torch.full((1, 1, 1, 4, 4), 0.25)
    >>> seen = Captured()
    >>> for block in (0, 1):
    ...     seen.put(f"stages.0.blocks.{block}.attn.pattern", pattern, geometry)
    >>> [float(walk.tokens[0, 0]) for walk in rollout_from(seen, (0, 0), [(0, 0), (0, 1)])]
    [0.625, 0.4375]
    """
    matrices: dict[BlockId, tuple[Tensor, WindowGeometry]] = {}
    blocks = seen.blocks("attn.pattern")
    for last in (BlockId(*start) for start in starts):
        if last not in blocks:
            raise ValueError(
                f"the pattern of block {last} is missing: capture stages.*.blocks.*.attn.pattern."
            )
        for block in blocks:
            if block <= last and block not in matrices:
                matrices[block] = _mean_matrix(*blocks[block], batch)
        before = {block: matrices[block] for block in blocks if block <= last}
        weights = token_weights(query, matrices[last][1])
        yield propagate(before, {last: weights}, residual=0.5, attention=0.5)


def _mean_matrix(pattern: Tensor, geometry: WindowGeometry, batch: int) -> tuple[Tensor, WindowGeometry]:
    """(nW, N, N) float64 mean over the heads, on the CPU: not all devices have float64."""
    heads = pattern[batch].cpu()
    # The mean of one head is itself: patterns that come averaged are not copied again.
    mean = heads[:, 0].double() if heads.shape[1] == 1 else heads.double().mean(dim=1)
    check_windows(pattern, geometry)
    return mean, geometry


def propagate(
    matrices: Mapping[BlockId, tuple[Tensor, WindowGeometry]],
    starts: Mapping[BlockId, Tensor],
    *,
    residual: float,
    attention: float,
) -> Rollout:
    """Walk rows of weights back through blocks: `r <- residual * r + attention * r A`, then to the children.

    Args:
        matrices: (stage, block) -> ((nW, N, N) matrix A, query before key, and the block's geometry); every
            block of every stage up to the last start.
        starts: (stage, block) -> (H, W) weights that join the row at that block's output.
        residual: factor of the row itself.
        attention: factor of what the block's matrix makes of it.

    Returns:
        The row after each block.

    Raises:
        ValueError: a block is missing.

    >>> geometry = WindowGeometry(height=2, width=2, window_size=2, shift_size=0, stride=4)
    >>> everywhere, start = torch.full((1, 4, 4), 0.25), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    >>> walked = propagate({(0, 0): (everywhere, geometry)}, {(0, 0): start}, residual=1.0, attention=1.0)
    >>> walked.tokens.tolist()
    [[1.25, 0.25], [0.25, 0.25]]
    """
    row: Tensor | None = None
    lost = 0.0
    steps: list[RolloutStep] = []
    for stage, block in sorted(matrices, reverse=True):
        matrix, geometry = matrices[BlockId(stage, block)]
        if row is not None:
            _check_followed(steps[-1], (stage, block))
            if stage < steps[-1].stage:
                row = _spread(row, 2, (geometry.height, geometry.width))
        if BlockId(stage, block) in starts:
            joined = starts[BlockId(stage, block)].to(matrix.device).double()
            row = joined if row is None else row + joined
        if row is None:
            continue
        windows = geometry.to_windows(row[None, :, :, None])[0, :, :, 0]  # nW N
        attended = torch.einsum("wq,wqk->wk", windows, matrix.double())
        moved = geometry.to_map(attended[None, :, :, None])[0, :, :, 0]  # H W: what went to padding is gone
        lost += attention * float(attended[padding_places(geometry, attended.device)].sum())
        row = residual * row + attention * moved
        steps.append(RolloutStep(stage, block, row, lost, geometry))
    if not steps or (steps[-1].stage, steps[-1].block) != (0, 0):
        raise ValueError("the patterns do not reach back to block (0, 0): capture those of all blocks.")
    return Rollout(tuple(steps))


def _check_followed(after: RolloutStep, block: tuple[int, int]) -> None:
    expected = (after.stage, after.block - 1) if after.block else (after.stage - 1, block[1])
    if block != expected:
        raise ValueError(
            f"blocks between {block} and {(after.stage, after.block)} are missing: capture all patterns."
        )


def _spread(row: Tensor, factor: int, size: tuple[int, int]) -> Tensor:
    """Share each token's weight evenly among its up to factor x factor real children: (H, W) -> size."""
    height, width = size
    rows, columns = (
        (side - factor * torch.arange(count, device=row.device)).clamp(max=factor)
        for side, count in zip(size, row.shape, strict=True)
    )
    each = row / (rows[:, None] * columns[None, :])
    return each.repeat_interleave(factor, 0).repeat_interleave(factor, 1)[:height, :width]
