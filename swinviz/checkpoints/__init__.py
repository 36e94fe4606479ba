"""Published weights: reading every naming of them, fetching them, and writing our own.

model = load("swin-t")                     # a preset, fetched once and kept
model = load("epoch_10.pth")               # a file of mmsegmentation, transformers, or our own
save(model, "mine.safetensors")
to_hub_format(model, "folder")             # for transformers
to_mmsegmentation(model, "theirs.pth")
"""

from swinviz.checkpoints.backbone import load_backbone
from swinviz.checkpoints.cache import Available, available, cache_folder
from swinviz.checkpoints.hub_format import push_to_hub, to_hub_format
from swinviz.checkpoints.loading import best_cached, find_intact, load, locate
from swinviz.checkpoints.mmseg_format import to_mmsegmentation
from swinviz.checkpoints.model_card import ModelCard
from swinviz.checkpoints.saving import convert, save

from_pretrained = load
"""The name that the hub's other libraries give to `load`; `push_to_hub` is its counterpart."""

__all__ = [
    "Available",
    "ModelCard",
    "available",
    "best_cached",
    "cache_folder",
    "convert",
    "find_intact",
    "from_pretrained",
    "load",
    "load_backbone",
    "locate",
    "push_to_hub",
    "save",
    "to_hub_format",
    "to_mmsegmentation",
]
