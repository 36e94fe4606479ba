"""Named edits: each returns hook name -> function, for `edit(model, no_shift(stage=2))`; lists compose."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from swinviz.model.geometry import MASK_VALUE, WindowGeometry
from swinviz.model.hooks import EditFn, Hook

__all__ = [
    "Edits",
    "ablate_heads",
    "drop_level",
    "drop_pooling",
    "mask_padding_keys",
    "no_bias",
    "no_mask",
    "no_shift",
    "patch_window",
    "skip_block",
]

Edits = Mapping[str, EditFn]
"""Edits as `swinviz.edit` takes them: hook name or glob -> function."""


def no_shift(stage: int | None = None, block: int | None = None) -> Edits:
    """Cut windows without the shift, so that nothing passes from window to window inside a stage.

    Args:
        stage: only in this stage; in all by default.
        block: only in the blocks of this number; in all by default.

    >>> list(no_shift(stage=2))
    ['stages.2.blocks.*.geometry']
    """

    def unshifted(geometry: WindowGeometry, hook: Hook) -> WindowGeometry:
        return geometry.with_shift(0)

    return {_point(stage, block, "geometry"): unshifted}


def no_mask(stage: int | None = None, block: int | None = None) -> Edits:
    """Let tokens that only the shift brought together attend to one another.

    Args:
        stage: only in this stage; in all by default.
        block: only in the blocks of this number; in all by default.

    >>> list(no_mask(stage=1, block=1))
    ['stages.1.blocks.1.attn.mask']
    """
    return {_point(stage, block, "attn.mask"): _zeros}


def no_bias(stage: int | None = None, block: int | None = None) -> Edits:
    """Take the relative position bias away, so that attention depends on content alone.

    Args:
        stage: only in this stage; in all by default.
        block: only in the blocks of this number; in all by default.

    >>> list(no_bias())
    ['stages.*.blocks.*.attn.bias']
    """
    return {_point(stage, block, "attn.bias"): _zeros}


def mask_padding_keys(stage: int | None = None, block: int | None = None) -> Edits:
    """Forbid attention to padding, as the mask forbids attention across regions.

    Args:
        stage: only in this stage; in all by default.
        block: only in the blocks of this number; in all by default.

    >>> list(mask_padding_keys(stage=3))
    ['stages.3.blocks.*.attn.mask']
    """

    def masked(mask: Tensor, hook: Hook) -> Tensor:
        assert hook.geometry is not None
        padding = (hook.geometry.token_index < 0).to(mask.device)  # nW N
        return mask + MASK_VALUE * padding[:, None, :]

    return {_point(stage, block, "attn.mask"): masked}


def ablate_heads(
    stage: int, block: int, heads: int | Sequence[int], fill: Literal["zero", "mean"] = "zero"
) -> Edits:
    """Silence heads of a block.

    Args:
        stage: stage of the block.
        block: its number inside the stage.
        heads: the head or heads.
        fill: put zeros in their place, or each head's mean over the image's tokens, which keeps what it
            says always and removes what it says here.

    Raises:
        ValueError: when the model runs, if the block has no such head.

    >>> list(ablate_heads(3, 1, heads=[0, 5]))
    ['stages.3.blocks.1.attn.head_out']
    """
    chosen = [heads] if isinstance(heads, int) else list(heads)

    def silenced(head_out: Tensor, hook: Hook) -> Tensor:  # B nW nH N d
        count = head_out.shape[2]
        if not all(0 <= head < count for head in chosen):
            raise ValueError(f"{hook.name} has {count} heads, counted from 0: it cannot ablate {chosen}.")
        edited = head_out.clone()
        if fill == "zero":
            edited[:, :, chosen] = 0
            return edited
        assert hook.geometry is not None
        real = (hook.geometry.token_index >= 0).to(head_out)  # nW N: padding is no part of the image
        total = torch.einsum("bwhnd,wn->bhd", head_out, real)
        mean = total / real.sum()
        edited[:, :, chosen] = mean[:, None, chosen, None, :].expand_as(edited[:, :, chosen])
        return edited

    return {_point(stage, block, "attn.head_out"): silenced}


def skip_block(stage: int, block: int) -> Edits:
    """Pass a block's input on as its output.

    Args:
        stage: stage of the block.
        block: its number inside the stage.

    >>> list(skip_block(2, 4))
    ['stages.2.blocks.4.resid_pre', 'stages.2.blocks.4.resid_post']
    """
    memory = threading.local()  # threads that share the model must not see each other's input

    def remember(x: Tensor, hook: Hook) -> None:
        memory.x = x

    def recall(x: Tensor, hook: Hook) -> Tensor:
        before: Tensor = memory.x
        del memory.x
        return before

    return {_point(stage, block, "resid_pre"): remember, _point(stage, block, "resid_post"): recall}


def drop_level(level: int) -> Edits:
    """Take one level's share out of the decoder's fusion.

    What the level gave to finer levels on the way down the feature pyramid stays in their shares.

    Args:
        level: 0 is the finest.

    >>> list(drop_level(3))
    ['head.fusion.3']
    """
    return {f"head.fusion.{level}": _zeros}


def drop_pooling(index: int) -> Edits:
    """Take one scale out of the decoder's pyramid pooling.

    Args:
        index: position in the configuration's `pool_scales`.

    >>> list(drop_pooling(0))
    ['head.ppm.0']
    """
    return {f"head.ppm.{index}": _zeros}


def patch_window(
    source: Tensor,
    geometry: WindowGeometry,
    window: int,
    *,
    stage: int,
    block: int,
    to: int | None = None,
    batch: int = 0,
) -> Edits:
    """Put a window's tokens from another image into the input of a block.

    Args:
        source: (B, H, W, C) of the other image, captured at the same block's `resid_pre`; the images may
            differ in size.
        geometry: window geometry of that block in the other image.
        window: number of the window in the other image.
        stage: stage of the block.
        block: its number inside the stage.
        to: number of the window that receives it; by default the same number.
        batch: which image of `source`.

    Raises:
        ValueError: there is no such window (in the image it goes into: when the model runs).

    >>> source = torch.ones(1, 2, 2, 3)
    >>> geometry = WindowGeometry(2, 2, 2, 0, stride=4)
    >>> list(patch_window(source, geometry, window=0, stage=1, block=0))
    ['stages.1.blocks.0.resid_pre']
    """
    geometry.rectangles(window)  # raises where there is no such window
    taken = geometry.token_index[window]
    donor = source[batch].flatten(0, 1)  # H*W C

    def planted(x: Tensor, hook: Hook) -> Tensor:
        assert hook.geometry is not None
        target = window if to is None else to
        hook.geometry.rectangles(target)
        given = hook.geometry.token_index[target]
        both = (taken >= 0) & (given >= 0)  # places that are padding in either image keep what they have
        tokens = x.flatten(1, 2).clone()  # B H*W C
        tokens[:, given[both]] = donor[taken[both]].to(tokens)
        return tokens.view(x.shape)

    return {_point(stage, block, "resid_pre"): planted}


def _zeros(value: Tensor, hook: Hook) -> Tensor:
    return torch.zeros_like(value)


def _point(stage: int | None, block: int | None, point: str) -> str:
    return f"stages.{'*' if stage is None else stage}.blocks.{'*' if block is None else block}.{point}"
