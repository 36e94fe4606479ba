"""Files of other architectures, told by their tensors' names, and what can be done with each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from swinviz.checkpoints.keys import has_swin_names
from swinviz.errors import CheckpointError

__all__ = ["Architecture", "find_architecture", "refuse_foreign", "take_backbone"]


@dataclass(frozen=True)
class Architecture:
    """Another architecture than Swin-UPerNet.

    Attributes:
        name: what it is called.
        sign: pattern in the names of its tensors that no Swin-UPerNet has.
        difference: what it computes that swinviz does not.
        runs_with: where such files run.
    """

    name: str
    sign: str
    difference: str
    runs_with: str = "transformers or timm"


_QUERIES = "whose decoder asks for masks by queries"
_CLASSIC = "transformers, mmsegmentation or torchvision"

# In this order: MaskFormer's heads stand on any backbone, BEiT is a kind of ViT, DeepLab stands on a ResNet.
_ARCHITECTURES = (
    Architecture("OneFormer", r"^model\.task_encoder\.|^task_mlp\.", _QUERIES, "transformers"),
    Architecture(
        "Mask2Former",
        r"^model\.pixel_level_module\.decoder\..*sampling_offsets|transformer_cross_attention_layers"
        r"|^decode_head\.pixel_decoder\..*sampling_offsets",
        _QUERIES,
        "transformers or mmsegmentation",
    ),
    Architecture(
        "MaskFormer",
        r"^model\.pixel_level_module\.|^sem_seg_head\.predictor\.transformer\.|^decode_head\.pixel_decoder\.",
        _QUERIES,
        "transformers or mmsegmentation",
    ),
    Architecture(
        "SwinV2",
        r"\.(attn|attention)\.(.*\.)?logit_scale$|\.cpb_mlp\.|continuous_position_bias_mlp",
        "whose attention compares directions and has its position bias from a small network",
    ),
    Architecture(
        "ConvNeXt",
        r"(^|\.)stages\.0\.((layers|blocks)\.)?0\.(dwconv|depthwise_conv|conv_dw)\."
        r"|^features\.1\.0\.layer_scale$",
        "which convolves and has no attention",
    ),
    Architecture(
        "SegFormer",
        r"^segformer\.|\.dwconv\.dwconv\.|(^|\.)patch_embed1\.proj\.|^backbone\.layers\.0\.1\.0\.attn\.",
        "which attends to a shrunken map and has no windows",
        "transformers or mmsegmentation",
    ),
    Architecture(
        "BEiT",
        r"^beit\.|(^|\.)(lambda_1|gamma_1|q_bias)$",
        "which attends over the whole image and has no windows",
    ),
    Architecture(
        "Vision Transformer (ViT, DeiT or DINOv2)",
        r"(^|\.)(cls_token|class_token)$",
        "which attends over the whole image and has no windows",
    ),
    Architecture(
        "DeepLab",
        r"(^|\.)aspp(_modules)?\.|^decode_head\.image_pool\.|^classifier\.0\.convs\.\d|\.conv_aspp\.",
        "which convolves and has no attention",
        _CLASSIC,
    ),
    Architecture(
        "ResNet",
        r"(^|\.)layer1\.0\.conv1\.weight$|^resnet\.|(^|\.)encoder\.stages\.0\.layers\.0\.layer\.0\.convolution\.",
        "which convolves and has no attention",
        _CLASSIC,
    ),
)

_HOST = re.compile(r"^model\.pixel_level_module\.encoder\.((model|swin)\.)?")
_OWN_TYPES = {"", "swin", "upernet"}


def find_architecture(names: Iterable[str]) -> Architecture | None:
    """Tell which other architecture a state dict is of; None for a Swin-UPerNet, and for what is unknown.

    >>> find_architecture(["vit.embeddings.cls_token"]).name
    'Vision Transformer (ViT, DeiT or DINOv2)'
    """
    names = [re.sub(r"^module\.", "", name) for name in names]
    for architecture in _ARCHITECTURES:
        if any(re.search(architecture.sign, name) for name in names):
            return architecture
    return None


def refuse_foreign(tensors: Mapping[str, Tensor], model_type: str = "") -> None:
    """Refuse a file of another architecture, saying what it is and what can be done.

    Args:
        tensors: a state dict under its publisher's names.
        model_type: what the config.json beside it calls it, empty if there is none.

    Raises:
        CheckpointError: it is such a file.
    """
    instead = "a Swin Transformer of the first version, such as the preset swin-t"
    found = find_architecture(tensors)
    if found is None:
        if model_type not in _OWN_TYPES and not has_swin_names(tensors):
            raise CheckpointError(
                f"it is no Swin Transformer, but a {model_type[:40]!r} as the config.json beside it says: "
                f"run it with transformers, and load {instead} here."
            )
        return
    reason = f"it is a {found.name}, {found.difference}"
    if _holds_swin(tensors) and found.name != "SwinV2":
        raise CheckpointError(
            f"{reason}: run it whole with {found.runs_with}, or take its Swin Transformer with "
            "swinviz.load_backbone(), which adds fresh heads to be trained."
        )
    raise CheckpointError(f"{reason}: run it with {found.runs_with}, and load {instead} here.")


def take_backbone(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the Swin Transformer out of a model with another head; other state dicts come back whole.

    >>> list(take_backbone({"model.pixel_level_module.encoder.model.encoder.layers.0.blocks.0.x": 0}))
    ['backbone.encoder.layers.0.blocks.0.x']
    """
    inside = {name: tensor for name, tensor in tensors.items() if _HOST.match(name)}
    if inside:
        return {_HOST.sub("backbone.", name): tensor for name, tensor in inside.items()}
    found = find_architecture(tensors)
    if found is None or not _holds_swin(tensors) or found.name == "SwinV2":
        return dict(tensors)
    return {name: tensor for name, tensor in tensors.items() if name.startswith("backbone.")}


def _holds_swin(tensors: Mapping[str, Tensor]) -> bool:
    """Tell whether there are windows of the first Swin, whose position bias is a table in every block."""
    return any(re.search(r"\.blocks\.0\..*relative_position_bias_table$", name) for name in tensors)
