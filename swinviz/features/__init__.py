"""Feature vectors of tokens: which look alike, in one picture and across pictures."""

from __future__ import annotations

from swinviz.features.similarity import SimilarityMap, token_similarity, unit_vectors
from swinviz.features.tokens import TokenMap, read_tokens, token_map

__all__ = [
    "SimilarityMap",
    "TokenMap",
    "read_tokens",
    "token_map",
    "token_similarity",
    "unit_vectors",
]
