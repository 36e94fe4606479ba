"""The configuration of a model as the text that travels inside its `.safetensors` file."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from swinviz.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.errors import CheckpointError

__all__ = ["METADATA_KEY", "decode_config", "encode_config"]

METADATA_KEY = "swinviz"


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
        values = {key: _tuples(value) for key, value in json.loads(text).items()}
        backbone = SwinConfig(**{key: _tuples(value) for key, value in values.pop("backbone").items()})
        head = HeadConfig(**{key: _tuples(value) for key, value in values.pop("head").items()})
        return ModelConfig(backbone=backbone, head=head, **values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"its description of the model is damaged ({error}).") from error


def _tuples(value: Any) -> Any:
    """Turn JSON's lists into tuples, all the way down."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
