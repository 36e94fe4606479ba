"""Giving a trained model other classes, which is how fine-tuning begins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from swinviz.model.config import Color
from swinviz.model.fast import accelerate
from swinviz.segmenter import SwinUPerNet

__all__ = ["with_classes"]

log = logging.getLogger(__name__)


def with_classes(model: SwinUPerNet, classes: Sequence[str], palette: Sequence[Color] = ()) -> SwinUPerNet:
    """Copy a model for other classes: its classifiers start anew, except for classes that it knows by name.

    Args:
        model: a trained model.
        classes: class names of the data to train on, in the order of the labels.
        palette: one RGB color (0..255) a class; made up where none is given.

    Returns:
        A new model; the same weights everywhere if the classes are the same.
    """
    config = replace(model.config, classes=tuple(classes), palette=tuple(palette))
    adapted = accelerate(SwinUPerNet(config))
    adapted = adapted.to(model.device, model.dtype).train(model.training)
    kept = {name: value for name, value in model.state_dict().items() if "classifier" not in name}
    adapted.load_state_dict(kept, strict=False)
    _copy_rows(model.head.classifier, adapted.head.classifier, model.config.classes, classes)
    if model.aux is not None and adapted.aux is not None:
        _copy_rows(model.aux.classifier, adapted.aux.classifier, model.config.classes, classes)
    if tuple(classes) != model.config.classes:
        known = [name for name in classes if name in model.config.classes]
        log.warning(
            "The classifier is re-initialized for %d classes instead of %d; it keeps %s.",
            len(classes),
            model.config.num_classes,
            f"what it knows of {', '.join(known)}" if known else "none of the old ones, by their names",
        )
    return adapted


@torch.no_grad()
def _copy_rows(old: nn.Conv2d, new: nn.Conv2d, known: Sequence[str], wanted: Sequence[str]) -> None:
    """Copy the weights of every class that both classifiers have."""
    for row, name in enumerate(wanted):
        if name in known:
            source = known.index(name)
            new.weight[row] = old.weight[source]
            if old.bias is not None and new.bias is not None:
                new.bias[row] = old.bias[source]
