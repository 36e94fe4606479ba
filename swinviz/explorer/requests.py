"""Requests of the viewer and their handlers: messages are all that passes between Python and it.

manifest       the picture, the classes, where every block's windows lie (the model does not run)
segmentation   labels and confidence; with edits, also how many pixels they flip
block          one block's patterns, a byte a value
decomposition  one query's content, position and unmasked patterns
content        one block's content patterns in a byte a value, from which an offline file decomposes a query
timeline       what a query can see, or is made of, after each block
decision       what each level and pooling scale adds to the logit of a pixel's class
second         a second picture to compare with, opened (features.py has this and the next two)
features       one block's token vectors, from which the page takes cosines: what looks like the query
components     one block's token vectors as colors, by their principal components
lens           the answer after every block, all later ones skipped (analyses.py has this and the next two)
patching       what each head of a block, taken from another picture, adds to the logit of a pixel's class
trust          what is left of a pixel's class when what an explanation calls important is taken away
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from swinviz.attention import AttentionDecomposition, bias_table_image, reachable_pixels, rollout_from
from swinviz.attention.tokens import token_positions
from swinviz.explorer.analyses import EXPLANATIONS, lens, patching, trust
from swinviz.explorer.arguments import Arguments, block_of, edits_of, pixel_of
from swinviz.explorer.features import components, features, open_second
from swinviz.explorer.session import Session
from swinviz.explorer.wire_format import Fixed, fixed_point, pack, quantize_logs, quantize_rows
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId

__all__ = ["OfflineContents", "handle", "manifest"]

_CONTENT_SPAN = 12.0
"""Nats below a row's largest content probability that are still told apart: down to 6 in a million."""

ANALYSES = ("features", "components", "lens", "patching", "trust")
"""Requests that not every host can answer; a manifest lists those that its host can."""

Arrays = dict[str, NDArray[Any] | Fixed]


def handle(session: Session, name: str, arguments: Arguments | None = None) -> bytes:
    """Handle one request of the viewer.

    Args:
        session: the model and image.
        name: one of the requests above.
        arguments: of the request; they come from a browser, and are checked.

    Returns:
        A message (see `wire_format`).

    Raises:
        ValueError: there is no such request, or an argument is missing or out of range.
    """
    if name not in _HANDLERS:
        raise ValueError(f"the viewer asked for {name!r}: known requests are {', '.join(_HANDLERS)}.")
    return _HANDLERS[name](session, arguments or {})


@dataclass(frozen=True)
class OfflineContents:
    """Contents of a file with no Python behind it.

    Attributes:
        edits: names of the edits, one at a time, whose segmentations it holds.
        no_patterns: (stage, block) of the blocks whose patterns it does not hold.
        no_content: (stage, block) of the blocks whose content patterns it does not hold.
        timeline_every: grid, in pixels, of the queries whose timelines and decisions it holds; 0 for none.
        no_features: (stage, block) of the blocks whose token vectors it does not hold.
        components: whether it holds the principal components of all blocks.
        lens: whether it holds the answer after every block.
    """

    edits: Sequence[str] = ()
    no_patterns: Sequence[BlockId] = ()
    no_content: Sequence[BlockId] = ()
    timeline_every: int = 0
    no_features: Sequence[BlockId] = ()
    components: bool = False
    lens: bool = False


def manifest(session: Session, offline: OfflineContents | None = None) -> bytes:
    """Handle "manifest": the picture, and what there is to ask for.

    Args:
        session: the model and image.
        offline: contents of an offline file; None where Python stays behind the viewer.
    """
    config = session.model.config
    header = {
        "kind": "manifest",
        "title": session.title,
        "picture": session.picture,
        "pool_scales": session.model.config.head.pool_scales,
        "size": session.size,
        "classes": config.classes,
        "palette": config.palette,
        "offline": None if offline is None else asdict(offline),
        "analyses": ANALYSES if offline is None else _kept_analyses(session, offline),
        "explanations": EXPLANATIONS,
        "blocks": [
            {
                "stage": stage,
                "block": block,
                "heads": config.backbone.num_heads[stage],
                "geometry": asdict(geometry),
            }
            for (stage, block), geometry in session.geometries.items()
        ],
    }
    return pack(header, {"image": session.image})


def _kept_analyses(session: Session, offline: OfflineContents) -> list[str]:
    kept = {
        "features": len(offline.no_features) < len(session.geometries),
        "components": offline.components,
        "lens": offline.lens,
        "patching": False,
        "trust": False,
    }
    return [name for name in ANALYSES if kept[name]]


def _segmentation(session: Session, arguments: Arguments) -> bytes:
    edits = edits_of(session, arguments)
    run = session.run(edits)
    header: dict[str, Any] = {"kind": "segmentation"}
    if edits:
        header["flipped"] = int((run.labels != session.run().labels).sum())
    kind = np.uint8 if session.model.config.num_classes <= 256 else np.uint16
    confidence = Fixed(np.rint(255 * run.confidence).astype(np.uint8), 1 / 255)
    return pack(header, {"labels": run.labels.astype(kind), "confidence": confidence})


def _block(session: Session, arguments: Arguments) -> bytes:
    key, edits = block_of(session, arguments), edits_of(session, arguments)
    pattern = session.pattern(key, edits)[0]  # nW nH N N
    geometry = session.run(edits).inputs[key].geometry
    rows = quantize_rows(pattern.numpy())
    table = bias_table_image(session.module(key).attn.relative_position_bias_table)
    arrays: Arrays = {
        "levels": rows.levels,
        "peaks": rows.peaks,
        "bias": table.float().cpu().contiguous().numpy(),
        "entropy": fixed_point(torch.special.entr(pattern).sum(dim=-1).numpy()),
        "distance": fixed_point(_distances(pattern, geometry).numpy()),
    }
    header = {"kind": "block", "stage": key[0], "block": key[1], "geometry": asdict(geometry)}
    return pack(header, arrays)


def _distances(pattern: Tensor, geometry: WindowGeometry) -> Tensor:
    """(nW, nH, N) mean distance of each row's keys, in input pixels, as `head_statistics` has it."""
    places = token_positions(geometry).float()  # nW N 2
    distances = torch.cdist(places, places) * geometry.stride  # nW N N
    return torch.einsum("whqk,wqk->whq", pattern, distances)


def _decomposition(session: Session, arguments: Arguments) -> bytes:
    key = block_of(session, arguments)
    found = session.decomposition(key)
    window, query = found.geometry.locate(*pixel_of(session, arguments))
    arrays: Arrays = {
        name: np.ascontiguousarray(getattr(found, name)[0, window, :, query].numpy())  # nH N
        for name in ("content", "unmasked")
    }
    arrays["position"] = np.ascontiguousarray(found.position[:, query].numpy())
    header = {"kind": "decomposition", "window": window, "query": query, "divergence": _divergences(found)}
    return pack(header, arrays)


def _content(session: Session, arguments: Arguments) -> bytes:
    found = session.decomposition(block_of(session, arguments))
    header = {"kind": "content", "span": _CONTENT_SPAN, "divergence": _divergences(found)}
    return pack(header, {"levels": quantize_logs(found.content[0].numpy(), _CONTENT_SPAN)})  # nW nH N N


def _divergences(found: AttentionDecomposition) -> dict[str, list[float]]:
    parts = ("content", "position", "mask")
    return {part: getattr(found, f"kl_{part}").double().tolist() for part in parts}


def _timeline(session: Session, arguments: Arguments) -> bytes:
    (y, x), edits = pixel_of(session, arguments), edits_of(session, arguments)
    kind = arguments.get("kind")
    if kind == "reach":
        if "no_mask" in edits:
            raise ValueError(
                "reach is known only with the mask on: tick it on again, or look at the rollout."
            )
        reached = reachable_pixels(
            session.model.backbone, session.size, (y, x), shift="no_shift" not in edits
        )
        stride = session.geometries[BlockId(0, 0)].stride
        maps = torch.stack([reach.pixels[::stride, ::stride].float() for reach in reached])  # blocks H W
        shares = [reach.share for reach in reached]
    elif kind == "rollout":
        patterns = session.mean_patterns(edits)
        walks = list(rollout_from(patterns, (y, x), session.geometries))
        maps = torch.stack([walk.tokens.float() for walk in walks])
        shares = [walk.lost for walk in walks]
    else:
        raise ValueError(f"the viewer asked for a timeline of {kind!r}: choose reach or rollout.")
    stored = F.avg_pool2d(maps, 2, ceil_mode=True) if arguments.get("coarse") else maps
    # Square roots, because a share of one in ten thousand shall still be told from none.
    rows = quantize_rows(stored.sqrt().flatten(1).numpy())
    patches = [_as_wide_as(tokens) for tokens in maps] if kind == "rollout" else []
    header = {"kind": "timeline", "of": kind, "y": y, "x": x, "shares": shares, "patches": patches}
    return pack(header, {"levels": rows.levels.reshape(stored.shape), "peaks": rows.peaks})


def _as_wide_as(shares: Tensor) -> float:
    """Number of equal shares that would be as spread out as these: the exponential of their entropy."""
    return float(torch.special.entr(shares.double() / shares.double().sum()).sum().exp())


def _decision(session: Session, arguments: Arguments) -> bytes:
    (y, x), edits = pixel_of(session, arguments), edits_of(session, arguments)
    found = session.decision((y, x), edits)
    confidence = float(session.run(edits).confidence[y, x])
    return pack({"kind": "decision", "y": y, "x": x, "confidence": confidence, **asdict(found)}, {})


_HANDLERS: dict[str, Callable[[Session, Arguments], bytes]] = {
    "manifest": lambda session, _: manifest(session),
    "segmentation": _segmentation,
    "block": _block,
    "decomposition": _decomposition,
    "content": _content,
    "timeline": _timeline,
    "decision": _decision,
    "second": open_second,
    "features": features,
    "components": components,
    "lens": lens,
    "patching": patching,
    "trust": trust,
}
