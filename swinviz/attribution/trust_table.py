"""Belief in explanations over a data set: many pictures, places drawn at random, means with their spread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.attribution.explanations import explanations
from swinviz.attribution.trust import Trust, TrustOptions, trust_curves
from swinviz.segmenter import SwinUPerNet

__all__ = ["TrustRow", "TrustTable", "disc", "trust_table"]

_BETTER = {"deletion": -1.0, "insertion": 1.0, "road": 1.0}


@dataclass(frozen=True)
class TrustRow:
    """One explanation under one measure, over all places.

    Attributes:
        explanation: its name; "random" for the mean of the random orders.
        measure: "deletion" (better low), "insertion" or "road" (better high).
        mean: over places, a probability or (for road) a difference of probabilities, -1 to 1.
        spread: standard deviation over places, at least 0.
        advantage: mean of (score - random) over places, signed so that more is better, -1 to 1.
        error: standard error of the advantage, over pictures, at least 0.
        wins: share of places where it beats the mean of the random orders, 0 to 1.
    """

    explanation: str
    measure: str
    mean: float
    spread: float
    advantage: float
    error: float
    wins: float


@dataclass(frozen=True)
class TrustTable:
    """Scores of explanations at many places.

    Attributes:
        scores: one `Trust.scores()` a place: explanation -> measure -> score.
        pictures: number of the picture of each place.
        probabilities: of the class at each place in the whole picture, 0 to 1.
    """

    scores: tuple[dict[str, dict[str, float]], ...]
    pictures: tuple[int, ...]
    probabilities: tuple[float, ...]

    def rows(self) -> list[TrustRow]:
        """Sum up: one row an explanation and measure, best advantage first within each measure.

        Places of one picture resemble each other, so the standard error counts pictures, not places.
        """
        rows = []
        groups = torch.tensor(self.pictures)
        for measure, sign in _BETTER.items():
            chance = torch.tensor([each["random"][measure] for each in self.scores], dtype=torch.float64)
            found = []
            for name in self.scores[0]:
                values = torch.tensor([each[name][measure] for each in self.scores], dtype=torch.float64)
                gains = sign * (values - chance)
                by_picture = torch.stack(
                    [gains[groups == group].mean() for group in sorted(set(self.pictures))]
                )
                count = len(by_picture)
                found.append(
                    TrustRow(
                        name,
                        measure,
                        mean=float(values.mean()),
                        spread=float(values.std(correction=1)) if len(values) > 1 else 0.0,
                        advantage=float(gains.mean()),
                        error=float(by_picture.std(correction=1)) / count**0.5 if count > 1 else 0.0,
                        wins=float((gains > 0).double().mean()),
                    )
                )
            rows += sorted(found, key=lambda row: -row.advantage)
        return rows


def trust_table(
    model: SwinUPerNet,
    pictures: Iterable[Tensor],
    *,
    places: int = 2,
    radius: int = 8,
    options: TrustOptions | None = None,
    layer: str = "stages.3.out",
    block: tuple[int, int] | None = None,
    progress: bool = False,
) -> TrustTable:
    """Compare explanations at random places of many pictures.

    At each place the model's own class is explained, right or wrong: the question is what the model used.

    Args:
        model: the model, in eval mode.
        pictures: normalized images (1, 3, H, W).
        places: discs drawn in each picture.
        radius: of a disc, in pixels; 0 for single pixels.
        options: cells, steps, random orders; its seed draws the places too.
        layer: hook point of the class activation maps.
        block: (stage, block) of attention; by default as in `explanations`.
        progress: show a bar that counts pictures.

    Returns:
        The scores.

    Raises:
        ValueError: there is no picture.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> options = TrustOptions(steps=2, random_orders=1)
    >>> table = trust_table(model, [torch.randn(1, 3, 32, 48)], options=options, layer="stages.1.out")
    >>> len(table.scores), len(table.rows())  # 12 explanations and random, 3 measures
    (2, 39)
    """
    options = options or TrustOptions()
    generator = torch.Generator().manual_seed(options.seed)
    found: list[Trust] = []
    numbers = []
    for number, image in enumerate(tqdm(pictures, desc="trust", unit="picture", disable=not progress)):
        size = (image.shape[-2], image.shape[-1])
        for _ in range(places):
            y, x = (int(torch.randint(side, (), generator=generator)) for side in size)
            place = disc(size, (y, x), radius)
            maps = explanations(model, image, place, block=block, layer=layer)
            found.append(trust_curves(model, image, place, maps, options=options))
            numbers.append(number)
    if not found:
        raise ValueError("there is no picture to compare explanations on: give at least one, and a place.")
    return TrustTable(
        tuple(trust.scores() for trust in found),
        tuple(numbers),
        tuple(trust.probability for trust in found),
    )


def disc(size: tuple[int, int], center: tuple[int, int], radius: int) -> Tensor:
    """Mark the pixels within a distance of a pixel.

    Args:
        size: (height, width), in pixels.
        center: (y, x) of a pixel inside.
        radius: in pixels.

    Returns:
        (height, width) bool.

    >>> disc((3, 4), (0, 1), 1).int().tolist()
    [[1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    """
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])[None, :]
    return (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2
