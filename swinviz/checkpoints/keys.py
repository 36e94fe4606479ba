"""Key tables: each publisher's names of the same weights, and the way from their names to ours.

A published model is a backbone under one set of names and heads under another, so there is a table for each.
Two publishers also store something else than we do: mmsegmentation orders the inputs of patch merging as
`nn.Unfold` yields them, and transformers keeps query, key and value apart; both are converted here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from swinviz.errors import CheckpointError

__all__ = [
    "HUB",
    "KEY_FORMATS",
    "MMSEGMENTATION",
    "OFFICIAL",
    "OURS",
    "TIMM",
    "KeyFormat",
    "find_key_format",
    "has_swin_names",
    "translate",
]

Rule = tuple[str, str | Callable[[re.Match[str]], str]]


@dataclass(frozen=True)
class KeyFormat:
    """One publisher's names for the backbone.

    Attributes:
        publisher: who writes such files.
        sign: pattern that only their keys match.
        rules: (pattern, replacement) pairs, applied in order to names without their `backbone.` prefix.
        unfolded: whether patch merging takes its inputs channel by channel, as `nn.Unfold` yields them.
    """

    publisher: str
    sign: str
    rules: tuple[Rule, ...]
    unfolded: bool = False


def _one_less(prefix: str, suffix: str = "") -> Callable[[re.Match[str]], str]:
    """Make a replacement that counts group 1 from 0 where the publisher counts from 1."""
    return lambda found: f"{prefix}{int(found[1]) - 1}{suffix}"


OURS = KeyFormat("swinviz", r"^(backbone\.)?stages\.0\.blocks\.0\.attn\.qkv\.", ())
"""The names of this package, which all others become."""

MMSEGMENTATION = KeyFormat(
    "mmsegmentation",
    r"\.attn\.w_msa\.",
    (
        (r"^patch_embed\.projection\.", "patch_embed.proj."),
        (r"\.attn\.w_msa\.", ".attn."),
        (r"\.ffn\.layers\.0\.0\.", ".mlp.fc1."),
        (r"\.ffn\.layers\.1\.", ".mlp.fc2."),
        (r"^norm(\d)\.", r"norms.\1."),
    ),
    unfolded=True,
)
"""Of mmsegmentation, in versions 0.x and 1.x."""

HUB = KeyFormat(
    "transformers",
    r"(^|\.)encoder\.layers\.0\.blocks\.0\.attention\.",
    (
        (r"^swin\.", ""),
        (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^embeddings\.norm\.", "patch_embed.norm."),
        (r"^encoder\.layers\.", "stages."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        # Files keep the first names of each pair; transformers 5 holds the second in memory.
        (r"\.attention\.(self\.query|q_proj)\.", ".attn.q."),
        (r"\.attention\.(self\.key|k_proj)\.", ".attn.k."),
        (r"\.attention\.(self\.value|v_proj)\.", ".attn.v."),
        (r"\.attention\.(self|relative_position_bias)\.relative_position", ".attn.relative_position"),
        (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"\.output\.dense\.", ".mlp.fc2."),
        (r"^hidden_states_norms\.stage(\d)\.", _one_less("norms.", ".")),
        (r"^hidden_states_norms\.(\d)\.", r"norms.\1."),  # under MaskFormer
    ),
)
"""Of the hub's transformers."""

OFFICIAL = KeyFormat(
    "the official repository",
    r"^(backbone\.)?layers\.0\.downsample\.",
    ((r"^layers\.", "stages."), (r"^norm(\d)\.", r"norms.\1.")),
)
"""Of microsoft/Swin-Transformer and its segmentation sibling."""

# timm merges at the start of a stage, so its layers.1 holds what leads from our stage 0 to stage 1.
TIMM = KeyFormat(
    "timm",
    r"^(backbone\.)?layers\.1\.downsample\.",
    ((r"^layers\.(\d{1,4})\.downsample\.", _one_less("stages.", ".downsample.")), (r"^layers\.", "stages.")),
)
"""Of timm."""

# The order counts: timm's sign is also found in official files, which have merging in layers 0, 1 and 2.
KEY_FORMATS = (MMSEGMENTATION, HUB, OFFICIAL, TIMM, OURS)
"""All readable formats, the most distinctive first."""

_HEADS: tuple[Rule, ...] = (
    (r"^decode_head\.psp_modules\.(\d{1,4})\.1\.", r"head.ppm.\1."),
    (r"^decode_head\.lateral_convs\.", "head.lateral."),
    (r"^decode_head\.fpn_convs\.", "head.fpn."),
    (r"^decode_head\.fpn_bottleneck\.", "head.fusion."),
    (r"^decode_head\.bottleneck\.", "head.bottleneck."),
    (r"^auxiliary_head\.convs\.0\.", "aux.conv."),
    (r"^decode_head\.(conv_seg|classifier)\.", "head.classifier."),
    (r"^auxiliary_head\.(conv_seg|classifier)\.", "aux.classifier."),
    (r"\.batch_norm\.", ".bn."),
)
_IS_HEAD = re.compile(r"^(decode_head|auxiliary_head|head|aux)\.")

# Tables that every program recomputes, the norm before ImageNet's classifier, and that classifier.
_DROPPED = re.compile(
    r"(relative_position_index|relative_coords_table|attn_mask)$"
    r"|^(backbone\.)?(swin\.)?layernorm\.(weight|bias)$"
    r"|^(backbone\.)?norm\.(weight|bias)$"
    r"|^(head|classifier)\.(fc\.)?(weight|bias)$"
)


def has_swin_names(names: Iterable[str]) -> bool:
    """Tell whether any of these names are a Swin Transformer's, in any key format."""
    return any(re.search(kind.sign, _plain(name)) for name in names for kind in KEY_FORMATS)


def find_key_format(names: Iterable[str]) -> KeyFormat:
    """Recognize the publisher of these names.

    Raises:
        CheckpointError: no known publisher's, so the file holds no Swin Transformer.
    """
    names = list(names)
    for key_format in KEY_FORMATS:
        if any(re.search(key_format.sign, name) for name in names):
            return key_format
    shown = ", ".join(repr(name[:80]) for name in names[:3]) or "none at all"
    raise CheckpointError(
        f"its tensors ({shown}, ...) carry the names of no Swin Transformer that swinviz knows: "
        f"give a checkpoint of {', '.join(key_format.publisher for key_format in KEY_FORMATS)}."
    )


def translate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give every tensor of a published model our name, and our order of patch merging.

    Args:
        tensors: a state dict under any key format in `KEY_FORMATS`, of a whole model or of a backbone alone.

    Returns:
        The state dict under our names; tables that are recomputed and ImageNet's classifier are left out.
        Names that no rule knows are kept, for the caller to report.

    Raises:
        CheckpointError: unknown key format, or two tensors that are the same part of the model.
    """
    tensors = {_plain(name): tensor for name, tensor in tensors.items()}
    key_format = find_key_format(tensors)
    translated: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if _DROPPED.search(name):
            continue
        ours = _our_name(name, key_format)
        if ours in translated:
            raise CheckpointError(
                f"it has {ours} twice, the second time as {name}: it was merged incorrectly."
            )
        merging = key_format.unfolded and ".downsample." in ours
        translated[ours] = _refold_merging(tensor) if merging else tensor
    return _join_qkv(translated)


def _plain(name: str) -> str:
    """Take away what wrappers add: DataParallel's prefix, and the flat names of timm's `features_only`."""
    return re.sub(r"^((?:backbone\.)?layers)_(?=\d)", r"\1.", re.sub(r"^module\.", "", name))


def _our_name(name: str, key_format: KeyFormat) -> str:
    if _IS_HEAD.match(name):
        return _rename(name, _HEADS)
    return "backbone." + _rename(re.sub(r"^backbone\.", "", name), key_format.rules)


def _rename(name: str, rules: Iterable[Rule]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _refold_merging(tensor: Tensor) -> Tensor:
    """Bring a merging's inputs from (channel, row, column) to our (column, row, channel).

    `nn.Unfold` lists, for each channel, the 2 x 2 offsets row by row: 00 01 10 11. We list all channels of
    offset 00, then of 10, 01 and 11 (row, column). The inputs are the last axis, 4C long, of the reduction's
    weight (2C, 4C) and of the norm's weight and bias (4C,).
    """
    if tensor.ndim == 0 or tensor.shape[-1] % 4:
        return tensor  # wrong shape: the comparison with the model will say so
    return tensor.reshape(*tensor.shape[:-1], -1, 2, 2).transpose(-3, -1).flatten(-3)


def _join_qkv(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Stack query, key and value into the one matrix that we multiply by; leave what is incomplete."""
    joined = dict(tensors)
    for name in tensors:
        if ".attn.q." not in name:
            continue
        names = [name.replace(".attn.q.", f".attn.{part}.") for part in "qkv"]
        parts = [tensors[part] for part in names if part in tensors]
        if len(parts) == 3 and len({part.shape[1:] for part in parts}) == 1 and parts[0].ndim:
            joined[name.replace(".attn.q.", ".attn.qkv.")] = torch.cat(parts)
            for part in names:
                del joined[part]
    return joined
