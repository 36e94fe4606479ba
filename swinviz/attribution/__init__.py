"""What decided: the decode head's exact ledger, and gradients for a class over a pixel or region."""

from __future__ import annotations

from swinviz.attribution.gradients import Cam, class_activation
from swinviz.attribution.ledger import Ledger, decoder_ledger, level_shares
from swinviz.attribution.receptive_field import effective_receptive_field
from swinviz.attribution.relevance import attention_relevance
from swinviz.attribution.targets import chosen_class, pixel_weights, target_logit

__all__ = [
    "Cam",
    "Ledger",
    "attention_relevance",
    "chosen_class",
    "class_activation",
    "decoder_ledger",
    "effective_receptive_field",
    "level_shares",
    "pixel_weights",
    "target_logit",
]
