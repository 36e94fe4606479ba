"""Metadata of an exported file: what a consumer must know of its model."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version

from swinviz.images import MEAN, STD
from swinviz.model.config import ModelConfig

__all__ = ["metadata"]


def metadata(config: ModelConfig, precision: str) -> dict[str, str]:
    """Make what a file says of its model: each value is JSON.

    Keys are classes, palette (RGB, 0..255), mean and std (of RGB levels 0..255), scale (long and short side
    in pixels that images are resized to), unsure_below (0..1), backbone and head (the fields of `SwinConfig`,
    the geometry's among them, and of `HeadConfig`), strides (pixels a token, by stage), swinviz (version),
    precision.

    Args:
        config: the model's.
        precision: type of the arithmetic: "float32", "float16", "bfloat16" or "int8".
    """
    values = {
        "classes": config.classes,
        "palette": config.palette,
        "mean": MEAN,
        "std": STD,
        "scale": config.scale,
        "unsure_below": config.unsure_below,
        "backbone": asdict(config.backbone),
        "strides": config.backbone.strides,
        "head": asdict(config.head),
        "precision": precision,
        "swinviz": version("swinviz"),
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
