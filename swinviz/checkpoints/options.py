"""Options of other publishers' models that change what is computed and that swinviz does not have.

Some show in the tensors, others only in the configuration that travels with them. Each is refused by its
name: a file that loads gives the numbers that its publisher's program gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from swinviz.errors import CheckpointError

__all__ = ["PublishedOptions", "from_hub_config", "from_mmsegmentation", "refuse_options"]

_EPS = 1e-5  # of every norm


@dataclass(frozen=True)
class PublishedOptions:
    """Options of a published configuration that count beside the shapes.

    Attributes:
        unsupported: options that swinviz does not have, as the configuration writes them.
        of_heads: those of `unsupported` that leave the backbone as it is.
        pool_scales: sides of the pooling grids, empty where it does not tell.
    """

    unsupported: tuple[str, ...] = ()
    of_heads: tuple[str, ...] = ()
    pool_scales: tuple[int, ...] = ()


def from_mmsegmentation(text: str) -> PublishedOptions:
    """Read the configuration that mmsegmentation writes into its files, as Python code.

    >>> from_mmsegmentation("decode_head=dict(align_corners=True, pool_scales=(1, 2, 4, 8))")
    PublishedOptions(unsupported=('align_corners=True',), of_heads=('align_corners=True',), \
pool_scales=(1, 2, 4, 8))
    """
    unsupported, of_heads = [], []
    if re.search(r"\balign_corners['\"]?\s*[=:]\s*True", text):
        of_heads.append("align_corners=True")
    if scale := re.search(r"\bqk_scale['\"]?\s*[=:]\s*([\d.eE+-]{1,20})", text):
        unsupported.append(f"qk_scale={scale[1]}")
    activations = re.findall(
        r"\bact_cfg['\"]?\s*[=:]\s*(?:dict\(|\{)['\"]?type['\"]?\s*[=:]\s*['\"](\w{1,20})", text
    )
    unsupported += [f"act_cfg of type {kind}" for kind in activations if kind not in ("GELU", "ReLU")]
    grids = re.search(r"\bpool_scales['\"]?\s*[=:]\s*[(\[]([\d,\s]{1,80})[)\]]", text)
    scales = tuple(int(number) for number in re.findall(r"\d{1,4}", grids[1])) if grids else ()
    return PublishedOptions((*unsupported, *of_heads), tuple(of_heads), scales)


def from_hub_config(config: Mapping[str, Any]) -> PublishedOptions:
    """Read the config.json that transformers writes beside its weights."""
    backbone = config.get("backbone_config")
    if not isinstance(backbone, Mapping):
        return PublishedOptions()
    unsupported = []
    if backbone.get("hidden_act", "gelu") != "gelu":
        unsupported.append(f"hidden_act={backbone['hidden_act']!r:.40}")
    if backbone.get("layer_norm_eps", _EPS) != _EPS:
        unsupported.append(f"layer_norm_eps={backbone['layer_norm_eps']!r:.40}")
    return PublishedOptions(tuple(unsupported))


def refuse_options(tensors: Mapping[str, Tensor], options: PublishedOptions, *, heads: bool = True) -> None:
    """Refuse options that swinviz does not have, by name.

    Args:
        tensors: the state dict under our names.
        options: what the configuration says.
        heads: whether the heads are wanted too.

    Raises:
        CheckpointError: names the options.
    """
    told = [option for option in options.unsupported if heads or option not in options.of_heads]
    told += _of_backbone(tensors)
    if heads:
        told += _of_heads(tensors)
    if told:
        raise CheckpointError(
            f"its model was made with {', '.join(told)}, which swinviz does not compute: "
            "run it with the program that wrote it, or train again without."
        )


def _of_backbone(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    if any(re.search(r"\.(absolute_pos_embed|position_embeddings)$", name) for name in tensors):
        yield "use_abs_pos_embed=True"
    stem = tensors.get("backbone.patch_embed.proj.weight")
    if stem is not None and stem.ndim == 4:
        if stem.shape[1] != 3:
            yield f"in_channels={stem.shape[1]}"
        if stem.shape[2:] != (4, 4):
            yield f"patch_size={stem.shape[2]}"
        if not any(name.startswith("backbone.patch_embed.norm.") for name in tensors):
            yield "patch_norm=False"
    products = [name for name in tensors if name.endswith(".attn.qkv.weight")]
    if products and not any(name.replace("weight", "bias") in tensors for name in products):
        yield "qkv_bias=False"


def _of_heads(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    stages = {found[1] for name in tensors if (found := re.match(r"backbone\.stages\.(\d)\.", name))}
    norms = {found[1] for name in tensors if (found := re.match(r"backbone\.norms\.(\d)\.", name))}
    if norms and norms < stages:
        yield f"out_indices=({', '.join(sorted(norms))})"
    heads = [name for name in tensors if name.startswith(("head.", "aux."))]
    for norm in sorted(
        {found[1] for name in heads if (found := re.search(r"\.(gn|ln|in|syncbn)\.\w+$", name))}
    ):
        yield f"norm_cfg of type {norm.upper()}"
    if any(re.match(r"head\..*\.conv\.bias$", name) for name in heads):
        yield "norm_cfg=None"
    if any(re.match(r"aux\.conv\.\d|auxiliary_head\.(convs\.\d|conv_cat)\.", name) for name in tensors):
        yield "an auxiliary head of more than one convolution"
