"""Feature vectors of tokens: which look alike, in one picture and across pictures."""

from __future__ import annotations

from swinviz.features.components import Components, principal_components
from swinviz.features.probe import LinearProbe, ProbeSums, load_probe, save_probe
from swinviz.features.similarity import SimilarityMap, token_similarity, unit_vectors
from swinviz.features.tokens import TokenMap, read_tokens, token_map

__all__ = [
    "Components",
    "LinearProbe",
    "ProbeSums",
    "SimilarityMap",
    "TokenMap",
    "load_probe",
    "principal_components",
    "read_tokens",
    "save_probe",
    "token_map",
    "token_similarity",
    "unit_vectors",
]
