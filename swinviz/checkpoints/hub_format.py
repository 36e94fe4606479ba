"""Models for people who use transformers: a folder that `UperNetForSemanticSegmentation` loads.

The weights also carry our own configuration inside, so that `load` reads the folder back with palette and
scale: one copy on the hub serves both libraries.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from swinviz.checkpoints.errors import first_line
from swinviz.checkpoints.metadata import METADATA_KEY, encode_config
from swinviz.checkpoints.mmseg_format import HEAD_RULES
from swinviz.checkpoints.model_card import ModelCard
from swinviz.errors import CheckpointError, DownloadError
from swinviz.files import replacing
from swinviz.model.config import ModelConfig
from swinviz.segmenter import SwinUPerNet

__all__ = ["push_to_hub", "to_hub_format"]

_RULES = (
    (r"^backbone\.patch_embed\.proj\.", "backbone.embeddings.patch_embeddings.projection."),
    (r"^backbone\.patch_embed\.norm\.", "backbone.embeddings.norm."),
    (r"^backbone\.stages\.", "backbone.encoder.layers."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.", ".attention.self."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    *HEAD_RULES,
    (r"\.bn\.", ".batch_norm."),
)


def to_hub_format(model: SwinUPerNet, folder: str | os.PathLike[str], card: ModelCard | None = None) -> Path:
    """Write a model as the folder that transformers loads and that gives the same logits there.

    Args:
        model: any model whose auxiliary head, if it has one, reads stage 2, as transformers' always does.
        folder: where to; made if missing. Files of the same names are replaced.
        card: what README.md says; by default the classes alone.

    Returns:
        The folder, with model.safetensors, config.json, preprocessor_config.json and README.md.

    Raises:
        CheckpointError: an auxiliary head on another stage, or windows that are never shifted.
        OSError: the folder cannot be written to.
    """
    config = model.config
    if config.head.aux_channels and config.head.aux_stage != 2:
        raise CheckpointError(
            f"The auxiliary head reads stage {config.head.aux_stage}, but transformers knows only stage 2: "
            "save the model as .safetensors instead."
        )
    if not config.backbone.shifted:
        raise CheckpointError(
            "The model never shifts its windows, which transformers cannot be told: "
            "save the model as .safetensors instead."
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _hub_tensors(model.state_dict())
    with replacing(folder / "model.safetensors") as temporary:
        save_file(tensors, temporary, metadata={"format": "pt", METADATA_KEY: encode_config(config)})
    for name, text in (
        ("config.json", json.dumps(_hub_config(config), indent=2)),
        ("preprocessor_config.json", json.dumps(_preprocessing(config), indent=2)),
        ("README.md", (card or ModelCard()).text(config)),
    ):
        with replacing(folder / name) as temporary:
            temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return folder


def push_to_hub(
    model: SwinUPerNet,
    hub_id: str,
    *,
    private: bool = False,
    message: str = "Upload model",
    card: ModelCard | None = None,
) -> str:
    """Publish a model on the Hugging Face hub, for transformers and for `load` alike.

    Args:
        model: the model, as for `to_hub_format`.
        hub_id: "user/name"; the repository is made if it does not exist.
        private: whether only its owner may see a repository that is made.
        message: what the commit says.
        card: what the repository's page says: license and figures. Its name becomes `hub_id`.

    Returns:
        Address of the commit.

    Raises:
        CheckpointError: as `to_hub_format`.
        DownloadError: no network, not logged in, or no right to write there.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with tempfile.TemporaryDirectory() as folder:
        to_hub_format(model, folder, replace(card or ModelCard(), name=hub_id))
        try:
            repository = api.create_repo(hub_id, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=repository.repo_id, folder_path=folder, commit_message=message)
        except Exception as error:  # its HTTP library's errors come through, and differ by version
            raise DownloadError(
                f"Could not publish {hub_id!r} ({type(error).__name__}: {first_line(error)}): check the "
                "network, the name, and that `hf auth login` was done with a token that may write."
            ) from error
    return str(commit.commit_url)


def _hub_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict, and part query, key and value."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        parts = (
            {
                name.replace(".qkv.", f".{part}."): third
                for part, third in zip(_QKV, tensor.chunk(3), strict=True)
            }
            if ".attn.qkv." in name
            else {name: tensor}
        )
        renamed |= {_rename(key): value.clone().contiguous() for key, value in parts.items()}
    return renamed


_QKV = ("query", "key", "value")


def _rename(name: str) -> str:
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return re.sub(
        r"^backbone\.norms\.(\d+)\.", lambda n: f"backbone.hidden_states_norms.stage{int(n[1]) + 1}.", name
    )


def _hub_config(config: ModelConfig) -> dict[str, Any]:
    backbone, head = config.backbone, config.head
    stages = [f"stage{number}" for number in range(1, len(backbone.depths) + 1)]
    labels = dict(enumerate(config.classes))
    return {
        "architectures": ["UperNetForSemanticSegmentation"],
        "model_type": "upernet",
        "backbone_config": {
            "model_type": "swin",
            "embed_dim": backbone.embed_dim,
            "depths": list(backbone.depths),
            "num_heads": list(backbone.num_heads),
            "window_size": backbone.window_size,
            "mlp_ratio": backbone.mlp_ratio,
            "drop_path_rate": backbone.drop_path_rate,
            "out_features": stages,
        },
        "hidden_size": head.channels,
        "pool_scales": list(head.pool_scales),
        "use_auxiliary_head": bool(head.aux_channels),
        "auxiliary_channels": head.aux_channels or 256,
        "auxiliary_in_channels": backbone.channels[head.aux_stage] if head.aux_channels else 384,
        "auxiliary_num_convs": 1,
        "id2label": {str(index): label for index, label in labels.items()},
        "label2id": {label: index for index, label in labels.items()},
    }


def _preprocessing(config: ModelConfig) -> dict[str, Any]:
    """Settings of transformers' image processor; it resizes to a square, where we keep the ratio."""
    side = config.scale[1]
    return {
        "image_processor_type": "SegformerImageProcessor",
        "do_resize": True,
        "size": {"height": side, "width": side},
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "do_reduce_labels": False,
    }
