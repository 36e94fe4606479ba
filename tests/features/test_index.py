"""Nearest tokens against loops over all of them; classes from clicks against NumPy's least squares."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.models import tiny_model

from swinviz import features
from swinviz.errors import SwinvizError
from swinviz.features import (
    FeatureIndex,
    TokenMap,
    build_index,
    class_from_clicks,
    index,
    load_index,
    probe_head,
)

NAME = "stages.1.blocks.1.resid_post"


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("once", [False, True])
def test_the_nearest_are_those_of_a_loop_over_all_tokens(
    center: bool, once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_BLOCK", 17)  # several blocks, the last one short
    model = tiny_model(7)
    pictures = {f"p{n}": torch.randn(1, 3, *size) for n, size in enumerate(((33, 50), (16, 16), (45, 20)))}
    found = build_index(model, pictures.items(), NAME, progress=True)
    query = torch.randn(16)
    every = []
    for name, image in pictures.items():
        vectors = features.read_tokens(model, image, NAME).vectors[0]
        every += [
            (name, row * 8 + 4, column * 8 + 4, vector.double())
            for row, values in enumerate(vectors)
            for column, vector in enumerate(values)
        ]
    mean = torch.stack([each[3] for each in every]).mean(dim=0) if center else torch.zeros(16)
    asked = (query - mean).double().tolist()
    scored = []
    for name, y, x, vector in every:
        other = (vector - mean).tolist()
        dot = sum(a * b for a, b in zip(asked, other, strict=True))
        scored.append((dot / math.hypot(*asked) / math.hypot(*other), name, y, x))
    scored.sort(reverse=True)
    if once:
        scored = [max(each for each in scored if each[1] == name) for name in pictures]
        scored.sort(reverse=True)
    matches = found.nearest(query, 7, center=center, each_picture_once=once)
    assert [(match.picture, match.y, match.x) for match in matches] == [each[1:] for each in scored[:7]]
    assert [match.similarity for match in matches] == pytest.approx(
        [each[0] for each in scored[:7]], abs=1e-5
    )


def test_the_first_and_the_last_token_of_a_picture_are_its_own() -> None:
    starts, widths = torch.tensor([0, 6, 8, 14]), torch.tensor([3, 1, 2])
    found = FeatureIndex(torch.eye(14), starts, widths, ("a", "b", "c"), NAME, None, 8)
    for number, place in ((0, ("a", 4, 4)), (5, ("a", 12, 20)), (6, ("b", 4, 4)), (7, ("b", 12, 4)),
                          (8, ("c", 4, 4)), (13, ("c", 20, 12))):  # fmt: skip
        (match,) = found.nearest(torch.eye(14)[number], 1, center=False)
        assert (match.picture, match.y, match.x) == place


def test_pictures_left_out_of_an_index_are_as_if_never_indexed() -> None:
    model = tiny_model(7)
    pictures = {f"p{n}": torch.randn(1, 3, *size) for n, size in enumerate(((33, 50), (16, 16), (45, 20)))}
    index = build_index(model, pictures.items(), NAME)
    del pictures["p1"]
    expected = build_index(model, pictures.items(), NAME)
    found = index.without(["p1", "elsewhere"])
    query = torch.randn(16)
    assert found.nearest(query, 9, each_picture_once=False) == expected.nearest(
        query, 9, each_picture_once=False
    )
    assert torch.equal(found.vectors, expected.vectors)
    assert index.without([]) is index
    with pytest.raises(ValueError, match="index more"):
        index.without(["p0", "p1", "p2"])


def test_an_index_is_read_back_as_written_and_other_files_are_refused(tmp_path: Path) -> None:
    model = tiny_model(7)
    pictures = [("größe.jpg", torch.randn(1, 3, 33, 50)), ("b\nc.jpg", torch.randn(1, 3, 16, 16))]
    built = build_index(model, pictures, "stages.2.blocks.0.attn.k", head=1, model_name="tiny")
    built.save(tmp_path / "index.safetensors")
    read = load_index(tmp_path / "index.safetensors")
    assert torch.equal(read.vectors, built.vectors)
    assert (read.pictures, read.head, read.stride, read.model) == (("größe.jpg", "b\nc.jpg"), 1, 16, "tiny")
    query = torch.randn(built.vectors.shape[1])
    assert read.nearest(query) == built.nearest(query)
    with pytest.raises(ValueError, match="channels"):
        read.nearest(torch.randn(3))
    (tmp_path / "text").write_text("none")
    with pytest.raises(SwinvizError, match="no index"):
        load_index(tmp_path / "text")
    save_file({"vectors": torch.zeros(2, 2)}, tmp_path / "other")
    with pytest.raises(SwinvizError, match="no index"):
        load_index(tmp_path / "other")
    FeatureIndex(built.vectors[1:], built.starts, built.widths, built.pictures, built.name, 1, 16).save(
        tmp_path / "cut"
    )
    with pytest.raises(SwinvizError, match="damaged"):
        load_index(tmp_path / "cut")
    with pytest.raises(FileNotFoundError):
        load_index(tmp_path / "missing")
    with pytest.raises(ValueError, match="no picture"):
        build_index(model, [], NAME)


def test_clicks_are_balanced_least_squares_and_become_a_head() -> None:
    one, two = (TokenMap(torch.randn(2, 4, 5, 6), 8, NAME) for _ in range(2))
    mask = np.zeros((30, 40), dtype=bool)
    mask[8:16, 16:32] = True
    positive = [(one, (0, 0)), (two, (12, 30)), (one, mask)]
    negative = [(two, (29, 39))]
    probe = class_from_clicks(positive, negative, name="roof", ridge=0.5)
    assert probe.classes == ("other", "roof")
    vectors = [
        one.vectors[0, 0, 0],
        two.vectors[0, 1, 3],
        one.vectors[0, 1, 2:4].mean(dim=0),
        *[two.vectors[0, 3, 4]] * 3,  # as often as there are examples
    ]
    x, y = torch.stack(vectors).double().numpy(), np.array([1, 1, 1, 0, 0, 0])
    centered = x - x.mean(axis=0)
    penalty = 0.5 * centered.var(axis=0).mean()
    rows = np.vstack([centered / 6**0.5, penalty**0.5 * np.eye(6)])
    right = np.concatenate([(y - 0.5) / 6**0.5, np.zeros(6)])
    weight = np.linalg.lstsq(rows, right, rcond=None)[0]
    np.testing.assert_allclose(probe.weight[1], weight, atol=1e-6)
    np.testing.assert_allclose(probe.weight[0], -weight, atol=1e-6)
    maps = one.vectors.permute(0, 3, 1, 2)
    with torch.no_grad():
        torch.testing.assert_close(probe_head(probe)(maps), probe.scores(one), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="at least one place"):
        class_from_clicks(positive, [])
    with pytest.raises(ValueError, match="several hook points"):
        class_from_clicks(positive, [(TokenMap(one.vectors, 8, "stages.1.out"), (0, 0))])
