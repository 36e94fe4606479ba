"""Exact logit attribution in the decode head, and gradients for a class over a pixel or region."""

from __future__ import annotations

from swinviz.attribution.block_probes import load_probes, save_probes, shipped_probes
from swinviz.attribution.explanations import explanations
from swinviz.attribution.gradients import Cam, class_activation
from swinviz.attribution.imputation import linear_imputation
from swinviz.attribution.lens import Lens, LensStep, decoder_lens, probe_lens, train_probes
from swinviz.attribution.local import (
    bounding_box,
    copies_at_once,
    decode_box,
    fusion_shares,
    place_logits,
    place_score,
    pyramid_levels,
)
from swinviz.attribution.logit_attribution import (
    DecoderAttribution,
    LogitAttribution,
    decoder_logit_attribution,
    level_shares,
)
from swinviz.attribution.receptive_field import effective_receptive_field
from swinviz.attribution.relevance import attention_relevance
from swinviz.attribution.targets import chosen_class, pixel_weights, target_logit, weights_on_map
from swinviz.attribution.trust import MEASURES, Trust, TrustOptions, cell_order, trust_curves
from swinviz.attribution.trust_table import TrustRow, TrustTable, disc, trust_table

__all__ = [
    "MEASURES",
    "Cam",
    "DecoderAttribution",
    "Lens",
    "LensStep",
    "LogitAttribution",
    "Trust",
    "TrustOptions",
    "TrustRow",
    "TrustTable",
    "attention_relevance",
    "bounding_box",
    "cell_order",
    "chosen_class",
    "class_activation",
    "copies_at_once",
    "decode_box",
    "decoder_lens",
    "decoder_logit_attribution",
    "disc",
    "effective_receptive_field",
    "explanations",
    "fusion_shares",
    "level_shares",
    "linear_imputation",
    "load_probes",
    "pixel_weights",
    "place_logits",
    "place_score",
    "probe_lens",
    "pyramid_levels",
    "save_probes",
    "shipped_probes",
    "target_logit",
    "train_probes",
    "trust_curves",
    "trust_table",
    "weights_on_map",
]
