"""The viewer's tick boxes, by name, as edits of the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from swinviz.interventions import Edits, ablate_heads, mask_padding_keys, no_bias, no_mask, no_shift
from swinviz.model.config import SwinConfig

__all__ = ["WHOLE_MODEL", "EditNames", "named_edits", "parse_edits"]

EditNames = tuple[str, ...]
"""Names of edits that act together, sorted: "no_shift", or "off-2-3-1" for head 1 of stage 2, block 3."""

_WHOLE_MODEL: dict[str, Callable[[], Edits]] = {
    "mask_padding_keys": mask_padding_keys,
    "no_bias": no_bias,
    "no_mask": no_mask,
    "no_shift": no_shift,
}
WHOLE_MODEL = tuple(_WHOLE_MODEL)
"""Names of the edits that concern all blocks."""

_HEAD = re.compile(r"off-(\d{1,3})-(\d{1,3})-(\d{1,3})")


def parse_edits(text: str, config: SwinConfig) -> EditNames:
    """Read names joined by dots, as the viewer's permalink has them.

    Args:
        text: "" for none.
        config: the backbone, for the heads there are.

    Raises:
        ValueError: a name that stands for nothing in this model.

    >>> parse_edits("off-0-1-2.no_shift", SwinConfig())
    ('no_shift', 'off-0-1-2')
    """
    names = sorted({name for name in text.split(".") if name})
    for name in names:
        head = _HEAD.fullmatch(name)
        if head:
            stage, block, index = map(int, head.groups())
            if (
                stage < len(config.depths)
                and block < config.depths[stage]
                and index < config.num_heads[stage]
            ):
                continue
        elif name in _WHOLE_MODEL:
            continue
        raise ValueError(
            f"there is no edit {name!r}: known are {', '.join(_WHOLE_MODEL)} and off-STAGE-BLOCK-HEAD."
        )
    return tuple(names)


def named_edits(names: Sequence[str]) -> list[Edits]:
    """Return the edits that names from `parse_edits` stand for.

    >>> [list(edits) for edits in named_edits(["no_bias", "off-2-3-1"])]
    [['stages.*.blocks.*.attn.bias'], ['stages.2.blocks.3.attn.head_out']]
    """
    heads: dict[tuple[int, int], list[int]] = {}
    edits = []
    for name in names:
        head = _HEAD.fullmatch(name)
        if head:
            stage, block, index = map(int, head.groups())
            heads.setdefault((stage, block), []).append(index)
        else:
            edits.append(_WHOLE_MODEL[name]())
    return edits + [ablate_heads(stage, block, indices) for (stage, block), indices in heads.items()]
