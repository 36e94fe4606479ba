"""What attention patterns say about the image: exact maps, statistics, rollout, reachability."""

from __future__ import annotations

from swinviz.attention.maps import AttentionMap, Place, attention_to_image
from swinviz.attention.projection import Projection, model_input

__all__ = ["AttentionMap", "Place", "Projection", "attention_to_image", "model_input"]
