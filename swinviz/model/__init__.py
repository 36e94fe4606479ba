"""Swin-UPerNet. To be read in this order: config, geometry, hooks, swin, upsampling, upernet."""

from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import Hook, HookPoint, capture, edit, list_hooks
from swinviz.model.swin import SwinTransformer
from swinviz.model.upernet import FCNHead, UPerHead

__all__ = [
    "FCNHead",
    "HeadConfig",
    "Hook",
    "HookPoint",
    "ModelConfig",
    "SwinConfig",
    "SwinTransformer",
    "UPerHead",
    "WindowGeometry",
    "capture",
    "edit",
    "list_hooks",
]
