"""The configuration of a model as the text that travels inside its `.safetensors` file."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from swinviz.checkpoints.errors import first_line
from swinviz.errors import CheckpointError
from swinviz.model.config import Color, HeadConfig, ModelConfig, SwinConfig

__all__ = ["METADATA_KEY", "decode_config", "encode_config", "parse_names", "parse_palette"]

METADATA_KEY = "swinviz"
"""Under which our safetensors files describe their model."""


def encode_config(config: ModelConfig) -> str:
    """Write a configuration as JSON.

    >>> decode_config(encode_config(ModelConfig(("sky", "sea")))) == ModelConfig(("sky", "sea"))
    True
    """
    return json.dumps(dataclasses.asdict(config), ensure_ascii=False)


def decode_config(text: str) -> ModelConfig:
    """Read what `encode_config` wrote.

    Raises:
        CheckpointError: it is no JSON, or describes no possible model.
    """
    try:
        values = json.loads(text)
        classes = parse_names(values["classes"])
        return ModelConfig(
            classes=classes,
            palette=parse_palette(values["palette"], len(classes)),
            backbone=SwinConfig(**_tuples(values["backbone"])),
            head=HeadConfig(**_tuples(values["head"])),
            scale=(int(values["scale"][0]), int(values["scale"][1])),
            unsure_below=float(values.get("unsure_below", 0.0)),
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"its description of the model is damaged ({first_line(error)}).") from error


def parse_names(names: Any) -> tuple[str, ...]:
    """Check class names from a file: a list of strings.

    Raises:
        CheckpointError: it is anything else.
    """
    if not isinstance(names, list | tuple) or not all(type(name) is str for name in names):
        raise CheckpointError("its classes are no list of names.")
    return tuple(names)


def parse_palette(palette: Any, count: int) -> tuple[Color, ...]:
    """Check a palette from a file: `count` colors of three whole numbers from 0 to 255.

    Raises:
        CheckpointError: it is anything else.
    """
    try:
        colors = tuple((int(red), int(green), int(blue)) for red, green, blue in palette)
    except (ValueError, TypeError, OverflowError) as error:
        raise CheckpointError(f"its palette is no list of RGB colors ({first_line(error)}).") from error
    if len(colors) != count or not all(0 <= value <= 255 for color in colors for value in color):
        raise CheckpointError(f"its palette does not hold {count} colors from 0 to 255.")
    return colors


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Turn JSON's lists back into tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
