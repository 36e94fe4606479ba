"""Published weights: reading every naming of them, fetching them, and writing our own.

model = load("swin-t")                     # a preset, fetched once and kept
model = load("epoch_10.pth")               # a file of mmsegmentation, transformers, or our own
save(model, "mine.safetensors")
"""

from swinviz.checkpoints.cache import Available, available, cache_folder
from swinviz.checkpoints.loading import load
from swinviz.checkpoints.saving import convert, save

__all__ = ["Available", "available", "cache_folder", "convert", "load", "save"]
