"""The search for typical windows against loops over windows, queries and keys."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.models import tiny_model

from swinviz.attention import model_statistics
from swinviz.explorer.head_page import save_head_page
from swinviz.features import HeadSearch, at_a_distance, on_class, on_direction
from swinviz.model.hooks import BlockId, capture
from swinviz.plots import typical_crop

PICTURES = {f"p{n}": torch.randn(1, 3, *size) for n, size in enumerate(((45, 62), (33, 50), (70, 40)))}
DIRECTION = torch.randn(16)


def loop_score(kind: str, row: list[float], window: list[int], query: int, width: int, facts: dict) -> float:
    """One query's score from the definition, key by key."""
    stride = facts["stride"]
    total = 0.0
    for key, token in enumerate(window):
        if token < 0:
            continue
        y, x = divmod(token, width)
        own_y, own_x = divmod(window[query], width)
        if kind == "distance":
            total += row[key] * stride * math.hypot(y - own_y, x - own_x)
        elif kind == "class":
            labels = facts["labels"]
            middle = labels[min(y * stride + stride // 2, labels.shape[0] - 1)][
                min(x * stride + stride // 2, labels.shape[1] - 1)
            ]
            total += (row[key] - 1 / sum(each >= 0 for each in window)) * float(middle == 1)
        else:
            vector = facts["stream"][y, x].double()
            total += row[key] * float(vector @ DIRECTION.double() / vector.norm() / DIRECTION.double().norm())
    return total


@pytest.mark.parametrize("kind", ["distance", "class", "direction"])
def test_the_best_window_of_each_picture_and_head_is_that_of_a_loop_over_all(kind: str) -> None:
    model = tiny_model(7)
    criterion = {"distance": at_a_distance(), "class": on_class(1), "direction": on_direction(DIRECTION)}[
        kind
    ]
    found = HeadSearch.run(model, PICTURES.items(), criterion, kind, count=2, progress=True)
    assert found.pictures == 3
    block = BlockId(1, 1)
    best: dict[int, list[tuple[float, str]]] = {0: [], 1: []}
    for name, image in PICTURES.items():
        with capture(model, ["stages.1.*.attn.pattern", "stages.1.*.resid_pre"]) as seen, torch.no_grad():
            labels = model(image).argmax(dim=1)[0]
        pattern, geometry = seen.blocks("attn.pattern")[block]
        stream = seen[block.hook("resid_pre")][0]
        facts = {"labels": labels, "stream": stream, "stride": 8}
        for head in range(2):
            scores = [
                loop_score(kind, pattern[0, w, head, q].tolist(), window, q, geometry.width, facts)
                for w, window in enumerate(geometry.token_index.tolist())
                for q in range(49)
                if window[q] >= 0
            ]
            best[head].append((max(scores), name))
    for head in range(2):
        expected = sorted(best[head], reverse=True)[:2]
        windows = found.typical[block, head]
        for window in windows:  # pictures may share a score, and then either may come first
            of_picture = next(score for score, name in best[head] if name == window.picture)
            assert window.score == pytest.approx(of_picture, abs=1e-4)
        assert len({window.picture for window in windows}) == 2
        assert [window.score for window in windows] == pytest.approx([s for s, _ in expected], abs=1e-4)
        for window in windows:
            assert float(window.keys.sum()) == pytest.approx(1.0, abs=1e-5)
            assert window.geometry.locate(*window.pixel) == (window.window, window.query)


def test_statistics_are_the_means_over_all_pictures() -> None:
    model = tiny_model(12)
    found = HeadSearch.run(model, PICTURES.items(), at_a_distance(), "far")
    expected = model_statistics(model, PICTURES.values())
    for block, statistics in found.statistics.items():
        torch.testing.assert_close(statistics.distance, expected[block].distance)
        torch.testing.assert_close(statistics.entropy, expected[block].entropy)
    with pytest.raises(ValueError, match="no picture"):
        HeadSearch.run(model, [], at_a_distance(), "far")


def test_a_crop_shows_each_token_where_the_window_has_it_and_the_page_needs_no_network(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = tiny_model(7)
    found = HeadSearch.run(model, PICTURES.items(), at_a_distance(), "far <away>")
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 255, (*x.shape[-2:], 3), dtype=np.uint8) for name, x in PICTURES.items()}
    window = found.typical[BlockId(0, 1), 0][0]
    crop = typical_crop(images[window.picture], window, opacity=0.0)
    assert crop.shape == (28, 28, 3)
    for place, token in enumerate(window.geometry.token_index[window.window].tolist()):
        row, column = divmod(place, 7)
        inside = crop[4 * row + 1 : 4 * row + 3, 4 * column + 1 : 4 * column + 3]
        if token < 0:
            assert (inside == 255).all()
            continue
        y, x = divmod(token, window.geometry.width)
        expected = images[window.picture][4 * y + 1 : 4 * y + 3, 4 * x + 1 : 4 * x + 3]
        assert (inside[: expected.shape[0], : expected.shape[1]] == expected).all()
    save_head_page(found, tmp_path / "heads.html", images.__getitem__, typical_crop, title="tiny & co")
    text = (tmp_path / "heads.html").read_text()
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<section>") == sum((1, 2, 2, 4)) * 2
    assert "far &lt;away&gt;" in text
    assert "tiny &amp; co" in text
    assert text.count("data:image/jpeg") == 18 * 3
