"""Feature vectors of tokens: which look alike, in one picture and across pictures."""

from __future__ import annotations

from swinviz.features.clicks import class_from_clicks, probe_head
from swinviz.features.components import Components, principal_components
from swinviz.features.head_search import (
    Criterion,
    HeadSearch,
    Seen,
    TypicalWindow,
    at_a_distance,
    on_class,
    on_direction,
)
from swinviz.features.index import FeatureIndex, Match, build_index, load_index
from swinviz.features.probe import LinearProbe, ProbeSums, load_probe, save_probe
from swinviz.features.similarity import SimilarityMap, token_similarity, unit_vectors
from swinviz.features.tokens import TokenMap, read_tokens, token_map
from swinviz.features.tracking import (
    FlickerCount,
    Mixture,
    PointTracker,
    TrackedPoint,
    flicker,
    follow,
    smooth,
)

__all__ = [
    "Components",
    "Criterion",
    "FeatureIndex",
    "FlickerCount",
    "HeadSearch",
    "LinearProbe",
    "Match",
    "Mixture",
    "PointTracker",
    "ProbeSums",
    "Seen",
    "SimilarityMap",
    "TokenMap",
    "TrackedPoint",
    "TypicalWindow",
    "at_a_distance",
    "build_index",
    "class_from_clicks",
    "flicker",
    "follow",
    "load_index",
    "load_probe",
    "on_class",
    "on_direction",
    "principal_components",
    "probe_head",
    "read_tokens",
    "save_probe",
    "smooth",
    "token_map",
    "token_similarity",
    "unit_vectors",
]
