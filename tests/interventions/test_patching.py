"""Patching against whole runs that resume nothing, with the patch written anew for one copy at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.models import tiny_model
from torch import Tensor

from swinviz.interventions import CachedRun, Patching, ablate_heads, patching
from swinviz.model.hooks import BlockId, Hook, capture, edit
from swinviz.segmenter import SwinUPerNet

SIZE = (75, 109)


def whole_run(
    model: SwinUPerNet, receiver: Tensor, donor: Tensor, name: str, where: tuple[object, ...]
) -> Tensor:
    """Logits (K, H, W) of a run from the image on, with donor's values at `where` of one hook point."""
    with capture(model, name) as seen, torch.no_grad():
        model(donor)
    given = seen[name].clone()

    def patched(value: Tensor, hook: Hook) -> Tensor:
        edited = value.clone()
        edited[where] = given[where]
        return edited

    with edit(model, {name: patched}), torch.no_grad():
        return model(receiver)[0]


@pytest.fixture
def two() -> tuple[Tensor, Tensor]:
    return torch.randn(2, 3, *SIZE), torch.randn(3, 3, *SIZE)


@pytest.mark.parametrize("window_size", [7, 12])
def test_each_cell_of_the_grid_is_a_whole_run_with_that_head_patched(
    window_size: int, two: tuple[Tensor, Tensor]
) -> None:
    model, (receiver, donor) = tiny_model(window_size).double(), (x.double() for x in two)
    place = (41, 90)
    found = Patching(CachedRun(model, receiver), donor, place, 2, batch=1, donor_batch=2)
    grid = found.grid(progress=True)
    with torch.no_grad():
        before = model(receiver)[1, 2, 41, 90]
        assert grid.receiver == pytest.approx(float(before))
        assert grid.donor == pytest.approx(float(model(donor)[2, 2, 41, 90]))
    assert list(grid.heads) == [BlockId(stage, block) for stage in range(4) for block in range(2)]
    for block, effects in grid.heads.items():
        assert len(effects) == (1, 2, 2, 4)[block.stage]
        everywhere = slice(None)
        for head in (*range(len(effects)), everywhere):
            where = (everywhere, everywhere, head)
            logits = whole_run(model, receiver[1:], donor[2:], block.hook("attn.head_out"), where)
            change = grid.blocks[block] if head is everywhere else float(effects[head])
            assert change == pytest.approx(float(logits[2, 41, 90] - before), abs=1e-9)
    (stage, block_number), head = grid.strongest
    highest = max(float(effects.abs().max()) for effects in grid.heads.values())
    assert float(grid.heads[BlockId(stage, block_number)][head].abs()) == highest > 1e-4


@pytest.mark.parametrize("head", [None, 1])
@pytest.mark.parametrize("block", [(1, 1), (2, 0)])
def test_each_token_of_a_window_is_a_whole_run_with_that_token_patched(
    block: tuple[int, int], head: int | None, two: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patching, "_MEMORY", 2e6)  # several batches of copies
    model, (receiver, donor) = tiny_model(7).double(), (x.double() for x in two)
    place = np.zeros(SIZE, dtype=bool)
    place[60:75, 100:109] = True
    found = Patching(CachedRun(model, receiver), donor, place, 0)
    with capture(model, "stages.*.attn.pattern") as seen, torch.no_grad():
        before = model(receiver)[0, 0][place].mean()
    geometry = seen.geometries[BlockId(*block).hook("attn.pattern")]
    window = next(
        number for number, index in enumerate(geometry.token_index.tolist()) if min(index) < 0 <= max(index)
    )
    tokens = found.tokens(block, window=window, head=head)
    index = geometry.token_index[window].tolist()
    assert tokens.map.shape == (geometry.height, geometry.width)
    for spot, token in enumerate(index):
        if token < 0:
            assert torch.isnan(tokens.effects[spot])
            continue
        row, column = divmod(token, geometry.width)
        if head is None:
            name, where = BlockId(*block).hook("resid_pre"), (slice(None), row, column)
        else:
            name, where = BlockId(*block).hook("attn.head_out"), (slice(None), window, head, spot)
        logits = whole_run(model, receiver[:1], donor[:1], name, where)
        expected = float(logits[0][place].mean() - before)
        assert float(tokens.effects[spot]) == pytest.approx(expected, abs=1e-9)
        assert float(tokens.map[row, column]) == float(tokens.effects[spot])
    assert int((~torch.isnan(tokens.map)).sum()) == sum(token >= 0 for token in index)


def test_a_pixel_brings_its_own_window_and_its_own_class(two: tuple[Tensor, Tensor]) -> None:
    model = tiny_model(7)
    found = Patching(CachedRun(model, two[0]), two[1], (10, 20))
    with torch.no_grad():
        assert found.class_index == int(model(two[0])[0, :, 10, 20].argmax())
    tokens = found.tokens((0, 1))
    assert tokens.window == tokens.geometry.locate(10, 20)[0]
    assert found.grid(stages=[3]).heads.keys() == {(3, 0), (3, 1)}


def test_a_picture_patched_from_itself_moves_nothing(two: tuple[Tensor, Tensor]) -> None:
    model = tiny_model(7)
    grid = Patching(CachedRun(model, two[0]), two[0], (10, 20)).grid()
    assert max(float(effects.abs().max()) for effects in grid.heads.values()) < 1e-5


def test_what_cannot_be_patched_is_refused_in_words(two: tuple[Tensor, Tensor]) -> None:
    model = tiny_model(7)
    run = CachedRun(model, two[0])
    with pytest.raises(ValueError, match="one size"):
        Patching(run, torch.randn(1, 3, 64, 64), (0, 0))
    with pytest.raises(ValueError, match="class 7"):
        Patching(run, two[1], (0, 0), 7)
    found = Patching(run, two[1], np.ones(SIZE, dtype=bool))
    with pytest.raises(ValueError, match="several windows"):
        found.tokens((0, 0))
    with pytest.raises(ValueError, match="block \\(4, 0\\)"):
        found.heads((4, 0))
    with pytest.raises(ValueError, match="head 9"):
        found.tokens((0, 0), window=0, head=9)
    with pytest.raises(ValueError, match="start at block"):
        run.copies_at((0, 0), BlockId(2, 0), ablate_heads(1, 1, heads=0), 2)
