"""Requests that run the model many times: the pixel lens."""

from __future__ import annotations

import numpy as np

from swinviz.explorer.arguments import Arguments
from swinviz.explorer.session import Session
from swinviz.explorer.wire_format import Fixed, pack

__all__ = ["lens"]


def lens(session: Session, _: Arguments) -> bytes:
    """Handle "lens": the answer of the decode head after every block, all later blocks skipped.

    The labels are at the decode head's resolution, for the whole picture, so that the page needs no further
    answer when another pixel is asked about.
    """
    steps = session.lens().steps
    kind = np.uint8 if session.model.config.num_classes <= 256 else np.uint16
    labels = np.stack([step.labels.cpu().numpy().astype(kind) for step in steps.values()])
    confidence = np.stack([step.confidence.cpu().numpy() for step in steps.values()])
    header = {"kind": "lens", "flipped": [step.flipped for step in steps.values()]}
    stored = Fixed(np.rint(255 * confidence).astype(np.uint8), 1 / 255)
    return pack(header, {"labels": labels, "confidence": stored})
