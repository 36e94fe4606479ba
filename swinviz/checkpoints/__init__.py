"""Published weights: reading every naming of them, fetching them, and writing our own.

model = load("swin-t")                     # a preset, fetched once and kept
model = load("epoch_10.pth")               # mmsegmentation, transformers, or our own file
save(model, "mine.safetensors")
"""

from swinviz.checkpoints.loading import load
from swinviz.checkpoints.saving import convert, save

__all__ = ["convert", "load", "save"]
