"""The whole model: any size, any batch, other number types, the compiler."""

from __future__ import annotations

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
def test_the_default_compiler_gives_the_same_result() -> None:
    model, images = tiny_model(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(model)(images), model(images), atol=1e-4, rtol=1e-4)
    torch.compiler.reset()


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
