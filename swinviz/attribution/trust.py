"""Belief that an explanation deserves: what happens to the logit when what it calls important is taken away.

The input is divided into cells. Each explanation orders them; cells are removed or shown in that order, and
the probability of the class at the place is read after each step. All explanations are cut into the same
cells, and so are orders drawn at random, so that the size of the pieces favors nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.attention import Target
from swinviz.attribution.imputation import linear_imputation
from swinviz.attribution.local import bounding_box, copies_at_once, decode_box, place_score
from swinviz.attribution.targets import pixel_weights, weights_on_map
from swinviz.segmenter import SwinUPerNet

__all__ = ["MEASURES", "Trust", "TrustOptions", "cell_order", "trust_curves"]

MEASURES = ("deletion", "insertion", "road most", "road least")
"""Curves of `Trust`: most important cells made gray first; most important cells shown first, over a blurred
picture; most (and least) important cells imputed from their neighbors first."""

_TOLERANCE = (
    0.02  # of imputed pixels, in units of the normalized input: below the noise that hides them anyway
)
_NOISE = 0.01 / 0.226  # ROAD's 0.01 of the range of a pixel, in units of the normalized input


@dataclass(frozen=True)
class TrustOptions:
    """Conditions under which explanations are compared.

    Attributes:
        cell: side of a cell, in pixels.
        steps: number S of fractions 0, 1/S ... (S-1)/S of the cells that are removed or shown.
        random_orders: number R of random orders to compare with.
        at_once: most pictures that are run through the model at once; large ones are fewer.
        seed: of random orders, of ties inside an explanation and of ROAD's noise.

    Raises:
        ValueError: a number below 1, or a seed below 0.
    """

    cell: int = 16
    steps: int = 8
    random_orders: int = 4
    at_once: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("cell", "steps", "random_orders", "at_once"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least 1.")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: give 0 or more.")


@dataclass(frozen=True)
class Trust:
    """Probability of a class at a place while the picture is taken away or given back.

    Attributes:
        curves: explanation -> measure of `MEASURES` -> (S,) float64, probabilities 0 to 1.
        random: measure -> (R, S) float64, the same for random orders.
        fractions: (S,) shares of the cells removed or shown, 0 to below 1.
        probability: of the class in the whole picture, 0 to 1.
        class_index: the class.
        place: pixel (y, x) of the model's input, or mask (H, W) over it.
        options: cells, steps and orders.
    """

    curves: dict[str, dict[str, Tensor]]
    random: dict[str, Tensor]
    fractions: Tensor
    probability: float
    class_index: int
    place: Target
    options: TrustOptions = field(default_factory=TrustOptions)

    def scores(self) -> dict[str, dict[str, float]]:
        """Sum each explanation up: explanation (and "random") -> measure -> mean over the fractions.

        "deletion" is better low, "insertion" high, "road" (least first minus most first) high.
        """
        means = {
            name: {measure: float(curve.mean()) for measure, curve in curves.items()}
            for name, curves in self.curves.items()
        }
        means["random"] = {measure: float(curves.mean()) for measure, curves in self.random.items()}
        return {
            name: {
                "deletion": each["deletion"],
                "insertion": each["insertion"],
                "road": each["road least"] - each["road most"],
            }
            for name, each in means.items()
        }


@torch.no_grad()
def trust_curves(
    model: SwinUPerNet,
    images: Tensor,
    place: Target,
    explanations: Mapping[str, Tensor],
    class_index: int | None = None,
    options: TrustOptions | None = None,
    *,
    batch: int = 0,
    progress: bool = False,
) -> Trust:
    """Measure which explanations of a class's logit at a place find what the model needs.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it.
        explanations: name -> (H, W), higher where more important, as `explanations` gives them.
        class_index: the class; by default the one with the highest mean logit at the place.
        options: cells, steps, random orders.
        batch: which image of the batch.
        progress: show a bar that counts explanations.

    Returns:
        The curves, beside those of random orders. The probability is the softmax of the mean logits over the
        place.

    Raises:
        ValueError: an explanation of another size than the input, or the place is outside.

    Source:
        Deletion and insertion: Petsiuk et al. 2018 (RISE), section 3.4. ROAD: Rong et al. 2022.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> found = trust_curves(model, torch.randn(1, 3, 32, 48), (9, 9), {"any": torch.rand(32, 48)},
    ...                      options=TrustOptions(steps=4, random_orders=2))
    >>> found.curves["any"]["deletion"].shape, found.random["road most"].shape
    (torch.Size([4]), torch.Size([2, 4]))
    """
    options = options or TrustOptions()
    image = images[batch : batch + 1]
    size = (image.shape[-2], image.shape[-1])
    score = _Probability(model, image, place, class_index)
    generator = torch.Generator().manual_seed(options.seed)
    orders = {
        name: cell_order(values, size, options.cell, generator) for name, values in explanations.items()
    }
    cells = next(iter(orders.values())).numel() if orders else _cell_count(size, options.cell)
    drawn = [torch.randperm(cells, generator=generator) for _ in range(options.random_orders)]
    fractions = torch.arange(options.steps).double() / options.steps
    perturb = _Perturbations(image, options, fractions, generator, min(options.at_once, score.at_once))
    curves: dict[str, dict[str, Tensor]] = {}
    shown = tqdm(orders.items(), desc="trust", unit="explanation", disable=not progress)
    for name, order in shown:
        curves[name] = {measure: score(perturb(measure, order)) for measure in MEASURES}
    random = {
        measure: torch.stack([score(perturb(measure, order)) for order in drawn]) for measure in MEASURES
    }
    whole = float(score(iter([image])))
    return Trust(curves, random, fractions, whole, score.class_index, place, options)


def cell_order(values: Tensor, size: tuple[int, int], cell: int, generator: torch.Generator) -> Tensor:
    """Order cells of the input by the mean of an explanation, most important first, ties at random.

    Args:
        values: (H, W), higher where more important.
        size: (H, W) of the input, in pixels.
        cell: side of a cell, in pixels; cells at the right and bottom borders may be smaller.
        generator: decides between cells alike.

    Returns:
        (cells,) numbers of cells, counted row by row.

    Raises:
        ValueError: the explanation has another size than the input, or is not finite.

    >>> values = torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, 5.0]])
    >>> cell_order(values, (2, 3), 2, torch.Generator()).tolist()
    [1, 0]
    """
    if tuple(values.shape) != tuple(size):
        raise ValueError(f"the explanation is {tuple(values.shape)}, the input {tuple(size)}: give one size.")
    if not bool(values.isfinite().all()):
        raise ValueError("the explanation has values that are not finite, and they have no order.")
    means = F.avg_pool2d(values[None, None].double(), cell, ceil_mode=True, count_include_pad=False).flatten()
    shuffled = torch.randperm(len(means), generator=generator)
    return shuffled[means[shuffled].argsort(descending=True, stable=True)]


def _cell_count(size: tuple[int, int], cell: int) -> int:
    return -(-size[0] // cell) * -(-size[1] // cell)


class _Perturbations:
    """The input with cells removed or shown in some order, a few pictures at a time."""

    def __init__(
        self,
        image: Tensor,
        options: TrustOptions,
        fractions: Tensor,
        generator: torch.Generator,
        at_once: int,
    ) -> None:
        self.image, self.options, self.fractions, self.at_once = image, options, fractions, at_once
        self.size = (image.shape[-2], image.shape[-1])
        self.blurred = _blur(image, float(options.cell))
        noise = torch.randn(image.shape, generator=generator, dtype=torch.float32)
        self.noise = _NOISE * noise.to(image)

    def __call__(self, measure: str, order: Tensor) -> Iterator[Tensor]:
        if measure == "road least":
            order = order.flip(0)
        for start in range(0, len(self.fractions), self.at_once):
            counts = (self.fractions[start : start + self.at_once] * len(order)).round().long()
            taken = torch.stack([self._mask(order[:count]) for count in counts])[:, None]  # n 1 H W bool
            taken = taken.to(self.image.device)
            image = self.image.expand(len(taken), -1, -1, -1)
            if measure == "deletion":
                yield torch.where(taken, torch.zeros_like(image), image)
            elif measure == "insertion":
                yield torch.where(taken, image, self.blurred)
            else:
                yield torch.where(
                    taken, linear_imputation(image, ~taken[:, 0], tolerance=_TOLERANCE) + self.noise, image
                )

    def _mask(self, cells: Tensor) -> Tensor:
        """(H, W) bool, True in these cells."""
        rows, columns = (-(-side // self.options.cell) for side in self.size)
        chosen = torch.zeros(rows * columns, dtype=torch.bool)
        chosen[cells] = True
        spread = chosen.view(rows, columns)
        for axis in (0, 1):
            spread = spread.repeat_interleave(self.options.cell, axis)
        return spread[: self.size[0], : self.size[1]]


class _Probability:
    """The class's probability at a place, decoded there only."""

    def __init__(self, model: SwinUPerNet, image: Tensor, place: Target, class_index: int | None) -> None:
        self.model = model
        weights = pixel_weights(place, image.shape[-2:])
        features = model.features(image)
        on_map = weights_on_map(weights, features[0].shape[-2:])
        self.box = bounding_box(on_map)
        stream = (*features[0].shape[-2:], features[0].shape[1])
        self.at_once = copies_at_once(model.config, stream, stream[:2])
        self.on_map = on_map[self.box.top : self.box.bottom, self.box.left : self.box.right]
        _, self.class_index = place_score(model.head, features, weights, class_index)

    def __call__(self, batches: Iterator[Tensor]) -> Tensor:
        """(S,) float64 of the pictures that come in batches (n, 3, H, W)."""
        found = []
        for images in batches:
            logits = decode_box(self.model.head, self.model.features(images), self.box)
            mean = torch.einsum("bkhw,hw->bk", logits.double(), self.on_map.to(logits.device))
            found.append(mean.softmax(dim=1)[:, self.class_index].cpu())
        return torch.cat(found)


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (1, 3, H, W), borders repeated."""
    radius = int(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    kernel = (-(offsets**2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    flat = image.transpose(0, 1)  # 3 1 H W
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.transpose(2, 3))
    return flat.transpose(0, 1)
