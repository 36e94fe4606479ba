"""The augmentation against OpenCV, colorsys and plain loops."""

import colorsys
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swinviz.data.transforms import (
    Camera,
    Photometric,
    TrainTransform,
    blur,
    choose_crop,
    random_size,
    resize_labels,
    resize_planes,
    scale_saturation,
    turn_hue,
)
from swinviz.images import normalize
from swinviz.model.geometry import Box

edges = st.integers(1, 70)
seeds = st.integers(0, 2**32 - 1)


def picture(seed, height, width, classes=6):
    """Return a random image (H, W, 3) and random labels (H, W)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, (height, width), dtype=np.uint8)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8), labels


def planes(seed, height=9, width=11):
    return picture(seed, height, width)[0].transpose(2, 0, 1).astype(np.float32)


def whole(size):
    return Box(0, 0, *size)


@settings(max_examples=150, deadline=None)
@given(edges, edges, edges, edges, seeds)
def test_images_are_resized_as_by_opencv(height, width, new_height, new_width, seed):
    image, _ = picture(seed, height, width)
    size = (new_height, new_width)
    expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    assert np.abs(resize_planes(image, size, whole(size)) - expected).max() <= 1


@settings(max_examples=150, deadline=None)
@given(edges, edges, edges, edges, seeds)
def test_labels_are_resized_as_by_opencv(height, width, new_height, new_width, seed):
    _, labels = picture(seed, height, width, classes=256)
    size = (new_height, new_width)
    expected = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(resize_labels(labels, size, whole(size)), expected)


@settings(max_examples=60, deadline=None)
@given(edges, edges, st.integers(4, 90), st.integers(4, 90), seeds, st.data())
def test_a_window_is_the_same_part_of_the_whole(height, width, new_height, new_width, seed, data):
    image, labels = picture(seed, height, width)
    size = (new_height, new_width)
    top, left = data.draw(st.integers(0, new_height - 2)), data.draw(st.integers(0, new_width - 2))
    h, w = data.draw(st.integers(1, new_height - top)), data.draw(st.integers(1, new_width - left))
    part = np.s_[..., top : top + h, left : left + w]
    box = Box(top, left, top + h, left + w)
    np.testing.assert_array_equal(
        resize_planes(image, size, box), resize_planes(image, size, whole(size))[part]
    )
    np.testing.assert_array_equal(
        resize_labels(labels, size, box), resize_labels(labels, size, whole(size))[part]
    )


def test_sizes_are_drawn_from_half_to_twice_the_published_scale():
    rng = np.random.default_rng(0)
    shorts = [min(random_size((480, 640), (2048, 512), (0.5, 2.0), rng)) for _ in range(2000)]
    assert 256 <= min(shorts) < 262
    assert 1018 < max(shorts) <= 1024
    assert np.mean(shorts) == pytest.approx(640, abs=20)
    # A long image is held by the other limit: 2048 x 1 becomes its long edge.
    assert random_size((300, 3000), (2048, 512), (1.0, 1.0), rng) == (205, 2048)


def brute_force_is_fine(labels, size, crop, top, left, cat_max_ratio):
    """Count the classes of a crop pixel by pixel, on a label map that OpenCV resized."""
    resized = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
    counts = {}
    for y in range(top, min(top + crop[0], size[0])):
        for x in range(left, min(left + crop[1], size[1])):
            label = int(resized[y, x])
            if label != 255:
                counts[label] = counts.get(label, 0) + 1
    return len(counts) > 1 and max(counts.values()) / sum(counts.values()) < cat_max_ratio


@settings(max_examples=40, deadline=None)
@given(
    seeds, st.integers(8, 40), st.integers(8, 40), st.integers(3, 24), st.sampled_from([0.3, 0.6, 0.75, 0.9])
)
def test_the_crop_is_the_first_of_ten_that_no_class_fills(seed, height, width, edge, cat_max_ratio):
    rng = np.random.default_rng(seed)
    # Mostly one class, some ignored: the rule has work to do.
    labels = rng.choice(np.array([0, 0, 0, 0, 1, 2, 255], np.uint8), (4, 4)).repeat(10, 0).repeat(10, 1)
    size, crop = (height, width), (edge, edge)
    box = choose_crop(labels, size, crop, cat_max_ratio, np.random.default_rng(seed))

    replay = np.random.default_rng(seed)
    tall, wide = min(edge, height), min(edge, width)
    for attempt in range(11):
        top, left = replay.integers(height - tall + 1), replay.integers(width - wide + 1)
        if attempt == 10 or brute_force_is_fine(labels, size, crop, top, left, cat_max_ratio):
            break
    assert box == Box(top, left, top + tall, left + wide)


def test_ignored_pixels_do_not_count_towards_a_class():
    labels = np.full((20, 20), 255, np.uint8)
    labels[:2] = 3  # the only class: never fine, whatever its share of all pixels
    labels[2:4] = 4  # half and half of those that count: always fine
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    choose_crop(labels, (20, 20), (20, 20), 0.75, rng)
    after = rng.bit_generator.state
    rng.bit_generator.state = before
    rng.integers(1), rng.integers(1)
    assert rng.bit_generator.state == after, "a fine crop was drawn again"


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.5])
def test_saturation_is_scaled_as_in_colorsys(factor):
    source = planes(1)
    result = scale_saturation(source, factor)
    for y in range(source.shape[1]):
        for x in range(source.shape[2]):
            h, s, v = colorsys.rgb_to_hsv(*(source[:, y, x] / 255))
            expected = np.array(colorsys.hsv_to_rgb(h, min(s * factor, 1), v)) * 255
            np.testing.assert_allclose(result[:, y, x], expected, atol=0.01)


@pytest.mark.parametrize("degrees", [-36, -10, 0, 34, 180])
def test_hue_is_turned_as_in_colorsys(degrees):
    source = planes(2)
    result = turn_hue(source, degrees)
    for y in range(source.shape[1]):
        for x in range(source.shape[2]):
            h, s, v = colorsys.rgb_to_hsv(*(source[:, y, x] / 255))
            expected = np.array(colorsys.hsv_to_rgb((h + degrees / 360) % 1, s, v)) * 255
            np.testing.assert_allclose(result[:, y, x], expected, atol=0.01)


def test_gray_black_and_white_have_no_hue_to_turn():
    source = np.stack([np.arange(256, dtype=np.float32).reshape(16, 16)] * 3)
    np.testing.assert_allclose(turn_hue(source, 20), source, atol=0.01)
    np.testing.assert_allclose(scale_saturation(source, 1.5), source, atol=0.01)


def test_hue_and_saturation_agree_with_opencvs_bytes():
    """mmsegmentation works on OpenCV's rounded HSV; ours may differ by that rounding only."""
    image, _ = picture(3, 32, 32)
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(int)
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.3, 0, 255)
    hsv[..., 0] = (hsv[..., 0] + 7) % 180
    expected = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).transpose(2, 0, 1)
    result = turn_hue(scale_saturation(image.transpose(2, 0, 1).astype(np.float32), 1.3), 14)
    assert np.abs(result - expected).mean() < 1.5
    assert np.abs(result - expected).max() < 8


class Scripted:
    """A generator whose uniform numbers are written down, to walk one path through the distortion."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def uniform(self, low=0.0, high=1.0):
        value = self.numbers.pop(0)
        assert low <= value <= high
        return value

    def integers(self, low, high):
        return self.uniform(low, high)


@pytest.mark.parametrize("contrast_last", [False, True])
def test_contrast_comes_before_or_after_the_colors_and_every_step_clips(contrast_last):
    source = planes(4)
    contrast, colors = (0.1, 1.4), (0.1, 0.6, 0.1, -9)
    script = (0.1, 20.0, 0.1 if contrast_last else 0.9)
    script += (*colors, *contrast) if contrast_last else (*contrast, *colors)
    result = Photometric()(source, Scripted(*script))

    expected = np.clip(source + 20, 0, 255)
    if not contrast_last:
        expected = np.clip(expected * np.float32(1.4), 0, 255)
    expected = turn_hue(scale_saturation(expected, 0.6), -18)
    if contrast_last:
        expected = np.clip(expected * np.float32(1.4), 0, 255)
    np.testing.assert_allclose(result, expected, atol=1e-3)


def test_the_distortion_leaves_one_in_sixteen_pictures_alone():
    source, rng = planes(5, 4, 4), np.random.default_rng(0)
    alone = np.mean([np.array_equal(Photometric()(source, rng), source) for _ in range(3000)])
    assert alone == pytest.approx(1 / 16, abs=0.015)


@pytest.mark.parametrize(("field", "largest"), [("brightness", 32), ("contrast", 0.5), ("saturation", 0.5)])
def test_the_published_strengths(field, largest):
    value = getattr(Photometric(), field)
    assert value == largest or value == (1 - largest, 1 + largest)
    assert Photometric().hue == 18


def test_the_published_recipe():
    recipe = TrainTransform()
    assert (recipe.scale, recipe.ratios, recipe.crop) == ((2048, 512), (0.5, 2.0), (512, 512))
    assert (recipe.cat_max_ratio, recipe.flip, recipe.camera) == (0.75, 0.5, None)
    assert recipe.photometric == Photometric()


@settings(max_examples=40, deadline=None)
@given(edges, edges, seeds, st.booleans())
def test_any_size_comes_out_as_the_crop_and_again_the_same(height, width, seed, camera):
    transform = TrainTransform(scale=(80, 20), crop=(24, 32), camera=Camera() if camera else None)
    image, labels = picture(seed, height, width)
    kept = image.copy(), labels.copy()
    first = transform(image, labels, np.random.default_rng(seed))
    again = transform(image, labels, np.random.default_rng(seed))
    assert first[0].shape == (24, 32, 3)
    assert first[1].shape == (24, 32)
    assert first[0].dtype == first[1].dtype == np.uint8
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(labels, kept[1])


def test_another_seed_gives_another_sample():
    image, labels = picture(0, 60, 60)
    samples = {
        TrainTransform.for_scenes(32)(image, labels, np.random.default_rng(i))[0].tobytes() for i in range(20)
    }
    assert len(samples) == 20


def test_what_is_missing_is_padded_with_the_mean_and_ignored():
    plain = TrainTransform(scale=(20, 20), ratios=(1, 1), crop=(32, 32), flip=0, photometric=None)
    image, labels = plain(*picture(0, 20, 20), np.random.default_rng(0))
    assert (labels[20:] == 255).all()
    assert (labels[:, 20:] == 255).all()
    assert (labels[:20, :20] != 255).all()
    # mmsegmentation pads with 0 after normalizing.
    assert normalize(image)[:, 20:, 20:].abs().max() < 0.01


def test_nothing_random_leaves_the_picture_as_it_is():
    plain = TrainTransform(scale=(30, 30), ratios=(1, 1), crop=(30, 30), flip=0, photometric=None)
    source = picture(0, 30, 30)
    image, labels = plain(*source, np.random.default_rng(0))
    np.testing.assert_array_equal(image, source[0])
    np.testing.assert_array_equal(labels, source[1])


def test_half_of_the_samples_are_flipped_image_and_labels_together():
    recipe = TrainTransform(scale=(30, 30), ratios=(1, 1), crop=(30, 30), photometric=None)
    source, rng, flips = picture(0, 30, 30), np.random.default_rng(0), 0
    for _ in range(400):
        image, labels = recipe(*source, rng)
        flipped = not np.array_equal(image, source[0])
        flips += flipped
        np.testing.assert_array_equal(image, source[0][:, ::-1] if flipped else source[0])
        np.testing.assert_array_equal(labels, source[1][:, ::-1] if flipped else source[1])
    assert flips == pytest.approx(200, abs=40)


def test_image_and_labels_stay_aligned_through_resize_crop_and_flip():
    """Each class is drawn in its own gray, so that the image tells what the label must be."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (8, 8), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
    image = np.repeat(labels[..., None] * 60, 3, axis=2)
    recipe = TrainTransform(scale=(400, 200), crop=(160, 160), photometric=None)
    for seed in range(10):
        pixels, chosen = recipe(image, labels, np.random.default_rng(seed))
        inside = chosen != 255
        # Nearest and bilinear differ by half a pixel along the edges of the squares, and only there.
        assert (np.abs(pixels[..., 0].astype(int) - 60 * chosen.astype(int)) <= 1)[inside].mean() > 0.85


def test_the_camera_changes_pictures_within_bounds_and_keeps_them_recognizable():
    source, rng = planes(6, 40, 40), np.random.default_rng(0)
    source = cv2.GaussianBlur(source.transpose(1, 2, 0), (0, 0), 4).transpose(2, 0, 1)
    results = [Camera(chance=1)(source, rng) for _ in range(40)]
    assert all(result.min() >= 0 and result.max() <= 255 for result in results)
    assert all(np.isfinite(result).all() for result in results)
    assert len({result.tobytes() for result in results}) == 40
    np.testing.assert_array_equal(Camera(chance=0)(source, rng), source)


@pytest.mark.parametrize("deviation", [0.3, 0.8, 1.2])
def test_blur_is_opencvs_gaussian(deviation):
    source = planes(7, 30, 34)
    edge = 2 * int(np.ceil(2.5 * deviation)) + 1
    expected = cv2.GaussianBlur(
        source.transpose(1, 2, 0), (edge, edge), deviation, borderType=cv2.BORDER_REPLICATE
    )
    np.testing.assert_allclose(blur(source, deviation), expected.transpose(2, 0, 1), atol=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": (0, 5)}, "at least 1 pixel"),
        ({"ratios": (2.0, 0.5)}, "the smaller one first"),
        ({"ratios": (0.0, 0.5)}, "positive"),
        ({"cat_max_ratio": 0.0}, "from 0 to 1"),
        ({"flip": 1.5}, "from 0 to 1"),
    ],
)
def test_bounds_that_leave_nothing_to_draw_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TrainTransform(**arguments)


def test_labels_of_another_size_are_refused():
    image, _ = picture(0, 10, 12)
    with pytest.raises(ValueError, match="do not belong together"):
        TrainTransform()(image, np.zeros((12, 10), np.uint8), np.random.default_rng(0))


@pytest.mark.slow
def test_two_workers_feed_a_small_model():
    source, rng, transform = picture(0, 128, 128), np.random.default_rng(0), TrainTransform.for_scenes(128)
    start = time.process_time()
    for _ in range(200):
        transform(*source, rng)
    per_sample = (time.process_time() - start) / 200
    print(f"{1000 * per_sample:.1f} ms a sample")
    assert per_sample < 0.006
