"""Typical windows of a head: over many pictures, the queries at which it attends most to something."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.attention import HeadStatistics, head_statistics
from swinviz.attention.tokens import padding_places, token_positions
from swinviz.features.similarity import unit_vectors
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, capture
from swinviz.model.upsampling import upsample
from swinviz.segmenter import SwinUPerNet

__all__ = ["Criterion", "HeadSearch", "Seen", "TypicalWindow", "at_a_distance", "on_class", "on_direction"]


@dataclass(frozen=True)
class Seen:
    """One block's part in one picture's run, as a criterion gets it.

    Attributes:
        pattern: (nW, nH, N, N) attention probabilities, 0 to 1.
        geometry: window geometry of the block.
        stream: (H, W, C), the block's input.
        labels: (height, width) long, the model's own classes at the size of its input.
    """

    pattern: Tensor
    geometry: WindowGeometry
    stream: Tensor
    labels: Tensor


Criterion = Callable[[Seen], Tensor]
"""Scores every query of every head: a `Seen` -> (nW, nH, N), higher where more typical."""


@dataclass(frozen=True)
class TypicalWindow:
    """A window in which a head attends to what was searched for.

    Attributes:
        picture: name of the picture.
        block: the block.
        head: the head.
        window: number of the window.
        query: place of the query in the window.
        score: by the criterion, larger for more typical; a share (0..1) or a distance in pixels.
        keys: (N,) float32 attention of the query, sum 1.
        geometry: window geometry of the block.
    """

    picture: str
    block: BlockId
    head: int
    window: int
    query: int
    score: float
    keys: Tensor
    geometry: WindowGeometry

    @property
    def pixel(self) -> tuple[int, int]:
        """(y, x) of the middle of the query's token, in input pixels."""
        row, column = divmod(int(self.geometry.token_index[self.window, self.query]), self.geometry.width)
        half = self.geometry.stride // 2
        return row * self.geometry.stride + half, column * self.geometry.stride + half


@dataclass(frozen=True)
class HeadSearch:
    """The most typical windows of every head, and its statistics, over a data set.

    Attributes:
        typical: (block, head) -> windows by falling score, at most one a picture.
        statistics: block -> means over all pictures.
        pictures: number of pictures searched.
        criterion: what was searched for, in words.
    """

    typical: dict[tuple[BlockId, int], list[TypicalWindow]]
    statistics: dict[BlockId, HeadStatistics]
    pictures: int
    criterion: str

    @classmethod
    @torch.no_grad()
    def run(
        cls,
        model: SwinUPerNet,
        pictures: Iterable[tuple[str, Tensor]],
        criterion: Criterion,
        what: str,
        *,
        count: int = 6,
        progress: bool = False,
    ) -> HeadSearch:
        """Search every head of every block.

        Args:
            model: the model, in eval mode.
            pictures: (name, normalized image (1, 3, H, W)) each.
            criterion: `at_a_distance()`, `on_class(...)`, `on_direction(...)` or another.
            what: the criterion in words, for captions.
            count: windows kept for each head.
            progress: show a bar that counts pictures.

        Raises:
            ValueError: there is no picture.

        >>> from swinviz.model.config import ModelConfig
        >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
        >>> pictures = [("a", torch.randn(1, 3, 32, 48)), ("b", torch.randn(1, 3, 33, 32))]
        >>> found = HeadSearch.run(model, pictures, at_a_distance(), "far away")
        >>> [window.picture for window in found.typical[BlockId(1, 0), 1]] in (["a", "b"], ["b", "a"])
        True
        """
        typical: dict[tuple[BlockId, int], list[TypicalWindow]] = {}
        parts: dict[BlockId, list[HeadStatistics]] = {}
        searched = 0
        for name, image in tqdm(pictures, desc="heads", unit="picture", disable=not progress):
            searched += 1
            with capture(model, ["stages.*.attn.pattern", "stages.*.resid_pre"]) as seen:
                logits = model.decode(model.features(image))
            labels = upsample(logits, image.shape[-2:]).argmax(dim=1)[0].cpu()
            streams = seen.blocks("resid_pre")
            for block, (pattern, geometry) in seen.blocks("attn.pattern").items():
                parts.setdefault(block, []).append(head_statistics(pattern, geometry))
                scores = criterion(Seen(pattern[0], geometry, streams[block][0][0], labels))
                padding = padding_places(geometry, scores.device)[:, None]
                best = scores.masked_fill(padding, -torch.inf).transpose(0, 1).flatten(1).max(dim=1)
                for head, (score, number) in enumerate(
                    zip(best.values.tolist(), best.indices.tolist(), strict=True)
                ):
                    window, query = divmod(number, geometry.window_area)
                    keys = pattern[0, window, head, query].float().cpu()
                    found = TypicalWindow(name, block, head, window, query, score, keys, geometry)
                    kept = typical.setdefault((block, head), [])
                    kept.append(found)
                    kept.sort(key=lambda each: -each.score)
                    del kept[count:]
        if not searched:
            raise ValueError("there is no picture to search: give at least one.")
        statistics = {block: HeadStatistics.combine(each) for block, each in parts.items()}
        return cls(typical, statistics, searched, what)


def at_a_distance() -> Criterion:
    """Score queries by how far away they look: the mean distance of their keys, in input pixels.

    Padding counts for nothing.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)
    >>> to_the_left = torch.tensor([1.0, 0, 0, 0]).expand(1, 1, 4, 4)  # both tokens see only the first
    >>> seen = Seen(to_the_left, geometry, torch.zeros(1, 2, 8), torch.zeros(4, 8))
    >>> at_a_distance()(seen)[0, 0, :2].tolist()
    [0.0, 4.0]
    """

    def score(seen: Seen) -> Tensor:
        device = seen.pattern.device
        positions = token_positions(seen.geometry, device).float() * seen.geometry.stride  # nW N 2
        distances = torch.cdist(positions, positions)  # nW N N
        real = (~padding_places(seen.geometry, device)).float()
        return torch.einsum("whqk,wqk,wk->whq", seen.pattern.float(), distances, real)

    return score


def on_class(class_index: int) -> Criterion:
    """Score queries by attention on a class beyond what its share of the window's real tokens would give.

    Padding is no token of the picture: counted in, it would make every window at the border seem typical.

    Args:
        class_index: the class; a token's class is the model's own at the pixel in its middle.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)
    >>> to_the_left = torch.tensor([1.0, 0, 0, 0]).expand(1, 1, 4, 4)
    >>> labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0]).expand(4, 8)
    >>> on_class(1)(Seen(to_the_left, geometry, torch.zeros(1, 2, 8), labels))[0, 0, 1].item()
    0.5
    """

    def score(seen: Seen) -> Tensor:
        geometry = seen.geometry
        rows, columns = (
            (torch.arange(count) * geometry.stride + geometry.stride // 2).clamp(max=side - 1)
            for count, side in zip((geometry.height, geometry.width), seen.labels.shape, strict=True)
        )
        shows = (seen.labels[rows[:, None], columns[None, :]] == class_index).float()  # H W
        windowed = geometry.to_windows(shows[None, :, :, None])[0, :, :, 0].to(seen.pattern.device)  # nW N
        attended = torch.einsum("whqk,wk->whq", seen.pattern.float(), windowed)
        real = (~padding_places(geometry, windowed.device)).sum(dim=1)
        return attended - (windowed.sum(dim=1) / real)[:, None, None]

    return score


def on_direction(direction: Tensor) -> Criterion:
    """Score queries by the mean cosine of their keys' vectors with a direction, weighed by attention.

    Args:
        direction: (C,) in the residual stream; blocks of other widths score 0.

    >>> geometry = WindowGeometry(height=1, width=2, window_size=2, shift_size=0, stride=4)
    >>> to_the_left = torch.tensor([1.0, 0, 0, 0]).expand(1, 1, 4, 4)
    >>> seen = Seen(to_the_left, geometry, torch.tensor([[[0.0, 2.0], [1.0, 0.0]]]), torch.zeros(4, 8))
    >>> on_direction(torch.tensor([0.0, 1.0]))(seen)[0, 0, 1].item()
    1.0
    """

    def score(seen: Seen) -> Tensor:
        if seen.stream.shape[-1] != len(direction):
            return seen.pattern.new_zeros(seen.pattern.shape[:3])
        cosines = unit_vectors(seen.stream.float()) @ unit_vectors(direction.to(seen.stream).float())
        windowed = seen.geometry.to_windows(cosines[None, :, :, None])[0, :, :, 0]  # nW N; padding is 0
        return torch.einsum("whqk,wk->whq", seen.pattern.float(), windowed)

    return score
