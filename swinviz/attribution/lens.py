"""The pixel lens: what the model would answer if it stopped at a block.

Two ways of asking. The decoder lens skips all later blocks (each is added to a residual stream, so without it
the stream goes on as it is) and lets the real merging, norms and decode head work with that. The probe lens
reads each block's stream with a linear probe of its own. The first says what the later parts can do with
what is there already; the second what is there. A text model's logit lens does the first for tokens, its
tuned lens the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from swinviz.attention import Target
from swinviz.attribution.targets import pixel_weights, weights_on_map
from swinviz.features import LinearProbe, ProbeSums, TokenMap
from swinviz.model.hooks import BlockId, capture
from swinviz.model.swin import Stage
from swinviz.model.upsampling import upsample
from swinviz.segmenter import SwinUPerNet

__all__ = ["Lens", "LensStep", "decoder_lens", "probe_lens", "train_probes"]


@dataclass(frozen=True)
class LensStep:
    """The answer after one block.

    Attributes:
        labels: (h, w) long, the class of each place of the answer's map.
        confidence: (h, w) float32, probability of that class, 0 to 1.
        probabilities: (K,) float64 at the place asked about, 0 to 1, sum 1.
        flipped: share of the picture whose class differs from the step before, 0 to 1; 0 for the first.
    """

    labels: Tensor
    confidence: Tensor
    probabilities: Tensor
    flipped: float


@dataclass(frozen=True)
class Lens:
    """Answers block by block.

    Attributes:
        steps: (stage, block) -> the answer after it, in the model's order.
        kind: "decoder" or "probe".
        final: (K,) float64 probabilities of the whole model at the place, 0 to 1.
        place: pixel (y, x) of the model's input, or mask (H, W) over it.
        size: (height, width) of the model's input, in pixels.
    """

    steps: dict[BlockId, LensStep]
    kind: Literal["decoder", "probe"]
    final: Tensor
    place: Target
    size: tuple[int, int]

    @property
    def decided(self) -> BlockId | None:
        """First block after which the place has the whole model's class and keeps it; None if none has."""
        found = None
        for block, step in self.steps.items():
            if int(step.probabilities.argmax()) != int(self.final.argmax()):
                found = None
            elif found is None:
                found = block
        return found


@torch.no_grad()
def decoder_lens(
    model: SwinUPerNet,
    images: Tensor,
    place: Target,
    *,
    batch: int = 0,
    progress: bool = False,
) -> Lens:
    """Ask the real decode head after every block, all later blocks skipped.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it.
        batch: which image of the batch.
        progress: show a bar that counts blocks.

    Returns:
        The answers, at the decode head's resolution (H/4, W/4); the last is the model's own.

    Raises:
        ValueError: the place is outside the image.

    Source:
        The logit lens (nostalgebraist 2020) and early exits; here for a pyramid of stages.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> lens = decoder_lens(model, torch.randn(1, 3, 33, 48), (9, 9))
    >>> [tuple(block) for block in lens.steps], lens.steps[BlockId(1, 1)].labels.shape
    ([(0, 0), (1, 0), (1, 1)], torch.Size([9, 12]))
    """
    image = images[batch : batch + 1]
    size = (image.shape[-2], image.shape[-1])
    weights = pixel_weights(place, size)
    with capture(model, "stages.*.resid_post") as seen:
        features = model.features(image)
    streams = seen.blocks("resid_post")
    answers: dict[BlockId, Tensor] = {}
    for block, (stream, _) in tqdm(streams.items(), desc="lens", unit="block", disable=not progress):
        answers[block] = model.decode([*features[: block.stage], *_stopped(model, stream, block.stage)])
    probabilities = {block: logits.softmax(dim=1)[0] for block, logits in answers.items()}
    at_place = {block: _mean_logits(logits, weights).softmax(dim=0) for block, logits in answers.items()}
    last = next(reversed(at_place))
    return Lens(_steps(probabilities, at_place), "decoder", at_place[last], place, size)


@torch.no_grad()
def train_probes(
    model: SwinUPerNet,
    samples: Iterable[tuple[Tensor, Tensor | None]],
    *,
    ridge: float = 1e-3,
    progress: bool = False,
) -> dict[BlockId, LinearProbe]:
    """Fit a linear probe to the residual stream after every block, in one pass over pictures.

    Args:
        model: the model, in eval mode.
        samples: normalized images (1, 3, H, W), with labels (H, W) of the model's classes (others, such as
            255, are left out), or with None for the classes that the model itself gives, which asks when the
            model's answer is there rather than when the right one is.
        ridge: penalty, as for `ProbeSums.solve`, at least 0.
        progress: show a bar that counts pictures.

    Returns:
        (stage, block) -> probe of its resid_post. A token's label is that of the pixel in its middle.

    Raises:
        ValueError: there is no labeled pixel in the samples.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> probes = train_probes(model, [(torch.randn(1, 3, 32, 48), None)])
    >>> probes[BlockId(1, 0)].weight.shape
    torch.Size([2, 16])
    """
    classes = model.config.classes
    sums: dict[BlockId, ProbeSums] = {}
    for image, given in tqdm(samples, desc="probes", unit="picture", disable=not progress):
        with capture(model, "stages.*.resid_post") as seen:
            features = model.features(image)
        size = (image.shape[-2], image.shape[-1])
        labels = given
        if labels is None:
            labels = upsample(model.decode(features), size).argmax(dim=1)[0]
        for block, (stream, geometry) in seen.blocks("resid_post").items():
            rows, columns = (
                (torch.arange(count) * geometry.stride + geometry.stride // 2).clamp(max=side - 1)
                for count, side in zip(stream.shape[1:3], size, strict=True)
            )
            chosen = labels.cpu().long()[rows[:, None], columns[None, :]].flatten()
            if block not in sums:
                sums[block] = ProbeSums(stream.shape[-1], len(classes))
            sums[block].add(stream.flatten(0, 2), chosen)
    if not sums:
        raise ValueError("there is no picture to fit probes to: give at least one.")
    return {block: each.solve(block.hook("resid_post"), classes, ridge=ridge) for block, each in sums.items()}


@torch.no_grad()
def probe_lens(
    model: SwinUPerNet,
    images: Tensor,
    place: Target,
    probes: Mapping[BlockId, LinearProbe],
    *,
    batch: int = 0,
) -> Lens:
    """Read the residual stream after every block with the block's linear probe.

    Args:
        model: the model, in eval mode.
        images: normalized images (B, 3, H, W).
        place: pixel (y, x) of the input, or mask (H, W) over it.
        probes: from `train_probes`.
        batch: which image of the batch.

    Returns:
        The answers, each at its stage's resolution.

    Raises:
        ValueError: the place is outside the image.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> x = torch.randn(1, 3, 32, 48)
    >>> probe_lens(model, x, (9, 9), train_probes(model, [(x, None)])).steps[BlockId(1, 0)].labels.shape
    torch.Size([4, 6])
    """
    image = images[batch : batch + 1]
    size = (image.shape[-2], image.shape[-1])
    weights = pixel_weights(place, size)
    with capture(model, "stages.*.resid_post") as seen:
        logits = model.decode(model.features(image))
    probabilities, at_place = {}, {}
    for block, (stream, geometry) in seen.blocks("resid_post").items():
        if block not in probes:
            continue
        tokens = TokenMap(stream, geometry.stride, block.hook("resid_post"))
        probabilities[block] = probes[block].probabilities(tokens)[0]
        at_place[block] = _mean_logits(probabilities[block][None], weights)
    final = _mean_logits(logits, weights).softmax(dim=0)
    return Lens(_steps(probabilities, at_place), "probe", final, place, size)


def _stopped(model: SwinUPerNet, stream: Tensor, stage: int) -> list[Tensor]:
    """Maps of a stage and all later ones, no further block run: (1, C, h, w) each."""
    maps = []
    for number in range(stage, len(model.backbone.stages)):
        module, norm = model.backbone.stages[number], model.backbone.norms[number]
        assert isinstance(module, Stage)
        assert isinstance(norm, nn.Module)
        maps.append(norm(stream).permute(0, 3, 1, 2))
        if module.downsample is not None:
            stream = module.downsample(stream)
    return maps


def _mean_logits(values: Tensor, weights: Tensor) -> Tensor:
    """(1, K, h, w) averaged over a place of the upsampled map: (K,) float64."""
    on_map = weights_on_map(weights, values.shape[-2:])
    return torch.einsum("khw,hw->k", values[0].cpu().double(), on_map)


def _steps(
    probabilities: Mapping[BlockId, Tensor], at_place: Mapping[BlockId, Tensor]
) -> dict[BlockId, LensStep]:
    steps: dict[BlockId, LensStep] = {}
    finest = max((each.shape[-2:] for each in probabilities.values()), default=(1, 1))
    before = None
    for block, each in probabilities.items():
        confidence, labels = each.max(dim=0)
        spread = nn.functional.interpolate(labels[None, None].float(), size=finest, mode="nearest")
        flipped = 0.0 if before is None else float((spread != before).double().mean())
        before = spread
        steps[block] = LensStep(labels, confidence.float(), at_place[block], flipped)
    return steps
