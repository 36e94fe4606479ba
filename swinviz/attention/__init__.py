"""What attention patterns say about the image: exact maps, statistics, rollout, reachability."""

from __future__ import annotations

from swinviz.attention.audits import padding_attention, seam_attention
from swinviz.attention.contributions import key_contributions, value_weighted_attention
from swinviz.attention.maps import AttentionMap, Pixel, Place, attention_to_image, token_weights
from swinviz.attention.projection import Projection, model_input
from swinviz.attention.reachability import Reach, block_geometries, reachable_pixels
from swinviz.attention.rollout import Rollout, RolloutStep, rollout, rollout_from, walk_back
from swinviz.attention.split import PatternSplit, bias_table_image, split_pattern
from swinviz.attention.statistics import HeadStatistics, head_statistics, model_statistics

__all__ = [
    "AttentionMap",
    "HeadStatistics",
    "PatternSplit",
    "Pixel",
    "Place",
    "Projection",
    "Reach",
    "Rollout",
    "RolloutStep",
    "attention_to_image",
    "bias_table_image",
    "block_geometries",
    "head_statistics",
    "key_contributions",
    "model_input",
    "model_statistics",
    "padding_attention",
    "reachable_pixels",
    "rollout",
    "rollout_from",
    "seam_attention",
    "split_pattern",
    "token_weights",
    "value_weighted_attention",
    "walk_back",
]
