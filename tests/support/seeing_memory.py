"""Memory of one way of seeing: python -m support.seeing_memory WAY, in a process of its own.

Prints the most bytes in use beside swin-t with random weights while it looks at a picture of 512x512.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from swinviz import PRESETS, SwinUPerNet, attribution, features, interventions
from swinviz.attention import rollout
from swinviz.devices import peak_memory, reset_peak_memory
from swinviz.model.hooks import capture

SIZE = (512, 512)
PLACE = (200, 300)


def similarity(model: SwinUPerNet, picture: Tensor) -> None:
    tokens = features.read_tokens(model, picture, "stages.0.blocks.1.attn.head_out", head=1)
    features.token_similarity(tokens, PLACE, features.read_tokens(model, picture, tokens.name, head=1))
    features.token_similarity(features.read_tokens(model, picture, "head.fusion"), PLACE)


def components(model: SwinUPerNet, picture: Tensor) -> None:
    maps = [features.read_tokens(model, each, "stages.0.out") for each in (picture, picture.flip(3))]
    found = features.principal_components(maps, threshold=0.5)
    for each in maps:
        found.colors(each)


def lens(model: SwinUPerNet, picture: Tensor) -> None:
    attribution.decoder_lens(model, picture, PLACE)
    probes = attribution.train_probes(model, [(picture, None), (picture.flip(3), None)])
    attribution.probe_lens(model, picture, PLACE, probes)


def patching(model: SwinUPerNet, picture: Tensor) -> None:
    found = interventions.Patching(interventions.CachedRun(model, picture), picture.flip(3), PLACE)
    found.heads((0, 0))
    found.heads((3, 1))  # many heads: several copies at once
    found.tokens((3, 1))


def trust(model: SwinUPerNet, picture: Tensor) -> None:
    maps = attribution.explanations(model, picture, PLACE)
    options = attribution.TrustOptions(steps=2, random_orders=1)
    attribution.trust_curves(model, picture, PLACE, {"rollout": maps["rollout"]}, options=options)


def heads(model: SwinUPerNet, picture: Tensor) -> None:
    for criterion in (features.at_a_distance(), features.on_class(3), features.on_direction(torch.randn(96))):
        features.HeadSearch.run(model, [("a", picture), ("b", picture.flip(3))], criterion, "any", count=2)


def nearest(model: SwinUPerNet, picture: Tensor) -> None:
    index = features.build_index(model, [("a", picture), ("b", picture.flip(3))], "stages.0.out")
    index.nearest(index.vectors[5], 4)
    tokens = features.read_tokens(model, picture, "stages.0.out")
    features.class_from_clicks([(tokens, PLACE)], [(tokens, (9, 9))]).scores(tokens)


def video(model: SwinUPerNet, picture: Tensor) -> None:
    frames = (features.read_tokens(model, picture.roll(4 * n, 3), "stages.1.out") for n in range(4))
    for point in features.follow(frames, PLACE):
        with torch.no_grad(), capture(model, "stages.*.attn.pattern") as seen:
            model.features(picture)
        rollout(seen, point.pixel)


WAYS: dict[str, Callable[[SwinUPerNet, Tensor], None]] = {
    way.__name__: way for way in (similarity, components, lens, patching, trust, heads, nearest, video)
}


def resident() -> int:
    """Bytes of the process that are in memory now."""
    return 1024 * int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])


def main(way: str) -> int:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = SwinUPerNet(PRESETS["swin-t"].config()).eval().for_inference()
    picture = torch.randn(1, 3, *SIZE)
    gc.collect()
    before = resident()
    reset_peak_memory(torch.device("cpu"))
    WAYS[way](model, picture)
    return int(peak_memory(torch.device("cpu"))) - before


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1])}\n")
