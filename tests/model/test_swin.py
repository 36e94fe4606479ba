"""The backbone against mmsegmentation's stored outputs, the geometry's word, and the published counts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from support.models import tiny_model
from torch import Tensor

from swinviz import SwinConfig, SwinUPerNet, capture
from swinviz.model.fast import accelerate
from swinviz.model.geometry import WindowGeometry
from swinviz.model.swin import DropPath, PatchMerging, SwinBlock, SwinTransformer, WindowAttention

SIZES = [(32, 32), (37, 70), (130, 61), (5, 200)]


@pytest.mark.parametrize("window", [4, 7])
@pytest.mark.parametrize("size", SIZES)
def test_explicit_attention_equals_the_fused_kernel(size: tuple[int, int], window: int) -> None:
    # In float64: in float32 the kernels of older PyTorch differ by 2e-5 from the explicit path.
    model, images = accelerate(tiny_model(window)).double(), torch.randn(2, 3, *size).double()
    with torch.no_grad():
        fused = model.features(images)
        with capture(model, "*.pattern"):
            explicit = model.features(images)
    for a, b in zip(fused, explicit, strict=True):
        assert torch.allclose(a, b, atol=1e-10, rtol=0.0)


def test_only_the_blocks_that_are_looked_at_leave_the_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, explicit = [], WindowAttention.attend
    monkeypatch.setattr(
        WindowAttention, "attend", lambda self, *args: calls.append(self) or explicit(self, *args)
    )
    model = accelerate(tiny_model())
    with torch.no_grad(), capture(model, "stages.2.blocks.1.attn.pattern"):
        model(torch.randn(1, 3, 64, 64))
    assert calls == [model.backbone.stages[2].blocks[1].attn]


@pytest.mark.parametrize("size", SIZES)
def test_every_row_of_every_pattern_sums_to_one_padding_included(size: tuple[int, int]) -> None:
    model = tiny_model(7)
    with torch.no_grad(), capture(model, "*.pattern") as seen:
        model(torch.randn(2, 3, *size))
    assert len(seen) == 8
    for name, pattern in seen.items():
        assert pattern.shape[1] == seen.geometries[name].num_windows
        assert pattern.shape[-2:] == (49, 49)
        torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:-1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("size", "shift"), [((9, 13), 0), ((9, 13), 2), ((8, 8), 2), ((3, 3), 2), ((1, 6), 1)]
)
def test_perturbing_a_row_changes_exactly_the_tokens_that_share_a_region_of_a_window_with_it(
    size: tuple[int, int], shift: int
) -> None:
    torch.manual_seed(0)
    height, width = size
    block = SwinBlock(8, 2, SwinConfig(8, (1,), (2,), window_size=4), drop_path_rate=0.0).eval()
    geometry = WindowGeometry(height, width, 4, shift, 4)
    x = torch.randn(1, height, width, 8)
    for row in range(height):
        perturbed = x.clone()
        perturbed[0, row] += torch.randn(width, 8)
        with torch.no_grad():
            changed = (block(x, geometry) != block(perturbed, geometry)).any(-1)[0]
        # By hand: two tokens meet if the shifted grid puts both into one window with no wrap between them.
        padded = -(-height // 4) * 4, -(-width // 4) * 4
        for y, column in itertools.product(range(height), range(width)):
            meets = any(_meet((y, column), (row, other), padded, shift) for other in range(width))
            assert changed[y, column] == meets, (row, y, column)


def _meet(a: tuple[int, int], b: tuple[int, int], padded: tuple[int, int], shift: int) -> bool:
    for p, q, length in zip(a, b, padded, strict=True):
        p_rolled, q_rolled = (p - shift) % length, (q - shift) % length
        if p_rolled // 4 != q_rolled // 4 or p_rolled - q_rolled != p - q:
            return False
    return True


def test_padding_is_attended_with_the_key_of_the_qkv_bias() -> None:
    model = tiny_model(4)
    with (
        torch.no_grad(),
        capture(model, ["stages.0.blocks.0.attn.k", "stages.0.blocks.0.attn.pattern"]) as seen,
    ):
        model(torch.randn(1, 3, 20, 20))  # 5 x 5 tokens in windows of 4
    attention = model.backbone.stages[0].blocks[0].attn
    keys, pattern = seen["stages.0.blocks.0.attn.k"], seen["stages.0.blocks.0.attn.pattern"]
    padding = seen.geometries["stages.0.blocks.0.attn.pattern"].token_index == -1
    bias = attention.qkv.bias[8:16].view(attention.num_heads, -1)
    assert torch.equal(keys[0].transpose(1, 2)[padding], bias.expand(int(padding.sum()), -1, -1))
    window = int(padding.any(1).nonzero()[0])
    assert (pattern[0, window, 0][:, padding[window]] > 0).all()


def test_patch_merging_concatenates_the_offsets_00_10_01_11() -> None:
    merging = PatchMerging(1)
    merging.norm, merging.reduction = torch.nn.Identity(), torch.nn.Identity()
    x = torch.tensor([[0.0, 1.0], [10.0, 11.0]]).view(1, 2, 2, 1)  # row and column as digits
    assert merging(x).flatten().tolist() == [0.0, 10.0, 1.0, 11.0]


def test_patch_merging_pads_odd_maps_with_zeros_at_the_bottom_and_right() -> None:
    merging = PatchMerging(1)
    merging.norm, merging.reduction = torch.nn.Identity(), torch.nn.Identity()
    assert merging(torch.ones(1, 3, 3, 1))[0, 1, 1].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_stochastic_depth_grows_linearly_over_all_blocks_to_the_configured_rate() -> None:
    backbone = SwinTransformer(SwinConfig(8, (2, 2, 6, 2), (1, 1, 1, 1), drop_path_rate=0.3))
    rates = [block.drop_path.rate for stage in backbone.stages for block in stage.blocks]
    assert rates == pytest.approx(list(np.linspace(0, 0.3, 12)))


def test_stochastic_depth_keeps_the_mean_and_drops_whole_samples() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.3).train()
    y = drop(torch.ones(20_000, 2, 3))
    assert y.mean().item() == pytest.approx(1.0, abs=0.02)
    assert set(y.flatten(1).std(1).tolist()) == {0.0}
    assert torch.equal(drop.eval()(torch.ones(4, 2)), torch.ones(4, 2))


def test_both_residual_branches_are_dropped() -> None:
    block = SwinBlock(8, 2, SwinConfig(8, (1,), (2,), window_size=4), drop_path_rate=0.999999).train()
    x = torch.randn(4, 4, 4, 8)
    assert torch.equal(block(x, WindowGeometry(4, 4, 4, 0, 4)), x)


def test_resuming_at_any_block_gives_the_same_maps() -> None:
    model, images = tiny_model(), torch.randn(1, 3, 50, 41)
    with torch.no_grad(), capture(model, "*.resid_pre") as seen:
        whole = model.features(images)
        for stage, block in itertools.product(range(4), range(2)):
            resumed = model.backbone.resume(seen[f"stages.{stage}.blocks.{block}.resid_pre"], stage, block)
            for a, b in zip(whole[stage:], resumed, strict=True):
                assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": (2, 2)}, "2 stages and num_heads 4"),
        ({"depths": (2, 2, 0, 2)}, "depths is 0"),
        ({"window_size": 0}, "window_size is 0"),
        ({"drop_path_rate": 1.0}, "drop_path_rate is 1.0"),
        ({"num_heads": (3, 6, 12, 25)}, "stage 3 has 768 channels"),
    ],
)
def test_a_backbone_that_cannot_be_is_refused_with_the_way_to_mend_it(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SwinConfig(**changes)


def loaded_fixture(data_dir) -> SwinUPerNet:
    from swinviz.checkpoints import load

    return load(data_dir / "mmseg_tiny_w7.pth")


@pytest.mark.parametrize("size", ["64x96", "77x110"])
def test_features_and_logits_equal_mmsegmentations(size: str, data_dir) -> None:
    # The .npz files hold what mmsegmentation 1.2.2 computes for the checkpoint beside them.
    stored = {
        name: torch.from_numpy(array)
        for name, array in np.load(data_dir / f"mmseg_tiny_w7_{size}.npz").items()
    }
    model = loaded_fixture(data_dir)
    with torch.no_grad():
        features = model.features(stored["input"])
        found = {f"stage{index}": map_ for index, map_ in enumerate(features)}
        found |= {"decode_logits": model.decode(features), "auxiliary_logits": model.aux(features[2])}
        found["logits"] = model(stored["input"])
    for name, value in found.items():
        assert _largest_difference(value, stored[name]) < 1e-4, name


def _largest_difference(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()
