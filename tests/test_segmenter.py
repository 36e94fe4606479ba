"""The whole model: any size, any batch, other number types, the compiler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.models import tiny_config, tiny_model

from swinviz import HeadConfig, ModelConfig, SwinConfig, SwinUPerNet
from swinviz.model.config import distinct_palette

PUBLISHED = {  # parameter counts as mmsegmentation builds the four architectures
    "swin-t": (SwinConfig(96, (2, 2, 6, 2), (3, 6, 12, 24), 7), 59_941_862),
    "swin-s": (SwinConfig(96, (2, 2, 18, 2), (3, 6, 12, 24), 7), 81_259_766),
    "swin-b": (SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32), 7), 121_279_716),
    "swin-b-384": (SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32), 12), 121_415_076),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts_are_the_published_models(name: str) -> None:
    backbone, count = PUBLISHED[name]
    classes = tuple(str(k) for k in range(150))
    with torch.device("meta"):
        model = SwinUPerNet(ModelConfig(classes, backbone=backbone))
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@given(height=st.integers(1, 90), width=st.integers(1, 90), batch=st.integers(1, 3))
@settings(max_examples=25)
def test_any_size_from_one_pixel_up_gives_finite_logits_of_that_size(
    height: int, width: int, batch: int
) -> None:
    model = tiny_model(7)
    with torch.no_grad():
        images = torch.randn(batch, 3, height, width)
        logits = model(images)
        features = model.features(images)
    assert logits.shape == (batch, 3, height, width)
    assert logits.isfinite().all()
    for stage, feature in enumerate(features):
        stride = 4 * 2**stage
        assert feature.shape == (batch, 8 * 2**stage, -(-height // stride), -(-width // stride))


def test_the_images_of_a_batch_do_not_mix() -> None:
    model, images = tiny_model(), torch.randn(3, 3, 50, 61)
    with torch.no_grad():
        together = model(images)
        apart = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-5)


def test_bfloat16_stays_close_to_float32() -> None:
    model, images = tiny_model(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        exact = model(images)
        rounded = model.to(torch.bfloat16)(images.bfloat16())
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() < 0.05 * exact.abs().max() + 0.02


def test_training_gives_both_heads_logits_at_the_size_of_the_images() -> None:
    model = tiny_model().train()
    logits, auxiliary = model.forward_train(torch.randn(2, 3, 40, 50))
    assert logits.shape == auxiliary.shape == (2, 3, 40, 50)
    (logits.mean() + auxiliary.mean()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_auxiliary_head_can_be_left_out() -> None:
    config = tiny_config()
    config = ModelConfig(
        config.classes, backbone=config.backbone, head=HeadConfig(channels=8, aux_channels=0)
    )
    model = SwinUPerNet(config).train()
    assert model.aux is None
    assert model.forward_train(torch.randn(2, 3, 32, 32))[1] is None


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 64), (45, 70)])
def test_forward_compiles_to_one_graph_with_the_same_result(size: tuple[int, int]) -> None:
    model, images = tiny_model(7), torch.randn(1, 3, *size)
    compiled = torch.compile(model, backend="eager", fullgraph=True)  # fullgraph: a graph break is an error
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), model(images), atol=1e-5, rtol=1e-5)
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.parametrize("copy", [False, True])
def test_the_default_compiler_gives_the_same_result_at_changing_sizes(copy: bool) -> None:
    model = SwinUPerNet(ModelConfig.tiny(depths=(2,), aux_channels=0)).eval()
    compiled = model.for_inference(compile=True) if copy else torch.compile(model)
    with torch.no_grad():
        for size in ((64, 64), (37, 51), (45, 70)):
            images = torch.randn(1, 3, *size)
            torch.testing.assert_close(compiled(images), model(images), atol=1e-4, rtol=1e-4)
    torch.compiler.reset()


@pytest.mark.slow
def test_each_size_is_compiled_by_itself_without_symbols() -> None:
    sizes: list[tuple[int, ...]] = []

    def record(graph: torch.fx.GraphModule, inputs: list[Any]) -> torch.fx.GraphModule:
        sizes.extend(tuple(x.shape[-2:]) for x in inputs if isinstance(x, torch.Tensor) and x.ndim == 4)
        assert not any(isinstance(x, torch.SymInt) for x in inputs)
        return graph

    model = SwinUPerNet(ModelConfig.tiny(depths=(2,), aux_channels=0)).eval()
    compiled = torch.compile(model, backend=record, fullgraph=True)
    wanted = [(64, 64), (37, 51), (45, 70)]
    with torch.no_grad():
        for size in wanted + wanted:
            images = torch.randn(1, 3, *size)
            torch.testing.assert_close(compiled(images), model(images), atol=1e-5, rtol=1e-5)
    assert [size for size in sizes if size in wanted] == wanted
    torch.compiler.reset()


@pytest.mark.slow
def test_pictures_of_more_sizes_than_are_compiled_are_segmented_uncompiled(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    compiled_graphs: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, _inputs: list[Any]) -> torch.fx.GraphModule:
        compiled_graphs.append(graph)
        return graph

    plain = SwinUPerNet(ModelConfig.tiny(depths=(2,), aux_channels=0)).eval()
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **_named: compile_(run, backend=count))
    model = plain.for_inference(compile=True)
    with torch._dynamo.config.patch(recompile_limit=2):
        for size in ((48, 64), (50, 50), (64, 31), (20, 64), (48, 64)):
            picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            assert np.array_equal(model.segment(picture).labels, plain.segment(picture).labels)
    assert len(compiled_graphs) == 2
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tracing_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        NotImplementedError, match=r"one size only: use for_inference\(\), torch\.compile, or"
    ):
        torch.jit.trace(tiny_model(), torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ()}, "at least one class"),
        ({"classes": ("sky",), "palette": ((0, 0, 0), (1, 1, 1))}, "2 colors for 1 classes"),
        ({"classes": ("sky",), "head": HeadConfig(aux_stage=4)}, "aux_stage is 4"),
    ],
)
def test_a_model_that_cannot_be_is_refused_with_the_way_to_mend_it(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig(**changes)


def test_made_up_colors_differ() -> None:
    assert len(set(distinct_palette(150))) == 150
