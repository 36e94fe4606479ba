"""The explorer without a browser: messages, sessions, offline files, the widget, and JavaScript's indices."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.figure import Figure
from PIL import Image

from swinviz import load, plots
from swinviz.attention import AttentionMap, attention_to_image, head_statistics, rollout
from swinviz.explorer import Session, explore, handle, save_html, script
from swinviz.explorer.wire_format import Fixed, fixed_point, pack, quantize_rows, unpack
from swinviz.images import normalize
from swinviz.interventions.named import named_edits, parse_edits
from swinviz.model.config import HeadConfig, ModelConfig, SwinConfig
from swinviz.model.geometry import WindowGeometry
from swinviz.model.hooks import capture, edit
from swinviz.plots.style import HEAT
from swinviz.presets import PRESETS
from swinviz.segmenter import SwinUPerNet

CLASSES = ("sky", "sea", "sand", "rock")


def tiny_model(window_size: int = 4) -> SwinUPerNet:
    torch.manual_seed(3)
    backbone = SwinConfig(embed_dim=8, depths=(2, 2), num_heads=(2, 4), window_size=window_size)
    head = HeadConfig(channels=8, pool_scales=(1, 2), aux_channels=0)
    model = SwinUPerNet(ModelConfig(CLASSES, backbone=backbone, head=head, scale=(200, 50))).eval()
    with torch.no_grad():  # weights large enough that attention is not flat
        for name, parameter in model.named_parameters():
            if "qkv" in name or "bias_table" in name:
                parameter.normal_(std=0.6)
    return model


@pytest.fixture(scope="module")
def model() -> SwinUPerNet:
    return tiny_model()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (50, 83, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def session(model: SwinUPerNet, photo: np.ndarray) -> Session:
    return Session(model, photo, title="tiny")


def patterns_of(model: SwinUPerNet, image: np.ndarray, edits: tuple[str, ...] = ()) -> dict[str, Any]:
    with (
        torch.no_grad(),
        edit(model, named_edits(edits)),
        capture(model, "stages.*.blocks.*.attn.pattern") as seen,
    ):
        model(normalize(image)[None])
    return seen


# --- messages -----------------------------------------------------------------------------------------------


@given(arrays.arrays(np.float32, (7, 9), elements=st.floats(0, 1, width=32)))
def test_a_stored_row_is_off_by_at_most_a_510th_of_its_peak(probabilities: np.ndarray) -> None:
    rows = quantize_rows(probabilities)
    restored = rows.levels * (rows.peaks.integers * rows.peaks.step)[:, None] / 255
    allowed = probabilities.max(axis=1, keepdims=True) / 510 + 1.01 / 131070
    assert (np.abs(restored - probabilities) <= allowed + 1e-6).all()


def test_a_message_comes_back_as_it_was_and_its_arrays_are_aligned() -> None:
    sent = {
        "bytes": np.arange(5, dtype=np.uint8),
        "numbers": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3),
        "steps": fixed_point(np.array([0.0, 0.5])),
    }
    message = pack({"kind": "test", "text": "Zürich"}, sent)
    header, back = unpack(message)
    assert header == {"kind": "test", "text": "Zürich"}
    assert back["numbers"].tolist() == sent["numbers"].tolist()  # type: ignore[union-attr]
    assert back["steps"].integers.tolist() == [0, 65535]  # type: ignore[union-attr]
    assert back["steps"].step == sent["steps"].step  # type: ignore[union-attr]
    length = int.from_bytes(message[:8], "little")
    assert length % 8 == 0
    entries = json.loads(message[8 : 8 + length])
    del entries["__metadata__"]
    for name, entry in entries.items():  # or no typed array could view them in place
        stored = sent[name].integers if isinstance(sent[name], Fixed) else sent[name]  # type: ignore[union-attr]
        assert entry["data_offsets"][0] % stored.itemsize == 0, name  # type: ignore[union-attr]


def test_an_array_that_javascript_cannot_view_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="array 'wide' is float64"):
        pack({}, {"wide": np.zeros(3)})
    with pytest.raises(ValueError, match="no viewer message"):
        unpack(b"PNG.")


# --- sessions -----------------------------------------------------------------------------------------------


def test_opening_runs_no_model_so_the_picture_is_there_at_once(model: SwinUPerNet, photo: np.ndarray) -> None:
    class Unrunnable(SwinUPerNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise AssertionError("the model was run")

    unrunnable = Unrunnable(model.config).eval()
    header, found = unpack(handle(Session(unrunnable, photo), "manifest"))
    assert (found["image"] == photo).all()
    assert header["offline"] is None  # Python is there
    assert [(block["stage"], block["block"]) for block in header["blocks"]] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]


def test_python_s_share_of_the_first_picture_of_nano_is_below_a_second() -> None:
    model = load("nano")
    image = np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    began = time.process_time()  # of this process alone, whatever else the machine does
    session = explore(model, image, scale=(512, 512)).session
    for name, arguments in (("manifest", {}), ("segmentation", {}), ("block", {"stage": 2, "block": 3})):
        handle(session, name, arguments)
    assert time.process_time() - began < 1  # 0.36 s when it was measured; the browser then needs 0.5 s


def test_a_model_laid_out_for_inference_shows_the_same(model: SwinUPerNet, photo: np.ndarray) -> None:
    plain, fast = Session(model, photo), Session(model.for_inference(), photo)
    for edits in ((), ("no_shift",), ("no_bias", "off-0-1-1")):
        assert torch.allclose(plain.pattern((1, 1), edits), fast.pattern((1, 1), edits), atol=1e-5)
        assert (plain.run(edits).labels == fast.run(edits).labels).mean() > 0.999


def test_geometries_are_those_the_forward_pass_used(session: Session, model: SwinUPerNet) -> None:
    seen = patterns_of(model, session.image)
    for (stage, block), geometry in session.geometries.items():
        assert seen.geometries[f"stages.{stage}.blocks.{block}.attn.pattern"] == geometry
        assert session.run().inputs[stage, block].geometry == geometry


@pytest.mark.parametrize("edits", ["", "no_shift", "no_mask.off-0-1-1", "mask_padding_keys.no_bias"])
def test_a_block_run_alone_has_the_patterns_of_the_whole_forward_pass(
    session: Session, model: SwinUPerNet, edits: str
) -> None:
    names = parse_edits(edits, model.config.backbone)
    seen = patterns_of(model, session.image, names)
    for stage, block in session.geometries:
        expected = seen[f"stages.{stage}.blocks.{block}.attn.pattern"]
        assert torch.allclose(session.pattern((stage, block), names), expected, atol=1e-6)
        header, stored = unpack(
            handle(session, "block", {"stage": stage, "block": block} | ({"edits": edits} if edits else {}))
        )
        assert header["geometry"] == asdict(seen.blocks("attn.pattern")[stage, block][1])
        peaks = expected[0].amax(dim=-1, keepdim=True).numpy()
        restored = stored["levels"] * _values(stored["peaks"])[..., None] / 255
        assert (np.abs(restored - expected[0].numpy()) <= peaks / 510 + 1e-5).all()


def _values(stored: Fixed) -> np.ndarray:
    return stored.integers * stored.step


def test_statistics_of_rows_average_to_those_of_the_heads(session: Session) -> None:
    for stage, block in session.geometries:
        pattern, geometry = session.pattern((stage, block)), session.geometries[stage, block]
        expected = head_statistics(pattern, geometry)
        _, stored = unpack(handle(session, "block", {"stage": stage, "block": block}))
        real = (geometry.token_index >= 0).numpy()[:, None]  # nW 1 N
        for name, means in (("entropy", expected.entropy), ("distance", expected.distance)):
            measured = (_values(stored[name]) * real).sum(axis=(0, 2)) / real.sum()
            assert np.allclose(measured, means.numpy(), rtol=1e-3), name


def test_edits_report_the_pixels_they_flip(session: Session, model: SwinUPerNet) -> None:
    with torch.no_grad():
        before = model(normalize(session.image)[None]).argmax(1)
        with edit(model, named_edits(["no_bias"])):
            after = model(normalize(session.image)[None]).argmax(1)
    header, found = unpack(handle(session, "segmentation", {"edits": "no_bias"}))
    assert header["flipped"] == int((before != after).sum()) > 0
    assert (found["labels"] == after[0].numpy()).all()
    assert "flipped" not in unpack(handle(session, "segmentation"))[0]


def test_more_than_256_classes_get_wider_labels(photo: np.ndarray) -> None:
    config = tiny_model().config
    many = ModelConfig(
        tuple(map(str, range(300))), backbone=config.backbone, head=config.head, scale=(64, 32)
    )
    _, found = unpack(handle(Session(SwinUPerNet(many).eval(), photo), "segmentation"))
    assert found["labels"].dtype == np.uint16


def test_the_timeline_is_rollout_from_every_block(session: Session, model: SwinUPerNet) -> None:
    seen = patterns_of(model, session.image)
    header, stored = unpack(handle(session, "timeline", {"kind": "rollout", "y": 20, "x": 33}))
    levels = stored["levels"]
    for index, start in enumerate(session.geometries):
        expected = rollout(seen, (20, 33), start=start)
        relative = (expected.tokens / expected.tokens.max()).sqrt().numpy()
        assert np.abs(levels[index] / 255 - relative).max() < 1 / 255
        assert header["shares"][index] == pytest.approx(expected.lost, abs=1e-6)


def test_reach_grows_from_the_window_and_stops_at_it_without_shift(session: Session) -> None:
    _, shifted = unpack(handle(session, "timeline", {"kind": "reach", "y": 20, "x": 33}))
    _, still = unpack(handle(session, "timeline", {"kind": "reach", "y": 20, "x": 33, "edits": "no_shift"}))
    grown = (shifted["levels"] > 0).sum(axis=(1, 2))
    assert grown[0] == 16  # one window of 4 x 4 tokens
    assert (np.diff(grown) >= 0).all()
    assert grown[1] > 16
    assert (still["levels"][1] > 0).sum() == 16
    with pytest.raises(ValueError, match="only with the mask on"):
        handle(session, "timeline", {"kind": "reach", "y": 20, "x": 33, "edits": "no_mask"})


def test_the_decomposition_is_of_the_clicked_query(session: Session) -> None:
    geometry = session.geometries[1, 1]
    window, query = geometry.locate(31, 47)
    header, stored = unpack(handle(session, "decomposition", {"stage": 1, "block": 1, "y": 31, "x": 47}))
    found = session.decomposition((1, 1))
    assert (header["window"], header["query"]) == (window, query)
    assert np.allclose(stored["content"], found.content[0, window, :, query])
    assert np.allclose(stored["position"], found.position[:, query])
    assert np.allclose(header["divergence"]["mask"], found.kl_mask)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("steal", {}, "asked for 'steal'"),
        ("block", {}, "argument 'stage' is None"),
        ("block", {"stage": True, "block": 0}, "argument 'stage' is True"),
        ("block", {"stage": 0, "block": 7}, "no block 7 in a stage 0"),
        ("decomposition", {"stage": 0, "block": 0, "y": 50, "x": 0}, "outside the 50x83 image"),
        ("timeline", {"kind": "evil", "y": 0, "x": 0}, "timeline of 'evil'"),
        ("segmentation", {"edits": "rm"}, "no edit 'rm'"),
        ("segmentation", {"edits": "off-0-0-2"}, "no edit 'off-0-0-2'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_a_sentence(
    session: Session, name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        handle(session, name, arguments)


def test_only_a_few_runs_are_kept_however_many_edits_are_tried(session: Session) -> None:
    for name in ("no_shift", "no_mask", "no_bias", "mask_padding_keys", "off-0-0-0", "off-0-0-1"):
        handle(session, "segmentation", {"edits": name})
    assert len([key for key in session._remembered if key[0] == "run"]) <= 3


# --- one file, and the widget -------------------------------------------------------------------------------


def _compressed(path: Path) -> dict[str, bytes]:
    found = re.findall(r'data-key="([^"]+)">([^<]+)<', path.read_text())
    return {key.replace("&amp;", "&"): base64.b64decode(text) for key, text in found}


def _messages(path: Path) -> dict[str, bytes]:
    return {key: gzip.decompress(data) for key, data in _compressed(path).items()}


def test_an_offline_file_holds_every_block_and_names_no_other_machine(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "view.html"
    assert save_html(session, path, state="stage=1&block=0") == []
    text = path.read_text()
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    messages = _messages(path)
    header, _ = unpack(messages["manifest"])
    everything = {"edits": ["mask_padding_keys", "no_bias", "no_mask", "no_shift"], "timeline_every": 16}
    assert header["offline"] == everything | {
        "no_patterns": [],
        "no_content": [],
        "no_features": [],
        "components": True,
        "lens": True,
    }
    assert {"block?block=0&stage=0", "block?block=1&stage=1", "segmentation"} < set(messages)
    for name in ("mask_padding_keys", "no_bias", "no_mask", "no_shift"):
        header, _ = unpack(messages[f"segmentation?edits={name}"])
        assert header["flipped"] == int((session.run((name,)).labels != session.run().labels).sum()), name
    assert 'location.hash.slice(1) || "stage=1&block=0"' in text


def test_an_offline_file_keeps_to_its_budget_and_says_what_it_left_out(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "view.html"
    save_html(session, path)
    whole = path.stat().st_size
    sizes = Counter({key: len(text) * 4 // 3 for key, text in _compressed(path).items()})
    blocks = sum(size for key, size in sizes.items() if key.startswith("block"))
    contents = sum(size for key, size in sizes.items() if key.startswith("content"))
    # The grid of pixels is left out whole where it would take more than its part of the room.
    grid = sum(size for key, size in sizes.items() if key.startswith(("timeline", "decision")))
    for left_out in (contents // 2, contents + blocks // 2 + grid):
        missing = save_html(session, path, budget=whole - left_out)
        assert path.stat().st_size <= whole - left_out
        messages = _messages(path)
        contents = unpack(messages["manifest"])[0]["offline"]
        assert contents["no_patterns"] == [list(key) for key in missing]
        for stage, block in session.geometries:
            for name, lacking in (("block", contents["no_patterns"]), ("content", contents["no_content"])):
                assert (f"{name}?block={block}&stage={stage}" in messages) == ([stage, block] not in lacking)
    assert missing
    assert missing[0][0] == 0  # the first stage goes first
    with pytest.raises(ValueError, match="the picture alone needs more"):
        save_html(session, path, budget=1000)


def test_a_full_disk_leaves_the_offline_file_of_before(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mein Bild 画.html"
    save_html(session, path)
    before = path.read_bytes()
    opened = Path.open

    def write_half(self: Path, text: str, **_named: object) -> None:
        with opened(self, "w") as file:
            file.write(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        save_html(session, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_an_offline_file_of_swin_t_at_512_holds_every_pattern_in_20_megabytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = HeadConfig(channels=8, pool_scales=(1,), aux_channels=0)  # the head leaves nothing in the file
    config = ModelConfig(CLASSES, backbone=PRESETS["swin-t"].backbone, head=head, scale=(512, 512))
    model = SwinUPerNet(config).eval()
    with torch.no_grad():  # patterns as sharp as trained ones: flat ones would compress too well
        for name, parameter in model.named_parameters():
            if "qkv.weight" in name or "bias_table" in name:
                parameter.normal_(std=0.6 if "bias_table" in name else 0.06)
    image = np.random.default_rng(4).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    path = tmp_path / "view.html"
    assert save_html(Session(model, image), path) == []
    assert path.stat().st_size <= 20_000_000
    contents = unpack(_messages(path)["manifest"])[0]["offline"]
    assert len(contents["edits"]) == 4
    assert all(
        stage < 3 for stage, _ in contents["no_content"]
    )  # of a picture that is no noise, more fits in


def test_a_hostile_title_or_state_cannot_leave_its_place_in_the_file(
    model: SwinUPerNet, photo: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "view.html"
    save_html(Session(model, photo, title="</title><b>"), path, state='"</script><b>')
    assert "<b>" not in path.read_text()
    assert "</script" not in script()


def test_the_widget_answers_by_id_and_reports_errors(model: SwinUPerNet, photo: np.ndarray) -> None:
    widget = explore(model, photo, state="y=3&x=4")
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers or []))  # type: ignore[method-assign]
    widget._handle(widget, {"id": "a", "name": "manifest", "args": {}}, [])
    widget._handle(widget, {"id": "b", "name": "block", "args": {"stage": 9}}, [])
    assert widget.state == "y=3&x=4"
    assert sent[0][0] == {"id": "a"}
    assert unpack(sent[0][1][0])[0]["kind"] == "manifest"
    assert sent[1][0]["id"] == "b"
    assert "argument 'block' is None" in sent[1][0]["error"]

    def exhausted(edits: tuple[str, ...] = ()) -> None:
        raise RuntimeError("out of memory")

    widget.session.run = exhausted  # type: ignore[method-assign, assignment]
    widget._handle(widget, {"id": "c", "name": "segmentation", "args": {}}, [])
    assert sent[2][0] == {"id": "c", "error": "out of memory"}  # or the viewer would wait forever


@pytest.mark.parametrize(
    ("state", "block", "query"),
    [
        ("", (0, 1), None),  # the last block of the last stage but one, the middle of the picture
        ("stage=1&block=0&y=3&x=4", (1, 0), (3, 4)),
        ("stage=9&block=0&y=99999&x=-1&z=1", (0, 0), None),
    ],
)
def test_a_notebook_page_without_scripts_shows_what_the_viewer_opens_with(
    state: str,
    block: tuple[int, int],
    query: tuple[int, int] | None,
    model: SwinUPerNet,
    photo: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[AttentionMap] = []
    draw = plots.plot_attention

    def remember(image: np.ndarray, looked: AttentionMap, **options: bool) -> Figure:
        drawn.append(looked)
        return draw(image, looked, **options)

    monkeypatch.setattr(plots, "plot_attention", remember)
    viewer = explore(model, photo, state)
    data, metadata = viewer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"])[:4] == b"\x89PNG"
    assert len(metadata["image/png"]["alt"].split()) > 4
    height, width = viewer.session.size
    asked = {"": (height // 2, width // 2)}.get(state, query or (height - 1, 0))
    assert (drawn[0].block, drawn[0].pixel) == (block, asked)


# --- JavaScript ---------------------------------------------------------------------------------------------

GEOMETRIES = {
    "regular": WindowGeometry(8, 8, 4, 0, stride=4),
    "shifted": WindowGeometry(8, 8, 4, 2, stride=4),
    "padded": WindowGeometry(9, 5, 4, 2, stride=4),
    "one_window": WindowGeometry(3, 2, 7, 3, stride=8),
    "odd": WindowGeometry(11, 16, 7, 3, stride=8),
}


def _question(
    pattern: torch.Tensor,
    geometry: WindowGeometry,
    labels: np.ndarray,
    box: tuple[int, int, int, int],
    head: int,
    direction: str,
) -> tuple[dict[str, Any], np.ndarray]:
    """Ask attention_to_image, and count shares pixel by pixel."""
    height, width = labels.shape
    mask = np.zeros((height, width), dtype=bool)
    top, left, bottom, right = box
    mask[top:bottom, left:right] = True
    asked = {"query": mask} if direction == "query" else {"key": mask}
    found = attention_to_image(pattern, geometry, **asked)
    chosen = slice(None) if head < 0 else slice(head, head + 1)
    whole = found.padded[chosen].mean(dim=0).double().numpy()
    by_class = np.zeros(len(CLASSES))
    stride = geometry.stride
    for row in range(geometry.height):
        for column in range(geometry.width):
            under = labels[row * stride : (row + 1) * stride, column * stride : (column + 1) * stride]
            by_class += whole[row, column] * np.bincount(under.ravel(), minlength=len(CLASSES)) / under.size
    across = entropy = distance = 0.0
    regions = geometry.region_index
    asked_pixels = Counter((y // stride, x // stride) for y, x in np.argwhere(mask).tolist())
    for (row, column), count in asked_pixels.items():
        window, query = geometry.locate(row * stride, column * stride)
        each = pattern[0, window, chosen, query]
        mean = each.mean(dim=0)
        weight = count / mask.sum()
        away = np.linalg.norm(_true_positions(geometry, window) - np.array([row, column]), axis=1) * stride
        across += weight * float(mean[regions[window] != regions[window, query]].sum())
        entropy += weight * float(-(each * each.clamp_min(1e-30).log()).sum(-1).mean())
        distance += weight * float((mean.numpy() * away).sum())
    padding = float(whole.sum() - whole[: geometry.height, : geometry.width].sum())
    answered = {
        "box": box, "head": head, "direction": direction, "tolerance": 1 / 500,
        "byClass": by_class.tolist(), "padding": padding,
        "across": across, "entropy": entropy, "distance": distance,
    }  # fmt: skip
    return answered, whole.astype(np.float32)


def _true_positions(geometry: WindowGeometry, window: int) -> np.ndarray:
    """Row and column of a window's tokens, found by rolling a table of positions as tokens are rolled."""
    side, shift = geometry.window_size, geometry.shift_size
    rows, columns = np.indices((geometry.padded_height, geometry.padded_width))
    rolled = np.roll(np.stack([rows, columns], axis=-1), (-shift, -shift), axis=(0, 1))
    down, right = divmod(window, geometry.columns)
    return rolled[down * side : (down + 1) * side, right * side : (right + 1) * side].reshape(-1, 2)


@pytest.fixture(scope="module")
def fixtures(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explorer")
    pixels = [
        (stage, block, y, x) for stage, block in session.geometries for y, x in ((0, 0), (31, 47), (49, 82))
    ]
    for stage, block, y, x in pixels:
        key = {"stage": stage, "block": block}
        (folder / f"block-{stage}-{block}.bin").write_bytes(handle(session, "block", key))
        (folder / f"content-{stage}-{block}.bin").write_bytes(handle(session, "content", key))
        (folder / f"decomposition-{stage}-{block}-{y}-{x}.bin").write_bytes(
            handle(session, "decomposition", key | {"y": y, "x": x})
        )
    rng = np.random.default_rng(7)
    for name, geometry in GEOMETRIES.items():
        heads, area = 3, geometry.window_area
        size = (
            geometry.height * geometry.stride - 1,
            geometry.width * geometry.stride - 2,
        )  # not whole tokens
        labels = rng.integers(0, len(CLASSES), size).astype(np.uint8)
        logits = torch.from_numpy(rng.normal(0, 2, (1, geometry.num_windows, heads, area, area))).float()
        pattern = (logits + 0.2 * geometry.mask()[:, None]).softmax(
            -1
        )  # a weak mask: some attention across regions
        rolled = np.stack([_true_positions(geometry, window) for window in range(geometry.num_windows)])
        distances = np.linalg.norm(rolled[:, :, None] - rolled[:, None], axis=-1) * geometry.stride
        rows = quantize_rows(pattern[0].numpy())
        boxes = [(0, 0, 1, 1), (size[0] - 1, size[1] - 1, size[0], size[1]), (1, 2, size[0] - 3, size[1] - 1)]
        asked = [(box, head, way) for box in boxes for head in (-1, 1) for way in ("query", "key")]
        answered = [_question(pattern, geometry, labels, *question) for question in asked]
        message = pack(
            {
                "geometry": asdict(geometry), "windows": geometry.num_windows, "size": size, "heads": heads,
                "classes": len(CLASSES), "questions": [question for question, _ in answered],
                "rectangles": [geometry.rectangles(window) for window in range(geometry.num_windows)],
            },
            {
                "tokens": geometry.token_index.numpy().astype(np.int32).ravel(),
                "regions": geometry.region_index.numpy().astype(np.int32).ravel(),
                "located": np.array(
                    [geometry.locate(y, x) for y in range(size[0]) for x in range(size[1])], dtype=np.int32
                ),
                "labels": labels, "levels": rows.levels, "peaks": rows.peaks,
                "entropy": fixed_point(torch.special.entr(pattern[0]).sum(-1).numpy()),
                "distance": fixed_point(np.einsum("whqk,wqk->whq", pattern[0].numpy(), distances)),
                **{f"map{index}": found for index, (_, found) in enumerate(answered)},
            },
        )  # fmt: skip
        (folder / f"{name}.bin").write_bytes(message)
    (folder / "cases.bin").write_bytes(pack({"cases": list(GEOMETRIES), "decompositions": pixels}, {}))
    return folder


def _node(repository: Path, fixtures: Path, name: str) -> None:
    node = shutil.which("node")
    if node is None:
        missing = "no node on the PATH; install Debian's package `nodejs`"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    ran = subprocess.run(
        [node, "--test", str(repository / "tests" / "js" / name)],
        cwd=repository, env=os.environ | {"SWINVIZ_FIXTURES": str(fixtures)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


def test_javascript_finds_the_windows_and_shares_that_python_does(repository: Path, fixtures: Path) -> None:
    _node(repository, fixtures, "index.test.mjs")


def test_javascript_counts_the_pixels_at_the_borders(repository: Path, fixtures: Path) -> None:
    _node(repository, fixtures, "rows.test.mjs")


def test_javascript_keeps_state_messages_and_answers_straight(repository: Path, fixtures: Path) -> None:
    _node(repository, fixtures, "state.test.mjs")
    with Image.open(fixtures / "written.gif") as gif:  # PIL's decoder is the oracle of the encoder
        assert gif.n_frames == 2
        for index in range(2):
            gif.seek(index)
            expected = np.fromfile(fixtures / f"frame{index}.raw", dtype=np.uint8)
            assert (np.asarray(gif.convert("RGB"))[..., 0].ravel() == expected).all()


def test_javascript_colors_are_matplotlibs_within_a_level_or_two(repository: Path) -> None:
    from matplotlib import colormaps

    node = shutil.which("node") or pytest.skip("no node on the PATH")
    module = repository / "swinviz" / "explorer" / "static" / "colors.js"
    program = f"import {{ COLORS }} from {str(module)!r}; process.stdout.write(Buffer.from(COLORS.attention))"
    ran = subprocess.run(
        [node, "--input-type=module", "-e", program], capture_output=True, timeout=60, check=True
    )
    table = np.frombuffer(ran.stdout, np.uint8).reshape(256, 3).astype(int)
    expected = np.asarray(colormaps[HEAT](range(256)))[:, :3] * 255
    assert np.abs(table - expected).max() < 2
