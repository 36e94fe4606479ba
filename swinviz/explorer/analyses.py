"""Requests that run the model many times: the pixel lens, patching, trust.

Where one answer would take long, a request asks for a part: the page asks for one after the other, shows how
far it is, and stops when the visitor has gone on to another pixel.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from swinviz.attribution import TrustOptions, trust_curves
from swinviz.explorer.arguments import Arguments, block_of, pixel_of, region_of, second_of
from swinviz.explorer.session import Session
from swinviz.explorer.wire_format import Fixed, pack
from swinviz.images import resize

__all__ = ["EXPLANATIONS", "lens", "patching", "trust"]

EXPLANATIONS = (
    "attention",
    "value-weighted attention",
    "rollout",
    "similarity",
    "attention relevance",
    "grad-cam",
    "distance",
)
"""Explanations whose trust is measured, of `attribution.explanations`; the last is a guess to beat."""

_BLUR = 8
"""Radius of the blurred copy, in pixels: edges and texture go, colors and places stay."""


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


def patching(session: Session, arguments: Arguments) -> bytes:
    """Handle "patching": the change of the logit of a pixel's class by each head of a block from a donor.

    The donor is the picture's copy without color ("gray") or out of focus ("blurred"), or the second picture
    that is named, at the size of the first.

    Raises:
        ValueError: no such block, pixel, donor or second picture.
    """
    key, pixel = block_of(session, arguments), pixel_of(session, arguments)
    other = second_of(session, arguments)
    name = str(arguments.get("donor")) if other is None else str(arguments.get("second"))
    found = session.patching(pixel, name, lambda: _donor(session, other, name))
    heads, together = found.heads(key)
    header = {
        "kind": "patching",
        "stage": key[0],
        "block": key[1],
        "heads": heads.tolist(),
        "together": together,
        "receiver": found.receiver,
        "donor": found.donor,
        "class_index": found.class_index,
    }
    return pack(header, {})


def trust(session: Session, arguments: Arguments) -> bytes:
    """Handle "trust": the deletion and insertion curves of one explanation, beside a random order of its own.

    So that the page can show how far it is, it asks for one explanation after the other; the random orders of
    all of them together are the baseline.

    Raises:
        ValueError: no such explanation, block, pixel or region.
    """
    key, pixel = block_of(session, arguments), pixel_of(session, arguments)
    name, region = str(arguments.get("explanation")), region_of(session, arguments)
    if name not in EXPLANATIONS:
        raise ValueError(f"there is no explanation {name!r}: choose one of {', '.join(EXPLANATIONS)}.")
    place: tuple[int, int] | torch.Tensor = pixel
    if region:
        place = torch.zeros(session.size, dtype=torch.bool)
        place[region[0] : region[2], region[1] : region[3]] = True
    maps = session.explanations(key, place, region or pixel)
    options = TrustOptions(random_orders=1, seed=EXPLANATIONS.index(name))
    found = trust_curves(session.model, session.input(), place, {name: maps[name]}, options=options)
    header = {
        "kind": "trust",
        "explanation": name,
        "class_index": found.class_index,
        "probability": found.probability,
        "fractions": found.fractions.tolist(),
        "cell": options.cell,
        "curves": {measure: curve.tolist() for measure, curve in found.curves[name].items()},
        "random": {measure: curves[0].tolist() for measure, curves in found.random.items()},
    }
    return pack(header, {})


def _donor(session: Session, other: Session | None, name: str) -> NDArray[np.uint8]:
    """(H, W, 3), of the size of the session's picture."""
    if other is not None:
        return other.image if other.size == session.size else resize(other.image, session.size)
    picture = Image.fromarray(session.image)
    if name == "gray":
        return np.asarray(picture.convert("L").convert("RGB"))
    if name == "blurred":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(_BLUR)))
    raise ValueError(f"the viewer asked for a donor {name!r}: choose gray, blurred or a second picture.")
