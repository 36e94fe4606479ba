"""Through the frames of a video: a point followed by its nearest features, flicker of labels, smoothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from swinviz.attention import Pixel
from swinviz.features.similarity import unit_vectors
from swinviz.features.tokens import TokenMap

__all__ = ["TrackedPoint", "flicker", "follow", "smooth"]


@dataclass(frozen=True)
class TrackedPoint:
    """A point in one frame.

    Attributes:
        pixel: (y, x) in input pixels: the middle of its token, in the first frame the point itself.
        similarity: cosine of its token with the point's first one, -1 to 1.
    """

    pixel: Pixel
    similarity: float


def follow(frames: Iterable[TokenMap], pixel: Pixel, *, reach: int = 3) -> Iterator[TrackedPoint]:
    """Follow a point through frames: in each, the token near its last place that is most like its first.

    The first vector is kept as the pattern, so that the point cannot drift from likeness to likeness.

    Args:
        frames: vectors of each frame at one hook point, one image each, of one size.
        pixel: (y, x) in the first frame, in input pixels.
        reach: farthest move between two frames, in tokens along each axis.

    Yields:
        The point in each frame, the first included.

    Raises:
        ValueError: the pixel is outside the frame.

    >>> import torch
    >>> still = torch.eye(16).view(1, 4, 4, 16)
    >>> frames = [TokenMap(still, 8, "stages.1.out"), TokenMap(still.roll(1, dims=2), 8, "stages.1.out")]
    >>> [point.pixel for point in follow(frames, (10, 9))]
    [(10, 9), (12, 20)]
    """
    asked: Tensor | None = None
    row, column = 0, 0
    for tokens in frames:
        if asked is None:
            asked = unit_vectors(tokens.at(pixel).float())
            row, column = pixel[0] // tokens.stride, pixel[1] // tokens.stride
            yield TrackedPoint(pixel, 1.0)
            continue
        top, left = max(row - reach, 0), max(column - reach, 0)
        near = tokens.vectors[0, top : row + reach + 1, left : column + reach + 1]
        cosines = unit_vectors(near.float()) @ asked.to(near.device)
        best = int(cosines.argmax())
        row, column = top + best // cosines.shape[1], left + best % cosines.shape[1]
        half = tokens.stride // 2
        middle = (row * tokens.stride + half, column * tokens.stride + half)
        yield TrackedPoint(middle, float(cosines.flatten()[best].clamp(-1.0, 1.0)))


def flicker(labels: Iterable[Tensor], fps: float) -> float:
    """Measure how often a pixel changes its class, in changes per second; motion counts too.

    Args:
        labels: (H, W) classes of each frame, of one size.
        fps: frames per second.

    Raises:
        ValueError: there are fewer than two frames.

    >>> import torch
    >>> frames = [torch.tensor([[0, 1]]), torch.tensor([[0, 2]]), torch.tensor([[0, 1]])]
    >>> flicker(frames, fps=10.0)
    5.0
    """
    before: Tensor | None = None
    changed, pairs = 0.0, 0
    for each in labels:
        if before is not None:
            changed += float((each != before).double().mean())
            pairs += 1
        before = each
    if not pairs:
        raise ValueError("flicker lies between frames: give at least two.")
    return changed / pairs * fps


def smooth(probabilities: Iterable[Tensor], keep: float = 0.6) -> Iterator[Tensor]:
    """Smooth probabilities over frames: each is mixed with the mixture before it.

    Args:
        probabilities: (K, H, W) of each frame, of one size.
        keep: share of the mixture before, 0 (no smoothing) to below 1; a change is seen 1 / (1 - keep) frames
            late in the mean.

    Yields:
        (K, H, W) mixtures; still probabilities.

    Raises:
        ValueError: `keep` is outside 0 to below 1.

    >>> import torch
    >>> [float(each) for each in smooth([torch.zeros(1, 1, 1), torch.ones(1, 1, 1)], keep=0.75)]
    [0.0, 0.25]
    """
    if not 0.0 <= keep < 1.0:
        raise ValueError(f"keep is {keep}: choose it from 0 up to, not including, 1.")
    mixed: Tensor | None = None
    for each in probabilities:
        mixed = each if mixed is None else keep * mixed + (1 - keep) * each
        yield mixed
