"""Edits by name: what the explorer's tick boxes, the demo's menu and links to either of them say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from swinviz.interventions.edits import (
    Edits,
    ablate_heads,
    drop_level,
    mask_padding_keys,
    no_bias,
    no_mask,
    no_shift,
)
from swinviz.model.config import SwinConfig

__all__ = ["EDIT_TITLES", "WHOLE_MODEL", "EditNames", "named_edits", "parse_edits"]

EditNames = tuple[str, ...]
"""Names of edits that act together, sorted.

"no_shift" and its like concern all blocks; "off-2-3-1" is head 1 of stage 2, block 3 switched off; "drop-1"
is the decoder without the backbone's second map.
"""

_WHOLE_MODEL: dict[str, Callable[[], Edits]] = {
    "mask_padding_keys": mask_padding_keys,
    "no_bias": no_bias,
    "no_mask": no_mask,
    "no_shift": no_shift,
}
WHOLE_MODEL = tuple(_WHOLE_MODEL)
"""Names of the edits that concern all blocks."""

EDIT_TITLES = {
    "no_shift": "windows not shifted",
    "no_mask": "no mask in shifted windows",
    "no_bias": "no relative position bias",
    "mask_padding_keys": "no attention to padding",
    "drop-0": "decoder without stride 4",
    "drop-1": "decoder without stride 8",
    "drop-2": "decoder without stride 16",
    "drop-3": "decoder without stride 32",
}
"""Edits of the whole model and what a menu calls them."""

_HEAD = re.compile(r"off-(\d{1,3})-(\d{1,3})-(\d{1,3})")
_LEVEL = re.compile(r"drop-(\d)")


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
        if not _is_known(name, config):
            raise ValueError(
                f"there is no edit {name!r}: known are {', '.join(_WHOLE_MODEL)}, "
                "drop-LEVEL and off-STAGE-BLOCK-HEAD."
            )
    return tuple(names)


def _is_known(name: str, config: SwinConfig) -> bool:
    if level := _LEVEL.fullmatch(name):
        return int(level[1]) < len(config.depths)
    if head := _HEAD.fullmatch(name):
        stage, block, index = map(int, head.groups())
        stages = len(config.depths)
        return stage < stages and block < config.depths[stage] and index < config.num_heads[stage]
    return name in _WHOLE_MODEL


def named_edits(names: Sequence[str]) -> list[Edits]:
    """Return the edits that names from `parse_edits` stand for.

    >>> [list(edits) for edits in named_edits(["no_bias", "off-2-3-1"])]
    [['stages.*.blocks.*.attn.bias'], ['stages.2.blocks.3.attn.head_out']]
    """
    heads: dict[tuple[int, int], list[int]] = {}
    edits = []
    for name in names:
        if head := _HEAD.fullmatch(name):
            stage, block, index = map(int, head.groups())
            heads.setdefault((stage, block), []).append(index)
        elif level := _LEVEL.fullmatch(name):
            edits.append(drop_level(int(level[1])))
        else:
            edits.append(_WHOLE_MODEL[name]())
    return edits + [ablate_heads(stage, block, indices) for (stage, block), indices in heads.items()]
