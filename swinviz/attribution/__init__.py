"""Exact logit attribution in the decode head, and gradients for a class over a pixel or region."""

from __future__ import annotations

from swinviz.attribution.gradients import Cam, class_activation
from swinviz.attribution.local import bounding_box, decode_box, fusion_shares
from swinviz.attribution.logit_attribution import LogitAttribution, decoder_logit_attribution, level_shares
from swinviz.attribution.receptive_field import effective_receptive_field
from swinviz.attribution.relevance import attention_relevance
from swinviz.attribution.targets import chosen_class, pixel_weights, target_logit, weights_on_map

__all__ = [
    "Cam",
    "LogitAttribution",
    "attention_relevance",
    "bounding_box",
    "chosen_class",
    "class_activation",
    "decode_box",
    "decoder_logit_attribution",
    "effective_receptive_field",
    "fusion_shares",
    "level_shares",
    "pixel_weights",
    "target_logit",
    "weights_on_map",
]
