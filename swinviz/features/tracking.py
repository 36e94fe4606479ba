"""Through the frames of a video: a point followed by its nearest features, flicker of labels, smoothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from swinviz.attention import Pixel
from swinviz.features.similarity import unit_vectors
from swinviz.features.tokens import TokenMap

__all__ = ["FlickerCount", "Mixture", "PointTracker", "TrackedPoint", "flicker", "follow", "smooth"]


@dataclass(frozen=True)
class TrackedPoint:
    """A point in one frame.

    Attributes:
        pixel: (y, x) in input pixels: the middle of its token, in the first frame the point itself.
        similarity: mean cosine of its surroundings with the point's in the first frame, -1 to 1.
    """

    pixel: Pixel
    similarity: float


class PointTracker:
    """A point that is followed through frames which come one by one.

    In each frame it goes to the token near its last place whose surroundings are most like its own in the
    first frame: the highest mean cosine of tokens at the same offsets. A single token says little: on four
    photographs under a moving camera (`outdoor`, block 2.1, 600 steps) it was within a token of the truth at
    31 % of the steps, with 5x5 tokens at 87 %, with 7x7 at 95 %. The first frame's vectors are kept as the
    pattern, so that the point cannot drift from likeness to likeness.

    Args:
        pixel: (y, x) in the first frame, in input pixels.
        reach: farthest move between two frames, in tokens along each axis.
        around: tokens on each side that are compared too; more hold better to large things, and lose small
            ones.

    >>> import torch
    >>> still = torch.eye(16).view(1, 4, 4, 16)
    >>> tracker = PointTracker((10, 9))
    >>> [tracker.step(TokenMap(still.roll(n, dims=2), 8, "stages.1.out")).pixel for n in range(2)]
    [(10, 9), (12, 20)]
    """

    def __init__(self, pixel: Pixel, *, reach: int = 3, around: int = 3) -> None:
        self._pixel, self._reach, self._around = pixel, reach, around
        self._pattern: Tensor | None = None
        self._row, self._column = 0, 0

    def step(self, tokens: TokenMap) -> TrackedPoint:
        """Find the point in the next frame.

        Args:
            tokens: vectors (1, H, W, C) of the frame; all frames at one hook point and of one size.

        Raises:
            ValueError: the pixel is outside the first frame.
        """
        side = 2 * self._around + 1
        # Beyond the border the outermost tokens go on, so that places near it are compared like others.
        units = unit_vectors(tokens.vectors[:1].float()).permute(0, 3, 1, 2)  # 1 C H W
        padded = F.pad(units, (self._around,) * 4, mode="replicate")
        if self._pattern is None:
            tokens.at(self._pixel)  # raises where it is outside
            self._row, self._column = (at // tokens.stride for at in self._pixel)
            self._pattern = padded[
                :, :, self._row : self._row + side, self._column : self._column + side
            ].clone()
            return TrackedPoint(self._pixel, 1.0)
        top, left = max(self._row - self._reach, 0), max(self._column - self._reach, 0)
        bottom, right = (at + self._reach + side for at in (self._row, self._column))
        near = padded[:, :, top:bottom, left:right]
        cosines = F.conv2d(near, self._pattern.to(near.device))[0, 0] / side**2
        best = int(cosines.argmax())
        self._row, self._column = top + best // cosines.shape[1], left + best % cosines.shape[1]
        half = tokens.stride // 2
        middle = (self._row * tokens.stride + half, self._column * tokens.stride + half)
        return TrackedPoint(middle, float(cosines.flatten()[best].clamp(-1.0, 1.0)))


def follow(
    frames: Iterable[TokenMap], pixel: Pixel, *, reach: int = 3, around: int = 3
) -> Iterator[TrackedPoint]:
    """Follow a point through frames, as `PointTracker` does.

    Args:
        frames: vectors of each frame at one hook point, one image each, of one size.
        pixel: (y, x) in the first frame, in input pixels.
        reach: farthest move between two frames, in tokens along each axis.
        around: tokens on each side that are compared too.

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
    tracker = PointTracker(pixel, reach=reach, around=around)
    for tokens in frames:
        yield tracker.step(tokens)


class FlickerCount:
    """Changes of class, counted while frames come one by one.

    Attributes:
        changes: mean number of changes of a pixel so far, at least 0.
        frames: number of frames so far.

    >>> import torch
    >>> counted = FlickerCount()
    >>> for labels in ([0, 1], [0, 2], [0, 1]):
    ...     counted.add(torch.tensor([labels]))
    >>> import torch
    >>> counted.changes, counted.frames
    (1.0, 3)
    """

    def __init__(self) -> None:
        self.changes, self.frames = 0.0, 0
        self._before: Tensor | None = None

    def add(self, labels: Tensor) -> None:
        """Count a frame in.

        Args:
            labels: (H, W) classes; a frame of another size than the one before is compared with nothing.
        """
        if self._before is not None and labels.shape == self._before.shape:
            self.changes += float((labels != self._before).double().mean())
        self._before = labels
        self.frames += 1


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
    counted = FlickerCount()
    for each in labels:
        counted.add(each)
    if counted.frames < 2:
        raise ValueError("flicker lies between frames: give at least two.")
    return counted.changes / (counted.frames - 1) * fps


class Mixture:
    """Probabilities smoothed over frames that come one by one: each is mixed with the mixture before it.

    Args:
        keep: share of the mixture before, 0 (no smoothing) to below 1; a change is seen 1 / (1 - keep) frames
            late in the mean.

    Raises:
        ValueError: `keep` is outside 0 to below 1.

    >>> import torch
    >>> mixture = Mixture(keep=0.75)
    >>> import torch
    >>> [float(mixture.step(torch.tensor([value]))) for value in (0.0, 1.0)]
    [0.0, 0.25]
    """

    def __init__(self, keep: float = 0.6) -> None:
        if not 0.0 <= keep < 1.0:
            raise ValueError(f"keep is {keep}: choose it from 0 up to, not including, 1.")
        self._keep = keep
        self._mixed: Tensor | None = None

    def step(self, probabilities: Tensor) -> Tensor:
        """Mix the next frame in: (..., K, H, W) mixtures; still probabilities.

        Args:
            probabilities: (..., K, H, W) of the frame; all frames of one size.
        """
        mixed = probabilities
        if self._mixed is not None:
            mixed = self._keep * self._mixed + (1 - self._keep) * probabilities
        self._mixed = mixed
        return mixed


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
    mixture = Mixture(keep)
    for each in probabilities:
        yield mixture.step(each)
