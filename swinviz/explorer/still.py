"""The viewer as a still picture, for pages on which nothing runs."""

from __future__ import annotations

import io
import re
from urllib.parse import parse_qs

from swinviz.attention import attention_to_image
from swinviz.explorer.session import Session
from swinviz.model.hooks import BlockId

__all__ = ["ALT", "still"]

ALT = "The attention explorer as a still picture: what one pixel attends to, head by head."
"""The picture's description."""


def still(session: Session, state: str = "") -> bytes:
    """Draw what the viewer opens with: the attention of the permalink's pixel in its block, head by head.

    Args:
        session: the model and image.
        state: permalink; what it lacks or has out of range is chosen as the viewer does: the middle of the
            picture, the last block of the last stage but one.

    Returns:
        A PNG file.
    """
    from swinviz.plots import plot_attention

    fields = {name: values[-1] for name, values in parse_qs(state).items()}
    given = {name: int(text) for name, text in fields.items() if re.fullmatch(r"-?[0-9]{1,8}", text)}
    geometries = session.geometries
    block = BlockId(given.get("stage", 0), given.get("block", 0))
    if not {"stage", "block"} & fields.keys():
        block = [each for each in geometries if each.stage == max(0, max(geometries).stage - 1)][-1]
    elif block not in geometries:
        block = next(iter(geometries))
    places = zip("yx", session.size, strict=True)
    y, x = (min(max(given.get(name, side // 2), 0), side - 1) for name, side in places)
    looked = attention_to_image(session.pattern(block), geometries[block], query=(y, x), block=block)
    file = io.BytesIO()
    plot_attention(session.image, looked, own_scale=True).savefig(file, format="png", dpi=80)
    return file.getvalue()
