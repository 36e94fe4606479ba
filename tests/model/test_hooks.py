"""Hook points: what is seen is what was computed, and nothing is left behind."""

from __future__ import annotations

import threading

import pytest
import torch
from support.models import tiny_model

from swinviz import SwinUPerNet, capture, edit, list_hooks
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import BlockId, hook_points

PATTERN = "stages.1.blocks.1.attn.pattern"


@pytest.fixture
def model() -> SwinUPerNet:
    return tiny_model()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 45, 70)


def test_the_points_have_the_documented_names(model: SwinUPerNet) -> None:
    expected = {"patch_embed", "head.bottleneck", "head.fusion", "head.logits", "aux.conv", "aux.logits"}
    for stage in range(4):
        expected.add(f"stages.{stage}.out")
        if stage < 3:
            expected |= {f"stages.{stage}.downsample", f"head.lateral.{stage}", f"head.fpn.{stage}"}
        expected |= {f"head.ppm.{stage}", f"head.fusion.{stage}"}
        for block in range(2):
            names = ["geometry", "resid_pre", "resid_mid", "resid_post"]
            names += [
                f"attn.{name}" for name in ["q", "k", "v", "scores", "bias", "mask", "pattern", "head_out"]
            ]
            expected |= {f"stages.{stage}.blocks.{block}.{name}" for name in names}
    assert set(hook_points(model)) == expected


def test_listening_changes_nothing(model: SwinUPerNet, images: torch.Tensor) -> None:
    with torch.no_grad():
        alone = model(images)
        with capture(model, "*"):
            watched = model(images)
        assert torch.allclose(alone, watched, atol=1e-5)
        assert torch.equal(alone, model(images))


def test_captured_tensors_of_blocks_carry_the_geometry_that_was_used(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    with torch.no_grad(), capture(model, "stages.1.blocks.*") as seen:
        model(images)
    # 45 x 70 pixels are 12 x 18 tokens in stage 0 and 6 x 9 in stage 1.
    for name, value in seen.items():
        if isinstance(value, torch.Tensor):
            assert seen.geometries[name] == WindowGeometry(6, 9, 4, 2 if "blocks.1" in name else 0, 8)
    assert seen["stages.1.blocks.1.geometry"] == seen.geometries[PATTERN]


def test_a_record_gives_the_tensors_of_every_block_with_the_geometry_that_cut_them(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    with torch.no_grad(), capture(model, ["*.attn.pattern", "*.attn.q", "stages.0.out"]) as seen:
        model(images)
    blocks = seen.blocks("attn.pattern")
    assert list(blocks) == [
        (s, b) for s, depth in enumerate(model.config.backbone.depths) for b in range(depth)
    ]
    for block, (pattern, geometry) in blocks.items():
        assert pattern is seen[block.hook("attn.pattern")]
        assert geometry.num_windows == pattern.shape[1]
        assert geometry.shift_size == (0 if block.block % 2 == 0 else model.config.backbone.window_size // 2)
    with pytest.raises(ValueError, match="in no block"):
        BlockId.of("stages.0.out")


def test_a_pattern_is_the_softmax_of_its_scores_and_scores_are_made_of_q_k_bias_and_mask(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    block = "stages.1.blocks.1.attn"
    with torch.no_grad(), capture(model, f"{block}.*") as seen:
        model(images)
    q, k, v, scores, bias, mask, pattern, out = (
        seen[f"{block}.{name}"] for name in ["q", "k", "v", "scores", "bias", "mask", "pattern", "head_out"]
    )
    by_hand = torch.einsum("bwhqd,bwhkd->bwhqk", q, k) / q.shape[-1] ** 0.5 + bias + mask[:, None]
    torch.testing.assert_close(scores, by_hand)
    torch.testing.assert_close(pattern, scores.exp() / scores.exp().sum(-1, keepdim=True))
    torch.testing.assert_close(out, torch.einsum("bwhqk,bwhkd->bwhqd", pattern, v))


def test_only_what_was_selected_is_kept(model: SwinUPerNet, images: torch.Tensor) -> None:
    with torch.no_grad():
        with capture(model, ["head.logits", "*.blocks.0.attn.q"]) as some:
            model(images)
        with capture(model, lambda name: name.startswith("head.fpn")) as chosen:
            model(images)
    assert set(some) == {"head.logits", *(f"stages.{s}.blocks.0.attn.q" for s in range(4))}
    assert set(chosen) == {"head.fpn.0", "head.fpn.1", "head.fpn.2"}


def test_leaving_the_block_ends_the_capture_also_after_an_exception(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    with pytest.raises(RuntimeError, match="stop"), capture(model, PATTERN) as seen:
        raise RuntimeError("stop")
    with torch.no_grad():
        model(images)
    assert not seen
    assert not any(point.active for point in hook_points(model).values())


def test_captures_nest(model: SwinUPerNet, images: torch.Tensor) -> None:
    with torch.no_grad(), capture(model, "head.logits") as outer:
        with capture(model, "head.logits") as inner:
            model(images)
        first = outer["head.logits"]
        model(images + 1)
    assert torch.equal(first, inner["head.logits"])
    assert not torch.equal(outer["head.logits"], inner["head.logits"])


def test_two_threads_with_one_model_never_see_each_others_values(model: SwinUPerNet) -> None:
    ready = threading.Barrier(2)
    found: dict[int, bool] = {}

    def work(number: int) -> None:
        images = torch.full((1, 3, 32, 32), float(number))
        with torch.no_grad():
            expected = model(images)
            with capture(model, "head.logits") as seen:
                ready.wait()
                for _ in range(5):
                    model(images)
                    low = torch.nn.functional.interpolate(seen["head.logits"], (32, 32), mode="bilinear")
                    found[number] = found.get(number, True) and torch.equal(low, expected)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: True, 2: True}


def test_an_edit_replaces_the_value_and_none_leaves_it(model: SwinUPerNet, images: torch.Tensor) -> None:
    with torch.no_grad():
        before = model(images)
        with edit(model, {PATTERN: lambda pattern, hook: None}):
            assert torch.allclose(model(images), before, atol=1e-5)
        with edit(model, {"stages.*.downsample": lambda x, hook: torch.zeros_like(x)}):
            changed = model(images)
        assert not torch.allclose(changed, before, atol=1e-3)
        assert torch.equal(model(images), before)


def test_an_edited_pattern_is_what_the_values_are_mixed_with(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    block = "stages.1.blocks.1.attn"
    uniform = {PATTERN: lambda pattern, hook: torch.full_like(pattern, 1 / pattern.shape[-1])}
    with torch.no_grad(), edit(model, uniform), capture(model, f"{block}.*") as seen:
        model(images)
    values, out = seen[f"{block}.v"], seen[f"{block}.head_out"]
    torch.testing.assert_close(out, values.mean(-2, keepdim=True).expand_as(out))


def test_a_capture_sees_what_all_edits_made_in_order(model: SwinUPerNet, images: torch.Tensor) -> None:
    names = []

    def double(value: torch.Tensor, hook) -> torch.Tensor:
        names.append(hook.name)
        return value * 2

    with torch.no_grad(), capture(model, "head.logits") as seen:
        model(images)
        plain = seen["head.logits"]
        edits = [
            {"head.logits": double},
            {"head.*": lambda x, hook: x + 1 if hook.name == "head.logits" else None},
        ]
        with edit(model, edits):
            model(images)
    assert names == ["head.logits"]
    torch.testing.assert_close(seen["head.logits"], plain * 2 + 1)


def test_inner_edits_see_what_outer_ones_made_and_both_captures_see_the_result(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    double = {"head.logits": lambda x, hook: x * 2}
    add = {"head.logits": lambda x, hook: x + 1}
    with torch.no_grad(), capture(model, "head.logits") as seen:
        model(images)
        plain = seen["head.logits"]
        with edit(model, double), capture(model, "head.logits") as between, edit(model, add):
            model(images)
        torch.testing.assert_close(seen["head.logits"], plain * 2 + 1)
        assert torch.equal(between["head.logits"], seen["head.logits"])
        with edit(model, add), edit(model, double):
            model(images)
        torch.testing.assert_close(seen["head.logits"], (plain + 1) * 2)


def test_editing_the_geometry_switches_the_shift_off(model: SwinUPerNet, images: torch.Tensor) -> None:
    with (
        torch.no_grad(),
        edit(model, {"*.geometry": lambda geometry, hook: geometry.with_shift(0)}),
        capture(model, "*.pattern") as seen,
    ):
        model(images)
    assert {geometry.shift_size for geometry in seen.geometries.values()} == {0}


def test_bias_and_mask_can_be_edited_without_leaving_the_fused_kernel(
    model: SwinUPerNet, images: torch.Tensor
) -> None:
    zero = {"*.attn.bias": lambda x, hook: x * 0, "*.attn.mask": lambda x, hook: x * 0}
    with torch.no_grad(), edit(model, zero):
        fused = model(images)
        with capture(model, "*.scores") as seen:
            explicit = model(images)
    assert torch.allclose(fused, explicit, atol=1e-5)
    assert all(scores.min() > -50 for scores in seen.values())


def test_gradients_of_patterns_are_available(model: SwinUPerNet, images: torch.Tensor) -> None:
    with capture(model, PATTERN, detach=False) as seen:
        logit = model(images)[0, 1, 20, 30]
    (gradient,) = torch.autograd.grad(logit, seen[PATTERN])
    assert gradient.shape == seen[PATTERN].shape
    assert gradient[0].abs().sum() > 0
    assert gradient[1].abs().sum() == 0  # the other image of the batch has no part in it


def test_detached_captures_hold_no_graph(model: SwinUPerNet, images: torch.Tensor) -> None:
    with capture(model, PATTERN, dtype=torch.float64) as seen:
        model(images)
    assert not seen[PATTERN].requires_grad
    assert seen[PATTERN].dtype == torch.float64


def test_capture_works_under_autocast(model: SwinUPerNet, images: torch.Tensor) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), capture(model, "*.pattern") as seen:
        model(images)
    assert torch.allclose(seen[PATTERN].float().sum(-1), torch.ones(()), atol=2e-2)


def test_unknown_names_are_refused_with_the_way_to_list_them(model: SwinUPerNet) -> None:
    with pytest.raises(ValueError, match=r"'stages.9.\*'.*list_hooks"), capture(model, "stages.9.*"):
        pass
    with pytest.raises(ValueError, match="list_hooks"), capture(model, lambda name: False):
        pass


def test_asking_for_what_was_not_captured_says_why(model: SwinUPerNet, images: torch.Tensor) -> None:
    with torch.no_grad(), capture(model, "aux.logits") as seen:
        model(images)  # inference does not run the auxiliary head
    with pytest.raises(KeyError, match="was not reached"):
        seen["aux.logits"]
    with pytest.raises(KeyError, match="was not selected"):
        seen["head.logits"]


def test_a_compiled_model_is_refused(model: SwinUPerNet) -> None:
    with pytest.raises(ValueError, match="compiled"), capture(torch.compile(model), "*"):
        pass
    model.compile()
    with pytest.raises(ValueError, match="compiled"), edit(model, {"*": lambda x, hook: x}):
        pass


def test_list_hooks_gives_the_shapes_that_a_run_gives_without_running(model: SwinUPerNet) -> None:
    listed = list_hooks(model, (45, 70))
    with torch.no_grad(), capture(model, "*") as seen:
        model(torch.randn(1, 3, 45, 70))
    assert {info.name: info.shape for info in listed} == {
        name: tuple(value.shape) for name, value in seen.items() if isinstance(value, torch.Tensor)
    }
    assert [info.bytes for info in listed] == [seen[info.name].nbytes for info in listed]


def test_list_hooks_leaves_the_model_as_it_was(model: SwinUPerNet) -> None:
    model.train()
    list_hooks(model, (32, 32))
    assert model.training
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
