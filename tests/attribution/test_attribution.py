"""Logit attribution against autograd, gradients against finite differences, relevance against products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from swinviz import attribution
from swinviz.attention import rollout
from swinviz.model.config import ModelConfig
from swinviz.model.geometry import Box, WindowGeometry
from swinviz.model.hooks import capture, edit
from swinviz.model.upsampling import upsample
from swinviz.segmenter import SwinUPerNet

SIZE = (30, 45)


def small_model(dtype: torch.dtype = torch.float64) -> SwinUPerNet:
    model = SwinUPerNet(ModelConfig.tiny(depths=(2, 2, 2), window_size=3, aux_channels=0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(torch.rand_like(buffer))
    return model.to(dtype)


@pytest.fixture
def model() -> SwinUPerNet:
    return small_model()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, *SIZE, dtype=torch.float64)


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    mask[3:14, 20:45] = True
    return mask


def mean_logit(model: SwinUPerNet, images: Tensor, mask: np.ndarray, class_index: int) -> Tensor:
    """From the definition: upsample everything, take the class, average over the region."""
    return model(images)[1, class_index][torch.from_numpy(mask)].mean()


@pytest.mark.parametrize("place", [(0, 0), (29, 44), (13, 22), "mask"])
def test_the_ledger_sums_to_the_logit_and_its_shares_are_autograds(
    model: SwinUPerNet, images: Tensor, mask: np.ndarray, place: tuple[int, int] | str
) -> None:
    where = mask if place == "mask" else place
    only = mask if place == "mask" else np.zeros(SIZE, dtype=bool)
    if place != "mask":
        only[where] = True
    decomposition = attribution.decoder_logit_attribution(model, images, where, 2, batch=1)
    logit = mean_logit(model, images, only, 2).detach()
    assert decomposition.logit == pytest.approx(float(logit), abs=1e-9)
    assert sum(decomposition.levels) + decomposition.constant == pytest.approx(float(logit), abs=1e-9)
    bottleneck = (
        decomposition.backbone
        + sum(part for _, part in decomposition.pooling)
        + decomposition.bottleneck_constant
    )
    assert bottleneck == pytest.approx(decomposition.levels[-1], abs=1e-9)
    assert [scale for scale, _ in decomposition.pooling] == [1, 2, 3, 6]

    # With gates fixed the logit is linear in the shares, so each adds gradient times value.
    names = ["head.fusion.*", "head.ppm.*", "stages.2.out"]
    with capture(model, names, detach=False) as seen:
        logit = mean_logit(model, images, only, 2)
    shares = [seen[f"head.fusion.{level}"] for level in range(3)]
    gradients = torch.autograd.grad(logit, shares, retain_graph=True)
    for share, gradient, got in zip(shares, gradients, decomposition.levels, strict=True):
        assert got == pytest.approx(float((share * gradient).sum().detach()), abs=1e-9)
    # The bottleneck also feeds the finer levels; only what goes through the last share counts here.
    last = (shares[-1] * gradients[-1].detach()).sum()
    sources = [seen["stages.2.out"], *(seen[f"head.ppm.{k}"] for k in range(4))]
    pooled_first = torch.autograd.grad(last, sources[1:], retain_graph=True)
    parts = [
        float((source * grad).sum().detach()) for source, grad in zip(sources[1:], pooled_first, strict=True)
    ]
    assert [part for _, part in decomposition.pooling] == pytest.approx(parts, abs=1e-9)


def test_the_ledger_explains_the_highest_class_unless_told(model: SwinUPerNet, images: Tensor) -> None:
    with torch.no_grad():
        labels = model(images).argmax(dim=1)
    for y, x in [(0, 0), (20, 30), (29, 2)]:
        assert (
            attribution.decoder_logit_attribution(model, images, (y, x), batch=1).class_index
            == labels[1, y, x]
        )
    with pytest.raises(ValueError, match="class 3 does not exist"):
        attribution.decoder_logit_attribution(model, images, (0, 0), 3)
    with pytest.raises(ValueError, match="outside the image"):
        attribution.decoder_logit_attribution(model, images, (30, 0))


@pytest.mark.parametrize("region", [(0, 0, 2, 2), (6, 9, 8, 12), (3, 0, 4, 12), (0, 5, 8, 7), (2, 3, 5, 9)])
def test_a_region_is_decoded_to_what_the_whole_map_holds_there(
    model: SwinUPerNet, images: Tensor, region: tuple[int, int, int, int]
) -> None:
    top, left, bottom, right = region
    with torch.no_grad():
        features = model.features(images)
        expected = model.decode(features)[:, :, top:bottom, left:right]
        got = attribution.decode_box(model.head, features, Box(*region))
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=1e-12)


def test_the_ledger_of_a_folded_model_sums_to_the_same_logit(model: SwinUPerNet, images: Tensor) -> None:
    folded = model.for_inference()
    with torch.no_grad():
        logit = float(folded(images)[1, 2, 13, 22])
    decomposition = attribution.decoder_logit_attribution(folded, images, (13, 22), 2, batch=1)
    assert decomposition.logit == pytest.approx(logit, abs=1e-9)
    assert sum(decomposition.levels) + decomposition.constant == pytest.approx(logit, abs=1e-9)
    shares = attribution.level_shares(folded, images, 2)
    assert float(upsample(shares.sum(dim=1, keepdim=True), SIZE)[1, 0, 13, 22]) == pytest.approx(logit)
    assert attribution.attention_relevance(folded, images, (13, 22), 2).tokens.sum() > 0
    assert attribution.class_activation(folded, images, (13, 22), 2, layer="stages.2.out").map.shape == (2, 3)


def test_in_single_precision_the_ledger_is_exact_to_1e_5(images: Tensor) -> None:
    decomposition = attribution.decoder_logit_attribution(
        small_model(torch.float32), images.float(), (13, 22)
    )
    assert abs(sum(decomposition.levels) + decomposition.constant - decomposition.logit) < 1e-5


def test_level_shares_are_the_ledger_of_every_pixel(model: SwinUPerNet, images: Tensor) -> None:
    with torch.no_grad():
        logits = model.decode(model.features(images))
    shares = attribution.level_shares(model, images, 1)
    torch.testing.assert_close(shares.sum(dim=1), logits[:, 1])
    everywhere = upsample(shares, SIZE)
    for y, x in [(0, 0), (17, 31)]:
        decomposition = attribution.decoder_logit_attribution(model, images, (y, x), 1, batch=1)
        torch.testing.assert_close(everywhere[1, :3, y, x], torch.tensor(decomposition.levels).double())
        assert float(everywhere[1, 3, y, x]) == pytest.approx(decomposition.constant)
    own = attribution.level_shares(model, images)
    torch.testing.assert_close(own.sum(dim=1), logits.max(dim=1).values)
    with pytest.raises(ValueError, match="does not exist"):
        attribution.level_shares(model, images, -1)


def score_under(model: SwinUPerNet, images: Tensor, mask: np.ndarray, layer: str, change: Callable) -> float:
    with edit(model, {layer: lambda value, hook: change(value)}), torch.no_grad():
        return float(mean_logit(model, images, mask, 1))


@pytest.mark.parametrize("layer", ["stages.2.out", "stages.1.blocks.1.resid_post", "head.fpn.0"])
def test_grad_cam_weighs_channels_by_how_the_logit_answers_to_each(
    model: SwinUPerNet, images: Tensor, mask: np.ndarray, layer: str
) -> None:
    channels_last = "resid" in layer
    with capture(model, layer) as seen, torch.no_grad():
        logit = float(mean_logit(model, images, mask, 1))
    activation = seen[layer][1].permute(2, 0, 1) if channels_last else seen[layer][1]
    step, expected = 1e-5, torch.zeros_like(activation[0])
    for channel in range(len(activation)):
        where = (..., channel) if channels_last else (slice(None), channel)

        def shifted(value: Tensor, by: float, where: tuple = where) -> Tensor:
            value = value.clone()
            value[where] += by
            return value

        higher = score_under(model, images, mask, layer, lambda value: shifted(value, step))
        lower = score_under(model, images, mask, layer, lambda value: shifted(value, -step))
        slope = (higher - lower) / (2 * step) / activation[0].numel()
        expected += slope * activation[channel]
    cam = attribution.class_activation(model, images, mask, 1, layer=layer, batch=1)
    torch.testing.assert_close(cam.map, expected.relu().float(), atol=1e-6, rtol=1e-4)
    assert cam.logit == pytest.approx(logit)


def test_hires_cam_sums_to_the_logits_answer_to_growing_activations(
    model: SwinUPerNet, images: Tensor, mask: np.ndarray
) -> None:
    step = 1e-5
    higher = score_under(model, images, mask, "stages.2.out", lambda value: value * (1 + step))
    lower = score_under(model, images, mask, "stages.2.out", lambda value: value * (1 - step))
    cam = attribution.class_activation(
        model, images, mask, 1, layer="stages.2.out", method="hires-cam", batch=1
    )
    assert float(cam.map.sum()) == pytest.approx((higher - lower) / (2 * step), rel=1e-4)


def test_grad_cam_plus_plus_follows_the_papers_equation(
    model: SwinUPerNet, images: Tensor, mask: np.ndarray
) -> None:
    layer = "stages.2.out"
    with capture(model, layer, detach=False) as seen:
        logit = mean_logit(model, images, mask, 1)
    activation = seen[layer]
    gradient = torch.autograd.grad(logit, activation)[0][1]
    activation = activation[1].detach()
    expected = torch.zeros_like(activation[0])
    for channel in range(len(activation)):
        weight = 0.0
        for g in gradient[channel].flatten():
            weight += float(g**2 / (2 * g**2 + activation[channel].sum() * g**3)) * max(float(g), 0)
        expected += weight * activation[channel]
    cam = attribution.class_activation(model, images, mask, 1, layer=layer, method="grad-cam++", batch=1)
    torch.testing.assert_close(cam.map, expected.relu().float(), atol=1e-4, rtol=1e-3)


def test_class_activation_refuses_what_is_no_map_or_method(model: SwinUPerNet, images: Tensor) -> None:
    with pytest.raises(ValueError, match="carries no map"):
        attribution.class_activation(model, images, (0, 0), layer="stages.0.blocks.0.attn.q")
    with pytest.raises(ValueError, match="choose one of"):
        attribution.class_activation(model, images, (0, 0), method="cam")
    with pytest.raises(ValueError, match="no hook point"):
        attribution.class_activation(model, images, (0, 0), layer="stages.9.out")


def dense(matrix: Tensor, geometry: WindowGeometry) -> Tensor:
    """(nW, N, N) -> (T, T), pair by pair."""
    index = geometry.token_index
    out = torch.zeros(geometry.height * geometry.width, geometry.height * geometry.width).double()
    for window in range(index.shape[0]):
        for query in range(index.shape[1]):
            for key in range(index.shape[1]):
                if index[window, query] >= 0 and index[window, key] >= 0:
                    out[index[window, query], index[window, key]] = matrix[window, query, key]
    return out


def test_relevance_equals_the_dense_products_of_positive_attention_times_gradient(
    model: SwinUPerNet, images: Tensor, mask: np.ndarray
) -> None:
    with capture(model, ["*.attn.pattern", "stages.*.out"], detach=False) as seen:
        logit = mean_logit(model, images, mask, 1)
    gradients = dict(zip(seen, torch.autograd.grad(logit, list(seen.values())), strict=True))
    row, total = None, 0.0
    for stage in (2, 1, 0):
        name = f"stages.{stage}.out"
        start = (seen[name] * gradients[name])[1].sum(dim=0).relu().detach()
        total += float(start.sum())
        if row is not None:  # even shares of the real children, counted one by one
            spread = torch.zeros_like(start)
            for y in range(start.shape[0]):
                for x in range(start.shape[1]):
                    rows = min(2, start.shape[0] - y // 2 * 2)
                    columns = min(2, start.shape[1] - x // 2 * 2)
                    spread[y, x] = row[y // 2, x // 2] / (rows * columns)
            start = start + spread
        flat = start.flatten()
        for block in (1, 0):
            name = f"stages.{stage}.blocks.{block}.attn.pattern"
            relevance = (seen[name] * gradients[name])[1].relu().mean(dim=1).detach()
            flat = flat @ (torch.eye(len(flat)).double() + dense(relevance, seen.geometries[name]))
        row = flat.view(start.shape)
    walked = attribution.attention_relevance(model, images, mask, 1, batch=1)
    torch.testing.assert_close(walked.tokens, row / total, atol=1e-12, rtol=1e-9)
    assert walked.tokens.shape == (8, 12)


def test_relevance_differs_from_rollout(model: SwinUPerNet, images: Tensor) -> None:
    with capture(model, "*.attn.pattern") as seen, torch.no_grad():
        model.features(images)
    walked = attribution.attention_relevance(model, images, (13, 22)).tokens
    assert not torch.allclose(walked / walked.sum(), rollout(seen, (13, 22)).tokens, atol=1e-3)


def test_the_receptive_field_is_the_mean_slope_of_the_logit(model: SwinUPerNet, images: Tensor) -> None:
    field = attribution.effective_receptive_field(model, [images[:1], images[1:]], (13, 22), 1)
    together = attribution.effective_receptive_field(model, [images], (13, 22), 1)
    torch.testing.assert_close(field, together)
    step = 1e-5
    for y, x in [(0, 0), (13, 22), (14, 30), (29, 44)]:
        slopes = 0.0
        for color in range(3):
            moved = images.clone()
            moved[:, color, y, x] += step
            with torch.no_grad():
                higher = model(moved)[:, 1, 13, 22]
                moved[:, color, y, x] -= 2 * step
                lower = model(moved)[:, 1, 13, 22]
            slopes += float(((higher - lower) / (2 * step)).abs().mean())
        assert float(field[y, x]) == pytest.approx(slopes, rel=1e-3, abs=1e-9)


def test_the_receptive_field_takes_the_middle_and_each_images_own_class(
    model: SwinUPerNet, images: Tensor
) -> None:
    with torch.no_grad():
        labels = model(images)[:, :, 15, 22].argmax(dim=1)
    apart = [
        attribution.effective_receptive_field(model, [images[i : i + 1]], (15, 22), int(labels[i]))
        for i in range(2)
    ]
    field = attribution.effective_receptive_field(model, [images])
    torch.testing.assert_close(field, sum(apart) / 2)
    with pytest.raises(ValueError, match="at least one"):
        attribution.effective_receptive_field(model, [])
    with pytest.raises(ValueError, match="one size"):
        attribution.effective_receptive_field(model, [images, images[:, :, 1:]])
