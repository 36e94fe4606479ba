"""Attention patterns in the image: exact maps, statistics, rollout, reachability."""

from __future__ import annotations

from swinviz.attention.contributions import key_contributions, value_weighted_attention
from swinviz.attention.decomposition import AttentionDecomposition, bias_table_image, decompose_attention
from swinviz.attention.leakage import cross_region_attention, padding_leakage
from swinviz.attention.maps import AttentionMap, Pixel, Target, attention_to_image, token_weights
from swinviz.attention.projection import Projection, model_input
from swinviz.attention.reachability import Reach, block_geometries, reachable_pixels
from swinviz.attention.rollout import Rollout, RolloutStep, propagate, rollout, rollout_from
from swinviz.attention.statistics import HeadStatistics, head_statistics, model_statistics

__all__ = [
    "AttentionDecomposition",
    "AttentionMap",
    "HeadStatistics",
    "Pixel",
    "Projection",
    "Reach",
    "Rollout",
    "RolloutStep",
    "Target",
    "attention_to_image",
    "bias_table_image",
    "block_geometries",
    "cross_region_attention",
    "decompose_attention",
    "head_statistics",
    "key_contributions",
    "model_input",
    "model_statistics",
    "padding_leakage",
    "propagate",
    "reachable_pixels",
    "rollout",
    "rollout_from",
    "token_weights",
    "value_weighted_attention",
]
