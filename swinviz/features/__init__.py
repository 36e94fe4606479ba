"""Feature vectors of tokens: which look alike, in one picture and across pictures."""

from __future__ import annotations

from swinviz.features.clicks import class_from_clicks, probe_head
from swinviz.features.components import Components, principal_components
from swinviz.features.index import FeatureIndex, Match, build_index, load_index
from swinviz.features.probe import LinearProbe, ProbeSums, load_probe, save_probe
from swinviz.features.similarity import SimilarityMap, token_similarity, unit_vectors
from swinviz.features.tokens import TokenMap, read_tokens, token_map

__all__ = [
    "Components",
    "FeatureIndex",
    "LinearProbe",
    "Match",
    "ProbeSums",
    "SimilarityMap",
    "TokenMap",
    "build_index",
    "class_from_clicks",
    "load_index",
    "load_probe",
    "principal_components",
    "probe_head",
    "read_tokens",
    "save_probe",
    "token_map",
    "token_similarity",
    "unit_vectors",
]
