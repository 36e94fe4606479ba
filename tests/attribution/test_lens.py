"""The lens against whole runs with skipped blocks and NumPy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.models import tiny_model
from torch import Tensor

from swinviz.attribution import Lens, LensStep, decoder_lens, probe_lens, train_probes
from swinviz.interventions import skip_block
from swinviz.model.hooks import BlockId, capture, edit

SIZE = (45, 62)
BLOCKS = [BlockId(stage, block) for stage in range(4) for block in range(2)]


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, *SIZE)


@pytest.mark.parametrize("window_size", [7, 12])
def test_each_answer_is_a_whole_run_with_all_later_blocks_skipped(window_size: int, images: Tensor) -> None:
    model = tiny_model(window_size)
    lens = decoder_lens(model, images, (30, 61), batch=1, progress=True)
    assert list(lens.steps) == BLOCKS
    before = None
    for number, block in enumerate(BLOCKS):
        with edit(model, [skip_block(*later) for later in BLOCKS[number + 1 :]]), torch.no_grad():
            low, full = model.low_res_logits(images)[1], model(images)[1]
        step = lens.steps[block]
        assert (step.labels == low.argmax(dim=0)).double().mean() > 0.99
        torch.testing.assert_close(step.confidence, low.softmax(dim=0).amax(dim=0))
        expected = full[:, 30, 61].double().softmax(dim=0)
        torch.testing.assert_close(step.probabilities, expected, atol=1e-5, rtol=0)
        labels = low.argmax(dim=0)
        flipped = 0.0 if before is None else float((labels != before).double().mean())
        assert step.flipped == pytest.approx(flipped, abs=0.01)
        before = labels
    torch.testing.assert_close(lens.final, lens.steps[BLOCKS[-1]].probabilities)


def test_a_place_is_decided_where_its_final_class_comes_to_stay() -> None:
    def lens(*best: int) -> Lens:
        steps = {
            BlockId(0, number): LensStep(
                torch.zeros(1, 1).long(), torch.ones(1, 1), torch.eye(3)[index].double(), 0.0
            )
            for number, index in enumerate(best)
        }
        return Lens(steps, "decoder", torch.eye(3)[1].double(), (0, 0), (4, 4))

    assert lens(0, 1, 2, 1, 1).decided == (0, 3)
    assert lens(1, 1).decided == (0, 0)
    assert lens(1, 0).decided is None


@pytest.mark.parametrize("own", [False, True])
def test_probes_are_least_squares_to_the_label_in_each_tokens_middle(own: bool, images: Tensor) -> None:
    model = tiny_model(7)
    labels = torch.randint(0, 3, (2, *SIZE))
    labels[:, :20] = 255
    with capture(model, "stages.*.resid_post") as seen, torch.no_grad():
        answer = model(images).argmax(dim=1)
    targets = answer if own else labels
    samples = [(images[n : n + 1], None if own else labels[n]) for n in range(2)]
    probes = train_probes(model, samples, ridge=0.0, progress=True)
    for block, (stream, geometry) in seen.blocks("resid_post").items():
        vectors, indicators = [], []
        for n in range(2):
            for row in range(geometry.height):
                for column in range(geometry.width):
                    y = min(row * geometry.stride + geometry.stride // 2, SIZE[0] - 1)
                    x = min(column * geometry.stride + geometry.stride // 2, SIZE[1] - 1)
                    label = int(targets[n, y, x])
                    if label != 255:
                        vectors.append([*stream[n, row, column].tolist(), 1.0])
                        indicators.append(np.eye(3)[label])
        if len(vectors) <= 2 * stream.shape[-1]:
            continue  # too few tokens for one solution
        solution = np.linalg.lstsq(np.array(vectors), np.array(indicators), rcond=None)[0]
        expected = np.array(vectors) @ solution
        weight, bias = probes[block].weight.numpy(), probes[block].bias.numpy()
        found = np.array(vectors)[:, :-1] @ weight.T + bias
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_probe_finds_what_is_linear_in_the_stream_and_the_lens_reads_it(images: Tensor) -> None:
    """Closed form: labels that are a linear rule of the stream after block 1.1 are found there."""
    model = tiny_model(7)
    block = BlockId(1, 1)
    train = torch.randn(6, 3, *SIZE)
    with capture(model, block.hook("resid_post")) as seen, torch.no_grad():
        model.features(train)
    stream = seen[block.hook("resid_post")]
    rule = (stream[..., 0] > stream[..., 0].median()).long()
    labels = rule.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, : SIZE[0], : SIZE[1]]
    probes = train_probes(model, [(train[n : n + 1], labels[n]) for n in range(6)])
    lens = probe_lens(model, train, (20, 20), probes, batch=3)
    assert lens.steps[block].labels.shape == (6, 8)
    right = (lens.steps[block].labels == rule[3]).double().mean()
    assert right > 0.9, right
    probabilities = lens.steps[block].probabilities
    assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-6)
    assert probabilities.min() >= 0.0
    with torch.no_grad():
        final = model(train)[3, :, 20, 20].double().softmax(dim=0)
    torch.testing.assert_close(lens.final, final, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="no picture"):
        train_probes(model, [])
