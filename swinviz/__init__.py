"""swinviz: see inside a segmentation transformer.

    model = swinviz.load("nano")
    result = model.segment("photo.jpg")
    with swinviz.capture(model, "stages.*.blocks.*.attn.pattern") as seen:
        model.segment("photo.jpg")

Every public name below is imported when it is first used, so that `import swinviz` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swinviz.config import HeadConfig, ModelConfig, SwinConfig
    from swinviz.geometry import WindowGeometry
    from swinviz.hooks import Hook, capture, edit, list_hooks
    from swinviz.segmenter import SwinUPerNet

__version__ = "0.1.0"

_HOME = {
    "HeadConfig": "config",
    "Hook": "hooks",
    "ModelConfig": "config",
    "SwinConfig": "config",
    "SwinUPerNet": "segmenter",
    "WindowGeometry": "geometry",
    "capture": "hooks",
    "edit": "hooks",
    "list_hooks": "hooks",
}

__all__ = [
    "HeadConfig",
    "Hook",
    "ModelConfig",
    "SwinConfig",
    "SwinUPerNet",
    "WindowGeometry",
    "capture",
    "edit",
    "list_hooks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'swinviz' has no attribute {name!r}")
    value = getattr(import_module(f"swinviz.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
