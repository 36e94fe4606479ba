"""Inference against the published pipeline written out plainly: OpenCV resizes, loops slide."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from swinviz import inference
from swinviz.errors import ImageError, SwinvizError
from swinviz.inference import InferenceOptions, Segmentation
from swinviz.inference.argmax import Prediction, argmax_upsampled
from swinviz.inference.crops import crops
from swinviz.model.config import ModelConfig
from swinviz.segmenter import SwinUPerNet

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class Spy:
    """A logits function that remembers what it was given, and answers with coarse logits."""

    def __init__(self, classes: int = 3, stride: int = 4) -> None:
        self.seen: list[Tensor] = []
        self.stride = stride
        generator = torch.Generator().manual_seed(1)
        self.weight = torch.randn(classes, 3, 5, 5, generator=generator)

    def __call__(self, images: Tensor) -> Tensor:
        self.seen.append(images.clone())
        size = [math.ceil(edge / self.stride) for edge in images.shape[-2:]]
        return F.conv2d(F.interpolate(images.float(), size=size, mode="nearest"), self.weight, padding=2)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return [tuple(images.shape[-2:]) for images in self.seen]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def config(classes: int = 3, scale: tuple[int, int] | None = None) -> ModelConfig:
    made = ModelConfig(tuple(f"class {k}" for k in range(classes)))
    return made if scale is None else replace(made, scale=scale)


def upsampled(logits: Tensor, *sizes: tuple[int, int]) -> Tensor:
    for size in sizes:
        logits = F.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)
    return logits


def prepared(rgb: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Resize by OpenCV and normalize, as mmcv does."""
    resized = cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy((resized - np.array(MEAN)) / np.array(STD)).float().permute(2, 0, 1)[None]


# --- the numbers of the published pipeline --------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "resized"),
    [
        ((480, 640), (512, 683)),  # 682.67 is rounded, not cut
        ((640, 480), (683, 512)),  # the short edge decides, whichever it is
        ((100, 1000), (205, 2048)),  # 204.8; here the long edge decides
        ((512, 683), (512, 683)),
        ((2, 3), (512, 768)),  # small images are upsampled
        ((1, 5000), (1, 2048)),  # an edge never vanishes
    ],
)
def test_images_are_resized_to_fit_2048_by_512(size: tuple[int, int], resized: tuple[int, int]) -> None:
    spy = Spy(stride=32)
    result = inference.segment(spy, noise(*size), config())
    assert spy.sizes == [resized]
    assert result.labels.shape == result.scores.shape == size


def test_colors_are_rgb_shifted_and_scaled_by_the_published_numbers() -> None:
    spy = Spy()
    inference.segment(spy, np.full((8, 8, 3), (255, 128, 0), np.uint8), config(scale=(8, 8)))
    expected = [(255 - 123.675) / 58.395, (128 - 116.28) / 57.12, (0 - 103.53) / 57.375]
    assert spy.seen[0].mean(dim=(0, 2, 3)).tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("size", [(300, 451), (97, 60)])
def test_resizing_is_bilinear_without_antialiasing(size: tuple[int, int]) -> None:
    spy, rgb = Spy(), noise(*size)
    inference.segment(spy, rgb, config(scale=(160, 64)))
    expected = prepared(rgb, spy.sizes[0])
    gray_levels = (spy.seen[0] - expected).abs() * torch.tensor(STD)[:, None, None]
    assert gray_levels.max() <= 1.01


@pytest.mark.parametrize("size", [(75, 101), (31, 200), (400, 301)])
def test_logits_are_upsampled_to_the_resized_then_the_original_size_before_the_argmax(
    size: tuple[int, int],
) -> None:
    spy, rgb = Spy(classes=5), noise(*size)
    result = inference.segment(spy, rgb, config(5, scale=(256, 96)))
    logits = upsampled(spy(spy.seen[0]), spy.sizes[0], size)[0]
    best, second = logits.topk(2, dim=0).values
    clear = best - second > 1e-5  # elsewhere rounding decides, and not alike in every version of torch
    assert clear.float().mean() > 0.999
    np.testing.assert_array_equal(result.labels[clear], logits.argmax(dim=0)[clear])
    np.testing.assert_allclose(result.scores, logits.softmax(dim=0).amax(dim=0), atol=2e-6)
    chosen_first = upsampled(F.one_hot(spy(spy.seen[0]).argmax(1), 5).movedim(-1, 1), size)[0].argmax(0)
    assert (chosen_first.numpy() != result.labels).any(), "this image would not notice the wrong order"


def slide_as_published(
    spy: Spy, x: Tensor, classes: int, crop: tuple[int, int], stride: tuple[int, int]
) -> Tensor:
    """Sum, count and divide, with the loop of the published code's description written out anew."""
    height, width = x.shape[-2:]
    total, count = torch.zeros(1, classes, height, width), torch.zeros(height, width)
    tops = [
        min(top, max(height - crop[0], 0))
        for top in range(0, max(height - crop[0], 0) + stride[0], stride[0])
    ]
    lefts = [
        min(left, max(width - crop[1], 0))
        for left in range(0, max(width - crop[1], 0) + stride[1], stride[1])
    ]
    for top in dict.fromkeys(tops):
        for left in dict.fromkeys(lefts):
            part = x[:, :, top : top + crop[0], left : left + crop[1]]
            logits = upsampled(spy(part), tuple(part.shape[-2:]))
            for i in range(part.shape[-2]):
                total[0, :, top + i, left : left + part.shape[-1]] += logits[0, :, i]
                count[top + i, left : left + part.shape[-1]] += 1
    return total / count


@pytest.mark.parametrize("size", [(48, 96), (50, 131), (20, 30), (64, 20)])
def test_slide_averages_the_logits_of_crops_whose_last_are_moved_inward(size: tuple[int, int]) -> None:
    crop, stride = (32, 32), (21, 21)
    spy, rgb = Spy(classes=4), noise(*size)
    options = InferenceOptions(mode="slide", crop=crop, stride=stride, scale=(max(size), min(size)))
    result = inference.segment(spy, rgb, config(4), options)
    assert all(seen == (min(32, size[0]), min(32, size[1])) for seen in spy.sizes), "not every crop is full"
    logits = slide_as_published(Spy(classes=4), prepared(rgb, size), 4, crop, stride)[0]
    np.testing.assert_array_equal(result.labels, logits.argmax(dim=0))
    np.testing.assert_allclose(result.scores, logits.softmax(dim=0).amax(dim=0), atol=1e-5)


def test_the_published_crop_and_stride_are_the_defaults() -> None:
    assert InferenceOptions().crop == (512, 512)
    assert InferenceOptions().stride == (341, 341)
    assert (InferenceOptions().mode, InferenceOptions().scales, InferenceOptions().flip) == (
        "whole",
        (1.0,),
        False,
    )


def test_multi_scale_and_flip_look_at_the_published_sizes_and_average_probabilities() -> None:
    spy, rgb, size = Spy(classes=4), noise(60, 90), (60, 90)
    result = inference.segment(
        spy, rgb, config(4, (128, 48)), InferenceOptions(scales=inference.MULTI_SCALE, flip=True)
    )
    expected_sizes = []
    for factor in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75):
        short = int(48 * factor)
        expected_sizes += [(short, int(short * 1.5 + 0.5))] * 2
    assert spy.sizes == expected_sizes

    oracle, probability = Spy(classes=4), torch.zeros(4, *size)
    for resized in dict.fromkeys(expected_sizes):
        x = prepared(rgb, resized)
        probability += upsampled(oracle(x), resized, size)[0].softmax(dim=0)
        probability += upsampled(oracle(x.flip(-1)), resized, size)[0].flip(-1).softmax(dim=0)
    np.testing.assert_allclose(
        result.scores, (probability / 12).amax(dim=0), atol=1e-2
    )  # cv2 rounds otherwise
    assert (result.labels != probability.argmax(dim=0).numpy()).mean() < 0.01


def test_probabilities_not_logits_are_averaged_over_views() -> None:
    sure, unsure = torch.tensor([9.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])
    third = torch.tensor([0.0, 2.0, 0.0])
    views = [Prediction(logits.view(1, 3, 1, 1), (1, 1)) for logits in (sure, unsure, third)]
    labels, scores = argmax_upsampled(views, (1, 1))
    assert labels.item() == 1, "the mean of the logits would be class 0"
    assert scores.item() == pytest.approx(
        (math.exp(0) / (math.exp(9) + 2) + 2 * math.exp(2) / (math.exp(2) + 2)) / 3
    )


# --- deciding block by block ----------------------------------------------------------------------


@given(
    coarse=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    resized=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    original=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    classes=st.integers(1, 6),
    block=st.integers(1, 4000),
)
def test_deciding_block_by_block_equals_enlarging_everything(
    coarse: tuple[int, int], resized: tuple[int, int], original: tuple[int, int], classes: int, block: int
) -> None:
    logits = torch.randn(1, classes, *coarse, generator=torch.Generator().manual_seed(block))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swinviz.inference.argmax._BLOCK_ON_CPU", block)
        labels, scores = argmax_upsampled([Prediction(logits, resized)], original)
    plain = upsampled(logits, resized, original)[0]
    best_two = plain.topk(min(2, classes), dim=0).values
    clear = (best_two[0] - best_two[-1] > 1e-5) | (classes == 1)
    assert (labels.long() == plain.argmax(dim=0))[clear].all()
    torch.testing.assert_close(scores, plain.softmax(dim=0).amax(dim=0), atol=1e-5, rtol=0)


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that any operation gave."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return out


@pytest.mark.parametrize("views", [1, 2])
def test_no_tensor_holds_every_class_at_full_size(views: int) -> None:
    logits = torch.randn(1, 150, 16, 16)
    with LargestTensor() as largest:
        argmax_upsampled([Prediction(logits, (64, 64))] * views, (500, 500))
    assert largest.elements < 150 * 500 * 500 / 20


def test_more_than_256_classes_get_labels_that_hold_them() -> None:
    def last_class(x: Tensor) -> Tensor:
        return F.one_hot(torch.full((1, 2, 2), 299), 300).movedim(-1, 1).float()

    result = inference.segment(last_class, noise(5, 6), config(300, scale=(6, 5)))
    assert result.labels.dtype == np.int32
    assert (result.labels == 299).all()


# --- the model ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny() -> SwinUPerNet:
    torch.manual_seed(3)
    model = SwinUPerNet(ModelConfig.tiny(tuple("abcde"), window_size=7, scale=(256, 96))).eval()
    nn.init.normal_(model.head.classifier.weight)
    return model


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (77, 101), (60, 33)])
def test_a_model_segments_any_size_as_its_full_size_logits_say(
    tiny: SwinUPerNet, size: tuple[int, int]
) -> None:
    rgb = noise(*size)
    result = tiny.segment(rgb)
    scale = min(256 / max(size), 96 / min(size))
    resized = [max(1, int(edge * scale + 0.5)) for edge in size]
    with torch.no_grad():
        logits = upsampled(tiny(prepared(rgb, (resized[0], resized[1]))), size)[0]
    best_two = logits.topk(2, dim=0).values
    clear = (
        best_two[0] - best_two[1] > 0.1 * logits.std()
    ).numpy()  # OpenCV rounds some pixels the other way
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(result.labels[clear], logits.argmax(dim=0).numpy()[clear])


def test_tensors_captured_while_segmenting_can_be_used_in_later_gradients(tiny: SwinUPerNet) -> None:
    from swinviz.model.hooks import capture

    with capture(tiny, "head.logits") as seen:
        tiny.segment(noise(40, 40))
    weight = torch.ones((), requires_grad=True)
    (seen["head.logits"] * weight).sum().backward()  # an inference-mode tensor would refuse
    assert weight.grad is not None


def test_segmenting_builds_no_graph(tiny: SwinUPerNet) -> None:
    from swinviz.model.hooks import capture

    with capture(tiny, "head.logits", detach=False) as seen:
        tiny.segment(noise(40, 40))
    assert not seen["head.logits"].requires_grad


def test_images_are_given_in_the_type_of_the_weights() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            assert x.dtype == torch.bfloat16
            return self.conv(x)

    result = inference.segment(Half().bfloat16(), noise(9, 9), config(scale=(16, 16)))
    assert result.scores.dtype == np.float32


def test_precision_runs_the_model_under_autocast() -> None:
    conv = nn.Conv2d(3, 3, 1)
    types = []
    conv.register_forward_hook(lambda module, args, out: types.append(out.dtype))
    inference.segment(conv, noise(9, 9), config(scale=(16, 16)), InferenceOptions(precision=torch.bfloat16))
    assert types == [torch.bfloat16]


def test_a_compiled_model_runs_compiled(tiny: SwinUPerNet) -> None:
    calls = []

    class Compiled(SwinUPerNet):
        def forward(self, images: Tensor) -> Tensor:
            calls.append("forward")
            return super().forward(images)

    model = Compiled(tiny.config).eval()
    inference.segment(model, noise(9, 9), tiny.config)
    assert calls == [], "an uncompiled model decodes without the upsampling"
    model._compiled_call_impl = model._call_impl
    inference.segment(model, noise(9, 9), tiny.config)
    assert calls == ["forward"]


def test_a_model_that_writes_over_its_last_result_is_understood_too() -> None:
    graph = torch.empty(1, 3, 32, 48)  # what a CUDA graph does with its output

    def overwriting(x: Tensor) -> Tensor:
        return graph.copy_(x)

    rgb, options = noise(32, 48), InferenceOptions(flip=True, scale=(48, 32))
    result = inference.segment(overwriting, rgb, config(), options)
    plain = inference.segment(lambda x: x.clone(), rgb, config(), options)
    np.testing.assert_array_equal(result.scores, plain.scores)


def test_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(SwinvizError, match=r"shape \(1, 3, 8, 8\) for one image and 7 classes"):
        inference.segment(lambda x: x, noise(8, 8), config(7, (8, 8)))


def test_logits_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(SwinvizError, match="not finite"):
        inference.segment(lambda x: x * float("nan"), noise(8, 8), config(3, (8, 8)))


# --- tiles and memory -----------------------------------------------------------------------------


@given(
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    crop=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    data=st.data(),
)
def test_the_kept_parts_of_crops_tile_the_image(
    size: tuple[int, int], crop: tuple[int, int], data: st.DataObject
) -> None:
    stride = (data.draw(st.integers(1, crop[0])), data.draw(st.integers(1, crop[1])))
    kept = np.zeros(size, int)
    for piece in crops(size, crop, stride):
        assert np.zeros(size)[piece.seen].shape == (min(size[0], crop[0]), min(size[1], crop[1]))
        kept[piece.kept] += 1
        whole = np.arange(size[0] * size[1]).reshape(size)
        np.testing.assert_array_equal(whole[piece.seen][piece.kept_within], whole[piece.kept])
    assert (kept == 1).all()


def blurred_color(x: Tensor) -> Tensor:
    """Logits that look two pixels far: what a tile with enough overlap must give unchanged."""
    return F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False)


@pytest.mark.parametrize("flip", [False, True])
def test_tiles_with_enough_overlap_give_what_the_whole_image_gives(flip: bool) -> None:
    rgb = noise(70, 113)
    scale = (113, 70)
    whole = inference.segment(blurred_color, rgb, config(), InferenceOptions(scale=scale, flip=flip))
    tiled = inference.segment(
        blurred_color,
        rgb,
        config(),
        InferenceOptions("tile", crop=(32, 40), stride=(24, 30), scale=scale, flip=flip),
    )
    np.testing.assert_array_equal(whole.labels, tiled.labels)
    np.testing.assert_allclose(whole.scores, tiled.scores, atol=1e-6)


def test_tiles_are_given_to_the_model_in_the_size_of_a_crop_whatever_the_image() -> None:
    spy = Spy()
    options = InferenceOptions("tile", crop=(64, 64), stride=(48, 48), scale=(400, 200))
    inference.segment(spy, noise(100, 200), config(), options)
    assert set(spy.sizes) == {(64, 64)}
    assert len(spy.sizes) > 1


class SmallMemory:
    """A model on a device that holds so many pixels and no more."""

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[-2] * x.shape[-1] > self.pixels:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return x


def test_running_out_of_cuda_memory_falls_back_to_tiles_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rgb = noise(600, 700)
    with caplog.at_level(logging.WARNING):
        result = inference.segment(SmallMemory(260 * 260), rgb, config(scale=(700, 600)))
    assert len(result.notes) == 2  # tiles of 512, then of 256
    assert "tiles of 256 x 256" in result.notes[-1]
    assert [record.message for record in caplog.records] == list(result.notes)
    np.testing.assert_array_equal(
        result.labels, inference.segment(lambda x: x, rgb, config(scale=(700, 600))).labels
    )


def test_no_memory_even_for_the_smallest_tile_is_one_clear_error() -> None:
    with pytest.raises(
        SwinvizError, match="CUDA has too little memory to segment 30 x 40 pixels even in tiles"
    ):
        inference.segment(SmallMemory(0), noise(30, 40), config())


def test_without_fallback_running_out_of_memory_is_an_error_at_once() -> None:
    with pytest.raises(SwinvizError, match="too little memory to segment 30 x 40 pixels: use"):
        inference.segment(SmallMemory(0), noise(30, 40), config(), InferenceOptions(fallback=False))


# --- options and results --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "hole"}, "mode is 'hole': choose one of whole, slide, tile"),
        ({"crop": (32, 32), "stride": (33, 8)}, "would leave pixels unseen"),
        ({"crop": (0, 8), "stride": (0, 8)}, "would leave pixels unseen"),
        ({"scales": ()}, "at least one factor"),
        ({"scales": (1.0, 0.0)}, "each above 0"),
        ({"scale": (512, 0)}, "at least 1 pixel"),
        ({"precision": torch.int8}, "precision is torch.int8"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InferenceOptions(**wrong)


@pytest.fixture
def result() -> Segmentation:
    labels = np.array([[0, 0, 0, 2], [0, 0, 2, 2]], np.uint8)
    image = np.full((2, 4, 3), 100, np.uint8)
    palette = ((200, 0, 0), (0, 200, 0), (0, 0, 201))
    return Segmentation(
        labels, np.full((2, 4), 0.9, np.float32), ("sky", "sea", "tree"), palette, 1.25, image
    )


def test_shares_are_sorted_and_leave_absent_classes_out(result: Segmentation) -> None:
    assert list(result.shares().items()) == [("sky", 5 / 8), ("tree", 3 / 8)]
    assert result.legend()[1] == ("tree", (0, 0, 201), 3 / 8)


def test_overlay_mixes_image_and_color(result: Segmentation) -> None:
    np.testing.assert_array_equal(result.overlay(0), result.image)
    np.testing.assert_array_equal(result.overlay(1), result.colors())
    assert result.overlay()[0, 0].tolist() == [150, 50, 50]
    assert result.overlay(0.25).dtype == np.uint8
    assert result.colors()[0, 3].tolist() == [0, 0, 201]
    with pytest.raises(ValueError, match=r"opacity is 1\.5"):
        result.overlay(1.5)


def test_saving_writes_a_png_whose_values_are_the_labels(result: Segmentation, tmp_path: Any) -> None:
    path = result.save(tmp_path / "mask.png")
    with Image.open(path) as saved:
        assert saved.mode == "P"
        np.testing.assert_array_equal(np.asarray(saved), result.labels)
        np.testing.assert_array_equal(np.asarray(saved.convert("RGB")), result.colors())
    assert [file.name for file in tmp_path.iterdir()] == ["mask.png"]


def test_saving_labels_as_jpeg_is_refused(result: Segmentation, tmp_path: Any) -> None:
    with pytest.raises(ImageError, match=r"'mask\.jpg' would not keep the labels exactly"):
        result.save(tmp_path / "mask.jpg")
    with pytest.raises(ImageError, match="no folder"):
        result.save(tmp_path / "missing" / "mask.png")
    assert list(tmp_path.iterdir()) == []


def test_a_result_is_short_in_a_terminal_and_a_picture_in_a_notebook(result: Segmentation) -> None:
    assert repr(result) == "Segmentation(2 x 4 pixels: sky 62 %, tree 38 %; 1.25 s)"
    assert result._repr_png_().startswith(b"\x89PNG")
