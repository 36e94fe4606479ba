"""swinviz: see inside a segmentation transformer.

    model = swinviz.load("nano")
    result = model.segment("photo.jpg")
    with swinviz.capture(model, "stages.*.blocks.*.attn.pattern") as seen:
        model.segment("photo.jpg")

Every public name below is imported when it is first used, so that `import swinviz` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swinviz.lazy import names_from

if TYPE_CHECKING:
    from swinviz.attention import attention_to_image
    from swinviz.checkpoints import available, load, load_backbone, save
    from swinviz.errors import SwinvizError
    from swinviz.evaluation import evaluate
    from swinviz.explorer import explore
    from swinviz.exporting import ExportOptions, export
    from swinviz.features import read_tokens, token_similarity
    from swinviz.images import read_image
    from swinviz.inference import InferenceOptions, Segmentation
    from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
    from swinviz.model.geometry import WindowGeometry
    from swinviz.model.hooks import Hook, capture, edit, list_hooks
    from swinviz.presets import PRESETS, build
    from swinviz.segmenter import SwinUPerNet
    from swinviz.streaming import stream

__version__ = "0.1.0"

_HOME = {
    "ExportOptions": "exporting",
    "HeadConfig": "model.config",
    "Hook": "model.hooks",
    "ModelConfig": "model.config",
    "InferenceOptions": "inference",
    "PRESETS": "presets",
    "Segmentation": "inference",
    "SwinConfig": "model.config",
    "SwinUPerNet": "segmenter",
    "SwinvizError": "errors",
    "WindowGeometry": "model.geometry",
    "attention_to_image": "attention",
    "available": "checkpoints",
    "build": "presets",
    "capture": "model.hooks",
    "edit": "model.hooks",
    "evaluate": "evaluation",
    "explore": "explorer",
    "export": "exporting",
    "list_hooks": "model.hooks",
    "load": "checkpoints",
    "load_backbone": "checkpoints",
    "read_image": "images",
    "read_tokens": "features",
    "save": "checkpoints",
    "stream": "streaming",
    "token_similarity": "features",
}

__all__ = [
    "PRESETS",
    "ExportOptions",
    "HeadConfig",
    "Hook",
    "InferenceOptions",
    "ModelConfig",
    "Segmentation",
    "SwinConfig",
    "SwinUPerNet",
    "SwinvizError",
    "WindowGeometry",
    "attention_to_image",
    "available",
    "build",
    "capture",
    "edit",
    "evaluate",
    "explore",
    "export",
    "list_hooks",
    "load",
    "load_backbone",
    "read_image",
    "read_tokens",
    "save",
    "stream",
    "token_similarity",
]


__getattr__ = names_from(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
