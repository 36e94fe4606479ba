"""One visitor's live stream."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
import torch
from support.demo_samples import (
    file_bytes,
    make_state,
    picture,
    png_header,
    read_answer,
    small_model,
)

from swinviz.demo.live.stream import LiveStream, parse_settings
from swinviz.errors import ImageError, SwinvizError
from swinviz.images import normalize
from swinviz.inference import InferenceOptions
from swinviz.model.hooks import capture
from swinviz.segmenter import SwinUPerNet


def gaze(**values: str) -> str:
    """Settings whose values are written as they are."""
    fields = {"x": "0.5", "y": "0.5", "stage": "0", "block": "0", "head": "null"} | values
    written = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    return f'{{"model": "tiny", "gaze": {{{written}}}}}'


NO_NUMBERS = (
    {"x": "NaN"},
    {"y": "9" * 400},
    {"y": "9" * 5000},
    {"stage": "1e999"},
    {"block": "-Infinity"},
    {"head": "NaN"},
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"model": "tiny", "gaze": {}}',
        '{"model": "tiny", "gaze": {"x": "a"}}',
        "[" * 9999,
        *(gaze(**values) for values in NO_NUMBERS),
    ],
)
def test_settings_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="form"):
        parse_settings(text)


@pytest.mark.parametrize(
    "gaze",
    [
        {"stage": 4, "block": 0, "head": 0},
        {"stage": 0, "block": 2, "head": 0},
        {"stage": 0, "block": 0, "head": 1},
        {"stage": -1, "block": 0, "head": None},
        {"stage": 0, "block": -1, "head": None},
        {"stage": 0, "block": 0, "head": -1},
        {"stage": 10**400, "block": 0, "head": None},
        {"stage": 0, "block": 0, "head": 10**400},
    ],
)
def test_a_block_or_head_that_is_not_there_is_refused(gaze: dict[str, int]) -> None:
    stream = LiveStream(make_state(), "tiny")
    with pytest.raises(ValueError, match="no such stage"):
        stream.configure(json.dumps({"model": "tiny", "gaze": {"x": 0.5, "y": 0.5, **gaze}}))


def test_a_point_beyond_the_picture_is_its_border() -> None:
    for text, x, y in ((gaze(x="1e999", y="-1e999"), 1.0, 0.0), (gaze(x="-3", y="7"), 0.0, 1.0)):
        found = parse_settings(text).gaze
        assert (found.x, found.y) == (x, y)


def ask(stream: LiveStream, image: np.ndarray, number: int = 7) -> tuple[dict[str, Any], list[np.ndarray]]:
    return read_answer(stream.answer(struct.pack("<I", number) + file_bytes(image)))


def test_a_frame_that_is_a_thread_is_refused_before_it_is_decoded() -> None:
    stream = LiveStream(make_state(), "tiny")
    with pytest.raises(ImageError, match="100000 pixels, a side beyond the limit of 2048"):
        ask(stream, np.zeros((100_000, 1, 3), np.uint8))


def test_a_frame_comes_back_with_its_number_and_the_labels_of_that_very_frame() -> None:
    stream, model = LiveStream(make_state(precision="float32"), "tiny"), small_model()
    for number, seed in ((3, 1), (4, 2)):
        image = picture((40, 56), seed)
        header, (labels, scores) = ask(stream, image, number)
        with torch.no_grad():
            likely, expected = model(normalize(image)[None])[0].softmax(dim=0).max(dim=0)
        assert header["frame"] == number
        assert header["unsureBelow"] == round(100 * model.config.unsure_below)
        assert (labels == expected.numpy()).mean() > 0.99  # a tie may fall either way
        assert np.abs(scores - 100 * likely.numpy()).max() <= 1.6  # steps of 3


def test_frames_are_computed_in_the_precision_that_is_soonest_unless_another_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = []
    segment = SwinUPerNet.segment

    def note(self: SwinUPerNet, image: object, options: InferenceOptions) -> object:
        used.append(options.precision)
        return segment(self, image, options)

    monkeypatch.setattr(SwinUPerNet, "segment", note)
    monkeypatch.setattr("swinviz.demo.live.stream.fast_precision", lambda device: "bfloat16")
    for options in ({}, {"precision": "float32"}):
        ask(LiveStream(make_state(**options), "tiny"), picture((40, 56)))
    assert used == [torch.bfloat16, None]


@pytest.mark.parametrize("head", [None, 1])
def test_the_live_attention_is_that_of_the_fixed_point(head: int | None) -> None:
    stream, model, image = (
        LiveStream(make_state(precision="float32"), "tiny"),
        small_model(),
        picture((40, 56)),
    )
    gaze = {"x": 0.99, "y": 0.3, "stage": 1, "block": 1, "head": head}
    stream.configure(json.dumps({"model": "tiny", "gaze": gaze}))
    header, (_, _, heat) = ask(stream, image)
    with torch.no_grad(), capture(model, "stages.1.blocks.1.attn.pattern") as seen:
        model(normalize(image)[None])
    pattern = seen["stages.1.blocks.1.attn.pattern"]
    geometry = seen.geometries["stages.1.blocks.1.attn.pattern"]
    window, query = geometry.locate(y=12, x=55)
    rows = pattern[0, window, :, query]
    row = rows.mean(dim=0) if head is None else rows[head]
    expected = np.zeros(geometry.height * geometry.width)
    for place, token in enumerate(geometry.token_index[window].tolist()):
        if token >= 0:
            expected[token] = row[place]
    expected = expected.reshape(geometry.height, geometry.width)
    assert header["peak"] == pytest.approx(expected.max(), rel=1e-4)
    assert np.abs(heat / 255 * header["peak"] - expected).max() <= header["peak"] / 255
    assert [tuple(box) for box in header["windows"]] == [tuple(box) for box in geometry.rectangles(window)]


def test_a_frame_that_is_no_image_or_too_large_is_refused() -> None:
    stream = LiveStream(make_state(), "tiny")
    for message in (b"", b"abc", b"\0\0\0\0no image", struct.pack("<I", 1) + png_header(5000, 5000)):
        with pytest.raises((ValueError, SwinvizError)):
            stream.answer(message)
