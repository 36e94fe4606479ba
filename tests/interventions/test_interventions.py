"""Named edits against models whose weights were changed instead, cached runs against whole runs, reports."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from swinviz import attention, attribution
from swinviz import interventions as iv
from swinviz.attention import decompose_attention, padding_leakage
from swinviz.model.config import ModelConfig
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import capture, edit
from swinviz.segmenter import SwinUPerNet

BLOCK = "stages.1.blocks.1"


def small_model() -> SwinUPerNet:
    model = SwinUPerNet(ModelConfig.tiny(depths=(2, 2, 2), window_size=3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture
def model() -> SwinUPerNet:
    return small_model()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 30, 45)


def edited_logits(model: SwinUPerNet, images: torch.Tensor, edits: iv.Edits | list[iv.Edits]) -> torch.Tensor:
    with edit(model, edits), torch.no_grad():
        return model(images)


def changed(model: SwinUPerNet, change: Callable[[SwinUPerNet], object]) -> SwinUPerNet:
    """A copy of the model with other weights: what an edit must equal."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        change(copied)
    return copied


def block_of(model: SwinUPerNet) -> torch.nn.Module:
    return model.backbone.stages[1].blocks[1]


def silence_head(model: SwinUPerNet) -> None:
    block_of(model).attn.proj.weight[:, 8:16] = 0  # 16 channels, 2 heads: head 1


def silence_block(model: SwinUPerNet) -> None:
    for layer in (block_of(model).attn.proj, block_of(model).mlp.fc2):
        layer.weight.zero_()
        layer.bias.zero_()


def silence_level(model: SwinUPerNet) -> None:
    model.head.fusion.conv.weight[:, 8:16] = 0


def silence_pooling(model: SwinUPerNet) -> None:
    model.head.bottleneck.conv.weight[:, 32 + 8 : 32 + 16] = 0


def silence_bias(model: SwinUPerNet) -> None:
    block_of(model).attn.relative_position_bias_table.zero_()


@pytest.mark.parametrize(
    ("edits", "change"),
    [
        (iv.ablate_heads(1, 1, 1), silence_head),
        (iv.ablate_heads(1, 1, [1]), silence_head),
        (iv.skip_block(1, 1), silence_block),
        (iv.drop_level(1), silence_level),
        (iv.drop_pooling(1), silence_pooling),
        (iv.no_bias(1, 1), silence_bias),
    ],
)
def test_an_edit_equals_the_model_with_those_weights_set_to_zero(
    model: SwinUPerNet, images: torch.Tensor, edits: iv.Edits, change: Callable[[SwinUPerNet], None]
) -> None:
    with torch.no_grad():
        expected, unedited = changed(model, change)(images), model(images)
    got = edited_logits(model, images, edits)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(got, unedited, atol=1e-3)
    with torch.no_grad():
        assert torch.equal(model(images), unedited)


def test_no_shift_equals_a_model_that_never_shifts(
    model: SwinUPerNet, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = edited_logits(model, images, iv.no_shift(stage=1))
    stage = model.backbone.stages[1]
    monkeypatch.setattr(stage, "geometry", lambda block, *size: WindowGeometry(*size, 3, 0, stage.stride))
    with torch.no_grad():
        torch.testing.assert_close(got, model(images), atol=1e-6, rtol=1e-6)


def test_no_mask_leaves_content_and_position(model: SwinUPerNet, images: torch.Tensor) -> None:
    name = "stages.0.blocks.1.attn"
    with capture(model, f"{name}.*") as seen, torch.no_grad():
        model.features(images)
    parts = (seen[f"{name}.{part}"] for part in ("q", "k", "bias"))
    split = decompose_attention(*parts, seen.geometries[f"{name}.q"])
    with edit(model, iv.no_mask(0)), capture(model, f"{name}.pattern") as seen, torch.no_grad():
        model.features(images)
    torch.testing.assert_close(seen[f"{name}.pattern"], split.unmasked)
    assert not torch.allclose(split.unmasked, split.full, atol=1e-2)


def test_masked_padding_gets_nothing_and_the_rest_keeps_its_proportions(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    name = "stages.0.blocks.0.attn.pattern"
    with capture(model, name) as before, torch.no_grad():
        model.features(images)
    with edit(model, iv.mask_padding_keys()), capture(model, "stages.*.pattern") as after, torch.no_grad():
        model.features(images)
    assert padding_leakage(before[name], before.geometries[name]).max() > 0.1
    for pattern, geometry in after.blocks("attn.pattern").values():
        assert padding_leakage(pattern, geometry).max() < 1e-20
    real = (before.geometries[name].token_index >= 0).float()[:, None, None, :]
    kept = before[name] * real
    torch.testing.assert_close(after[name], kept / kept.sum(dim=-1, keepdim=True))


def test_mean_ablation_puts_the_mean_over_the_images_real_tokens(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    name = f"{BLOCK}.attn.head_out"
    with capture(model, name) as before, torch.no_grad():
        model.features(images)
    with edit(model, iv.ablate_heads(1, 1, 0, fill="mean")), capture(model, name) as after, torch.no_grad():
        model.features(images)
    index = before.geometries[name].token_index
    for image in range(2):
        real = [
            before[name][image, window, 0, place]
            for window in range(index.shape[0])
            for place in range(index.shape[1])
            if index[window, place] >= 0
        ]
        mean = torch.stack(real).mean(dim=0)
        torch.testing.assert_close(after[name][image, :, 0], mean.expand_as(after[name][image, :, 0]))
    assert torch.equal(after[name][:, :, 1], before[name][:, :, 1])


def test_ablating_a_head_that_is_not_there_is_refused(model: SwinUPerNet, images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="has 2 heads"):
        edited_logits(model, images, iv.ablate_heads(1, 1, 2))


def test_threads_that_skip_a_block_at_once_keep_apart(model: SwinUPerNet) -> None:
    edits = iv.skip_block(1, 1)
    inputs = [torch.randn(1, 3, 30, 45) for _ in range(4)]
    expected = [edited_logits(model, x, edits) for x in inputs]
    got: list[torch.Tensor | None] = [None] * 4

    def work(index: int) -> None:
        for _ in range(5):
            got[index] = edited_logits(model, inputs[index], edits)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for left, right in zip(got, expected, strict=True):
        assert torch.equal(left, right)


def test_patching_replaces_the_windows_tokens_and_no_others(model: SwinUPerNet, images: torch.Tensor) -> None:
    other = torch.randn(1, 3, 41, 33)  # of another size
    name = f"{BLOCK}.resid_pre"
    with capture(model, name) as there, torch.no_grad():
        model.features(other)
    with capture(model, name) as before, torch.no_grad():
        model.features(images)
    donor, receiver = there.geometries[name], before.geometries[name]
    edits = iv.patch_window(there[name], donor, window=1, stage=1, block=1, to=receiver.num_windows - 1)
    with edit(model, edits), capture(model, name) as after, torch.no_grad():
        model.features(images)
    replaced = 0
    for row in range(receiver.height):
        for column in range(receiver.width):
            window, place = receiver.locate(row * 8, column * 8)
            token = int(donor.token_index[1, place])
            inside = window == receiver.num_windows - 1 and token >= 0
            source = there[name][0].flatten(0, 1)[token].expand(2, -1)
            expected = source if inside else before[name][:, row, column]
            assert torch.equal(after[name][:, row, column], expected)
            replaced += inside
    assert replaced > 0


def test_patching_needs_a_window_that_exists() -> None:
    source, geometry = torch.zeros(1, 3, 3, 8), WindowGeometry(3, 3, 3, 0, 4)
    with pytest.raises(ValueError, match="window 1 does not exist"):
        iv.patch_window(source, geometry, 1, stage=0, block=0)


ALL_EDITS = {
    "no shift": iv.no_shift(),
    "no mask": iv.no_mask(1),
    "no bias": iv.no_bias(2, 0),
    "no padding": iv.mask_padding_keys(2),
    "a head": iv.ablate_heads(2, 1, 3),
    "a block": iv.skip_block(0, 1),
    "a level": iv.drop_level(0),
    "a pooling": iv.drop_pooling(0),
    "stem": {"patch_embed": lambda x, hook: x * 0.5},
    "merging": {"stages.0.downsample": lambda x, hook: x * 0.5},
    "output": {"stages.1.out": lambda x, hook: x * 0.5},
}


@pytest.mark.parametrize("name", ALL_EDITS)
def test_a_resumed_run_equals_a_whole_run(model: SwinUPerNet, images: torch.Tensor, name: str) -> None:
    run = iv.CachedRun(model, images)
    edits = ALL_EDITS[name]
    with edit(model, edits), torch.no_grad():
        expected = model.decode(model.features(images))
    assert torch.equal(run(edits), expected)
    assert not torch.allclose(run.logits, expected)


def test_a_resumed_run_computes_nothing_before_the_first_edited_block(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    run = iv.CachedRun(model, images)
    ran: list[str] = []
    watch = {"stages.*.geometry": lambda geometry, hook: ran.append(hook.name)}
    with edit(model, watch):
        run([iv.ablate_heads(2, 1, 0), iv.drop_level(0)])
        assert ran == ["stages.2.blocks.1.geometry"]
        ran.clear()
        run(iv.drop_level(0))
        assert ran == []
    assert iv.first_edited_block(model, [iv.no_shift(1), iv.no_bias(2)]) == (1, 0)
    with pytest.raises(ValueError, match="no hook point"):
        run({"stages.9.*": lambda x, hook: x})


def test_a_sweep_measures_each_head_by_itself(model: SwinUPerNet, images: torch.Tensor) -> None:
    swept = iv.head_sweep(iv.CachedRun(model, images), stages=[1, 2])
    assert [(block, len(effects)) for block, effects in swept.items()] == [
        ((1, 0), 2),
        ((1, 1), 2),
        ((2, 0), 4),
        ((2, 1), 4),
    ]
    with torch.no_grad():
        before = model.decode(model.features(images)).argmax(dim=1)
        with edit(model, iv.ablate_heads(2, 0, 3)):
            after = model.decode(model.features(images)).argmax(dim=1)
    assert swept[2, 0][3] == int((before != after).sum()) / before.numel()
    assert max(float(effects.max()) for effects in swept.values()) > 0


@pytest.mark.parametrize("name", ALL_EDITS)
def test_a_run_decoded_at_a_place_equals_the_whole_run_there(
    model: SwinUPerNet, images: torch.Tensor, name: str
) -> None:
    run = iv.CachedRun(model, images)
    logits = edited_logits(model, images, ALL_EDITS[name])
    torch.testing.assert_close(run.at((29, 17), ALL_EDITS[name]), logits[:, :, 29, 17], atol=1e-5, rtol=1e-5)
    mask = torch.zeros(30, 45, dtype=torch.bool)
    mask[0:20, 5:30] = True
    expected = logits[:, :, mask].mean(dim=2)
    torch.testing.assert_close(run.at(mask, ALL_EDITS[name]), expected, atol=1e-5, rtol=1e-5)


def test_a_sweep_at_a_place_measures_the_change_of_its_logit(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    swept = iv.head_sweep(iv.CachedRun(model, images), stages=[2], place=(12, 30), batch=1)
    with torch.no_grad():
        before = model(images)[1, :, 12, 30]
    after = edited_logits(model, images, iv.ablate_heads(2, 1, 2))[1, :, 12, 30]
    chosen = int(before.argmax())
    assert float(swept[2, 1][2]) == pytest.approx(float(after[chosen] - before[chosen]), abs=1e-5)


def test_a_report_counts_flips_and_iou_as_a_loop_over_pixels_does(
    model: SwinUPerNet, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 255, (31, 46, 3), dtype=np.uint8)
    truth = rng.integers(0, 2, (31, 46))  # class 2 is in no pixel
    truth[:5] = 255
    edits = {"no shift": iv.no_shift(), "two": [iv.no_mask(), iv.drop_level(0)]}
    report = iv.compare(model, image, edits, truth=truth)
    unedited = model.segment(image).labels
    assert np.array_equal(report.labels, unedited)
    with edit(model, edits["two"]):
        labels = model.segment(image).labels
    row = report.rows()[1]
    assert row["edit"] == "two"
    assert row["flipped_pixels"] == sum(a != b for a, b in zip(labels.flat, unedited.flat, strict=True))

    def looped_iou(predicted: np.ndarray, index: int) -> float:
        both = either = 0
        for pixel, true in zip(predicted.flat, truth.flat, strict=True):
            if true != 255:
                both += pixel == index and true == index
                either += pixel == index or true == index
        return both / either

    deltas = [looped_iou(labels, index) - looped_iou(unedited, index) for index in range(2)]
    assert row["delta_iou sky"] == pytest.approx(deltas[0])
    assert row["delta_iou sea"] == pytest.approx(deltas[1])
    assert row["delta_miou"] == pytest.approx(sum(deltas) / 2)
    assert "delta_iou ship" not in row
    assert "no shift" in str(report)


def test_a_report_without_truth_measures_against_the_unedited_segmentation(model: SwinUPerNet) -> None:
    image = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    report = iv.compare(model, image, {"nothing": {"head.logits": lambda x, hook: None}})
    (row,) = report.rows()
    assert (row["flipped_pixels"], row["miou"], row["delta_miou"]) == (0, 1.0, 0.0)


def test_reports_refuse_what_cannot_be_compared(model: SwinUPerNet) -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="at least one"):
        iv.compare(model, image, {})
    with pytest.raises(ValueError, match="make them equal"):
        iv.compare(model, image, {"no mask": iv.no_mask()}, truth=np.zeros((4, 4), int))
    with pytest.raises(ValueError, match="there is a label 3, but only 3 classes"):
        iv.compare(model, image, {"no mask": iv.no_mask()}, truth=np.full((32, 32), 3))


@pytest.mark.slow
@pytest.mark.parametrize("window_size", [7, 12])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (1, 50), (33, 130)])
def test_every_analysis_works_at_any_size_on_any_image_of_a_batch(
    size: tuple[int, int], window_size: int
) -> None:
    model = SwinUPerNet(ModelConfig.tiny(num_heads=(1, 1, 2, 2), window_size=window_size)).eval()
    x, place = torch.randn(2, 3, *size), (size[0] - 1, size[1] - 1)
    with capture(model, "stages.*.attn.*") as seen, torch.no_grad():
        model.features(x)
    name = "stages.3.blocks.1.attn"
    pattern, geometry = seen.blocks("attn.pattern")[3, 1]
    looked = attention.attention_to_image(pattern, geometry, place, batch=1)
    torch.testing.assert_close(looked.padded.sum(dim=(1, 2)), torch.ones(2))
    assert looked.pixels(size).shape == (2, *size)
    walked = attention.rollout(seen, place, batch=1)
    assert float(walked.pixels(size).sum()) + walked.lost == pytest.approx(1, abs=1e-5)
    attention.head_statistics(pattern, geometry, torch.zeros(2, *size))
    attention.decompose_attention(*(seen[f"{name}.{part}"] for part in ("q", "k", "bias")), geometry)
    attention.cross_region_attention(seen[f"{name}.scores"], geometry)
    assert attention.reachable_pixels(model.backbone, size, place)[-1].pixels[place]
    decomposition = attribution.decoder_logit_attribution(model, x, place, batch=1)
    assert sum(decomposition.levels) + decomposition.constant == pytest.approx(decomposition.logit, abs=1e-5)
    attribution.class_activation(model, x, place, batch=1)
    attribution.attention_relevance(model, x, place, batch=1)
    attribution.effective_receptive_field(model, [x])
    run = iv.CachedRun(model, x)
    edits = [iv.mask_padding_keys(), iv.no_mask(1), iv.skip_block(2, 1), iv.no_shift(3)]
    expected = edited_logits(model, x, edits)[:, :, place[0], place[1]]
    torch.testing.assert_close(run.at(place, edits), expected, atol=1e-5, rtol=1e-5)
