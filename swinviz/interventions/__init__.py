"""Testing guesses: named edits, sweeps that resume from a cached run, and reports of what changed."""

from __future__ import annotations

from swinviz.interventions.edits import (
    Edits,
    ablate_heads,
    drop_level,
    drop_pooling,
    mask_padding_keys,
    no_bias,
    no_mask,
    no_shift,
    patch_window,
    skip_block,
)
from swinviz.interventions.named import EDIT_TITLES, named_edits, parse_edits
from swinviz.interventions.patching import Patching, PatchingGrid, TokenPatching
from swinviz.interventions.report import Comparison, EditResult, compare
from swinviz.interventions.sweep import CachedRun, first_edited_block, flipped_share, head_sweep

__all__ = [
    "EDIT_TITLES",
    "CachedRun",
    "Comparison",
    "EditResult",
    "Edits",
    "Patching",
    "PatchingGrid",
    "TokenPatching",
    "ablate_heads",
    "compare",
    "drop_level",
    "drop_pooling",
    "first_edited_block",
    "flipped_share",
    "head_sweep",
    "mask_padding_keys",
    "named_edits",
    "no_bias",
    "no_mask",
    "no_shift",
    "parse_edits",
    "patch_window",
    "skip_block",
]
