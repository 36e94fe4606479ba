"""Token similarity against loops over tokens, at every hook point, across pictures, windows and sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.models import tiny_model
from torch import Tensor

from swinviz import features
from swinviz.features import TokenMap, token_similarity
from swinviz.model.hooks import capture

MAPS = (
    "patch_embed",
    "stages.1.blocks.1.resid_pre",
    "stages.0.blocks.1.resid_mid",
    "stages.3.blocks.1.resid_post",
    "stages.2.out",
    "stages.0.downsample",
    "head.lateral.1",
    "head.fpn.2",
    "head.bottleneck",
    "head.fusion.3",
    "head.fusion",
    "head.logits",
)


def cosine(a: Tensor, b: Tensor) -> float:
    """From the definition, number by number."""
    x, y = a.tolist(), b.tolist()
    dot = sum(p * q for p, q in zip(x, y, strict=True))
    return dot / math.sqrt(sum(p * p for p in x)) / math.sqrt(sum(q * q for q in y))


@pytest.mark.parametrize("window_size", [7, 12])
@pytest.mark.parametrize("point", ["q", "k", "v", "head_out"])
def test_windows_become_maps_as_the_geometry_says_token_by_token(window_size: int, point: str) -> None:
    model = tiny_model(window_size)
    name = f"stages.0.blocks.1.attn.{point}"
    with capture(model, name) as seen, torch.no_grad():
        model.features(torch.randn(2, 3, 75, 109))
    geometry = seen.geometries[name]
    for head in (None, 0):
        tokens = features.token_map(seen, name, head=head)
        assert tokens.vectors.shape[:3] == (2, 19, 28)
        for window, places in enumerate(geometry.token_index.tolist()):
            for place, token in enumerate(places):
                if token >= 0:
                    row, column = divmod(token, 28)
                    expected = seen[name][:, window, :, place].flatten(1)
                    assert torch.equal(tokens.vectors[:, row, column], expected)


@pytest.mark.parametrize("name", MAPS)
def test_every_map_has_the_stride_that_covers_the_input(name: str) -> None:
    model, images = tiny_model(), torch.randn(2, 3, 75, 109)
    tokens = features.read_tokens(model, images, name)
    height, width = tokens.vectors.shape[1:3]
    assert (height, width) == (math.ceil(75 / tokens.stride), math.ceil(109 / tokens.stride))
    with capture(model, name) as seen, torch.no_grad():
        model(images)
    raw = seen[name]
    expected = raw if raw.shape[1:3] == (height, width) else raw.permute(0, 2, 3, 1)
    torch.testing.assert_close(tokens.vectors, expected)


@pytest.mark.parametrize("center", [False, True])
def test_similarity_is_the_cosine_of_each_pair_in_the_same_and_in_another_picture(center: bool) -> None:
    model = tiny_model(7)
    name = "stages.1.blocks.1.resid_post"
    one = features.read_tokens(model, torch.randn(2, 3, 45, 70), name)
    two = features.read_tokens(model, torch.randn(3, 3, 33, 50), name)
    mean = one.vectors[1].double().mean(dim=(0, 1)) if center else torch.zeros(16, dtype=torch.float64)
    asked = one.vectors[1, 5, 8].double() - mean  # pixel (44, 69), stride 8
    for other, batch, vectors in ((None, 0, one.vectors[1]), (two, 2, two.vectors[2])):
        similar = token_similarity(one, (44, 69), other, batch=1, other_batch=batch, center=center)
        assert similar.map.shape == vectors.shape[:2]
        for row, values in enumerate(vectors):
            for column, vector in enumerate(values):
                expected = cosine(asked, vector.double() - mean)
                assert float(similar.map[row, column]) == pytest.approx(expected, abs=1e-5)
    itself = token_similarity(one, (44, 69), batch=1, center=center)
    assert float(itself.map[5, 8]) == pytest.approx(1.0, abs=1e-6)
    assert itself.best == (44, 68)


def test_a_region_is_compared_by_its_mean_vector_and_zeros_are_like_nothing() -> None:
    vectors = torch.randn(1, 3, 4, 5)
    vectors[0, 2, 3] = 0
    tokens = TokenMap(vectors, 4, "stages.0.out")
    mask = np.zeros((12, 16), dtype=bool)
    mask[0:4, 2:8] = True  # 8 pixels of token (0, 0), 16 of token (0, 1)
    similar = token_similarity(tokens, mask)
    expected = cosine((vectors[0, 0, 0] + 2 * vectors[0, 0, 1]) / 3, vectors[0, 1, 2])
    assert float(similar.map[1, 2]) == pytest.approx(expected, abs=1e-6)
    assert float(similar.map[2, 3]) == 0.0
    assert similar.pixel is None
    pixels = similar.pixels((11, 15))
    assert pixels.shape == (11, 15)
    assert pixels[7, 11] == similar.map[1, 2]


def test_what_cannot_be_asked_is_refused_in_words() -> None:
    model, images = tiny_model(), torch.randn(1, 3, 32, 32)
    with pytest.raises(ValueError, match="no vector a token"):
        features.read_tokens(model, images, "stages.0.blocks.0.attn.pattern")
    with pytest.raises(ValueError, match="no vector a token"):
        features.read_tokens(model, images, "head.ppm.1")
    with pytest.raises(ValueError, match="not on the way"):
        features.read_tokens(model, images, "aux.logits")
    with pytest.raises(ValueError, match="not divided into heads"):
        features.read_tokens(model, images, "stages.0.out", head=0)
    with pytest.raises(ValueError, match="heads 0 to 1"):
        features.read_tokens(model, images, "stages.1.blocks.0.attn.v", head=2)
    one, two = (features.read_tokens(model, images, f"stages.{stage}.out") for stage in (0, 1))
    with pytest.raises(ValueError, match="cannot be compared"):
        token_similarity(one, (0, 0), two)
    with pytest.raises(ValueError, match="outside"):
        token_similarity(one, (32, 0))
