"""The parts of the demo, without a server: command line, models, limits, what the browser is sent."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gradio import Error
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from support.demo_samples import (
    HOSTILE,
    bad_uploads,
    file_bytes,
    picture,
    pixels_of,
    png_header,
    read_answer,
    small_model,
)

from swinviz.demo import parse_options
from swinviz.demo.about_tab import describe_model
from swinviz.demo.comparing import EDITS, encode_comparison, flipped
from swinviz.demo.explorations import EXPLORE_PATH, Sessions, explore_endpoint
from swinviz.demo.limits import BusyError, ComputeSlots, RequestLimits, StreamSlots
from swinviz.demo.live import LiveStream, parse_settings
from swinviz.demo.models import Choice, ModelPool
from swinviz.demo.options import DemoOptions
from swinviz.demo.pictures import examples, open_picture
from swinviz.demo.refusal import OUT_OF_MEMORY
from swinviz.demo.result import encode_result
from swinviz.demo.studio import DemoState
from swinviz.errors import ImageError, SwinvizError
from swinviz.explorer import Session
from swinviz.images import normalize
from swinviz.inference import Segmentation
from swinviz.model.hooks import capture
from swinviz.segmenter import SwinUPerNet

Message = MutableMapping[str, Any]


def make_studio(**options: object) -> DemoState:
    pool = ModelPool(lambda name: small_model(len(name)), lambda: [Choice("tiny"), Choice("other")])
    return DemoState(DemoOptions(**options), pool, "tiny")


# --- the command line -------------------------------------------------------------------------------------


def test_defaults_serve_this_machine_only_and_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    options = parse_options([])
    assert (options.host, options.share, options.model) == ("127.0.0.1", False, "auto")


def test_a_space_sets_host_and_port_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7861")
    monkeypatch.setenv("SWINVIZ_AUTH", "ada:x,bob:y:z")
    options = parse_options([])
    assert (options.host, options.port, options.auth) == ("0.0.0.0", 7861, (("ada", "x"), ("bob", "y:z")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--auth", "nobody"], "USER:PASSWORD"),
        (["--max-size", "9"], "64 to 4096"),
        (["--queue", "0"], "1 to 1000"),
        (["--port", "70000"], "65535"),
    ],
)
def test_senseless_options_are_refused_with_what_to_do(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_options(arguments)
    assert message in capsys.readouterr().err


def test_a_space_installs_what_the_demo_needs(repository: Path) -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has none")
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    needed = {*project["dependencies"], *project["optional-dependencies"]["demo"]}
    lines = (repository / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == needed


# --- models -----------------------------------------------------------------------------------------------


def test_many_who_ask_at_once_share_one_copy() -> None:
    made: list[str] = []

    def load(name: str) -> torch.nn.Module:
        made.append(name)
        time.sleep(0.05)
        return small_model()

    pool = ModelPool(load, lambda: [Choice("a")])
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(pool.get("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["a"]
    assert len({id(model) for model in got}) == 1


def test_a_model_that_cannot_be_loaded_leaves_the_others() -> None:
    def load(name: str) -> torch.nn.Module:
        if name == "far":
            raise SwinvizError("no network")
        return small_model()

    pool = ModelPool(load, lambda: [Choice("near"), Choice("far", ready=False, megabytes=240)])
    near = pool.get("near")
    with pytest.raises(SwinvizError, match="no network"):
        pool.get("far")
    assert pool.get("near") is near
    assert pool.loaded() == ["near"]


def test_visitors_cannot_load_what_is_on_no_menu() -> None:
    pool = ModelPool(lambda name: small_model(), lambda: [Choice("a")])
    with pytest.raises(KeyError):
        pool.get("/etc/passwd")
    pool.preload("given.pth")
    assert [choice.name for choice in pool.choices()] == ["given.pth", "a"]


def test_the_menu_says_what_a_download_costs() -> None:
    assert Choice("swin-t", ready=False, megabytes=240, remark="mIoU 44.41").title == (
        "swin-t · mIoU 44.41 · download 240 MB"
    )


# --- limits -----------------------------------------------------------------------------------------------


def exchange(
    chunks: list[bytes], *, path: str = "/", headers: tuple[tuple[bytes, bytes], ...] = (), **limits: float
):
    """Send a body in pieces through a gatekeeper to an application that reads all of it."""
    sent: list[dict[str, object]] = []
    received: list[bytes] = []

    async def application(scope, receive, send):
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            received.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})

    async def run():
        waiting = iter(chunks)

        async def receive():
            chunk = next(waiting, None)
            if chunk is None:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": chunk, "more_body": chunk != b"end"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "path": path, "headers": list(headers)}
        await RequestLimits(application, **limits)(scope, receive, send)

    asyncio.run(run())
    return sent[0]["status"], b"".join(received), dict(sent[0]["headers"])


def test_an_honest_request_passes_and_gets_safe_headers() -> None:
    status, body, headers = exchange([b"hello ", b"end"], max_bytes=10)
    assert (status, body) == (200, b"hello end")
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_a_body_above_the_limit_is_refused_even_if_its_header_lies() -> None:
    assert exchange([b"x" * 6, b"x" * 6, b"end"], max_bytes=10)[0] == 413
    assert exchange([], headers=((b"content-length", b"11"),), max_bytes=10)[:2] == (413, b"")


def test_a_body_that_never_ends_is_given_up() -> None:
    assert exchange([b"x"], seconds=0.05)[0] == 408


@pytest.mark.parametrize(
    "path", ["/gradio_api/file=http://127.0.0.1/", "/gradio_api/file=HTTPS://a/", "/gradio_api/proxy=x"]
)
def test_addresses_that_would_make_the_server_fetch_are_refused(path: str) -> None:
    assert exchange([b"end"], path=path)[0] == 403


def test_places_turn_away_at_once_and_slots_after_patience() -> None:
    places, slots = StreamSlots(1), ComputeSlots(1)
    with places.taken(), slots.taken():
        with pytest.raises(BusyError, match="live places"), places.taken():
            pass
        with pytest.raises(BusyError, match="busy"), slots.taken(patience=0.01):
            pass
    with places.taken(), slots.taken(patience=0.01):
        pass  # both came free again


# --- what the browser is sent -----------------------------------------------------------------------------


def segmentation(seed: int = 0, classes: tuple[str, ...] = ("sky", HOSTILE, "sea")) -> Segmentation:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(classes), (20, 30), np.uint8)
    scores = rng.random((20, 30), np.float32)
    palette = ((0, 0, 255), (255, 0, 0), (0, 255, 0))[: len(classes)]
    return Segmentation(labels, scores, classes, palette, 0.25, picture((20, 30), seed))


def test_labels_scores_and_shares_arrive_as_they_are() -> None:
    result = segmentation()
    sent = json.loads(encode_result(result, "note"))
    assert (pixels_of(sent["labels"]) == result.labels).all()
    assert np.abs(pixels_of(sent["scores"]) / 100 - result.scores).max() <= 0.0051
    counted = {index: float((result.labels == index).mean()) for index in range(3)}
    assert dict(sent["shares"]) == pytest.approx(counted, abs=1e-6)
    assert [index for index, _ in sent["shares"]] == sorted(counted, key=counted.__getitem__, reverse=True)


def test_flipped_pixels_are_told_by_the_classes_names_not_numbers() -> None:
    before, after = segmentation(0, ("sky", "sea", "sand")), segmentation(1, ("sand", "sky", "sea"))
    changed = flipped(before, after)
    for y, x in np.ndindex(changed.shape):
        left, right = before.classes[before.labels[y, x]], after.classes[after.labels[y, x]]
        assert changed[y, x] == (left != right)
    sent = json.loads(encode_comparison(before, after, ("left", "right")))
    assert (pixels_of(sent["flipped"]) == changed * 255).all()
    assert sent["flippedShare"] == pytest.approx(changed.mean())


@pytest.mark.parametrize("name", [name for name, make in EDITS.items() if make])
def test_each_edit_of_the_menu_changes_the_model_for_one_picture_only(name: str, tmp_path: Path) -> None:
    studio = make_studio()
    file = tmp_path / "a.png"
    Image.fromarray(picture((70, 50))).save(file)
    make = EDITS[name]
    assert make is not None
    plain = studio.segment(str(file), "tiny")
    edited = studio.segment(str(file), "tiny", edits=[make()])
    assert np.abs(plain.scores - edited.scores).max() > 1e-6
    assert (studio.segment(str(file), "tiny").scores == plain.scores).all()


def test_names_of_classes_cannot_become_html_or_markdown() -> None:
    model = small_model(classes=(HOSTILE, "[a](javascript:1)", "| cell"))
    text = describe_model(f"**{HOSTILE}**", model)
    assert "<img" not in text
    assert "[a](" not in text
    assert r"\*\*" in text


# --- pictures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", bad_uploads())
def test_a_bad_upload_gives_one_sentence_without_the_servers_folders(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(bad_uploads()[name])
    with pytest.raises(Error) as refusal:
        make_studio().segment(str(file), "tiny")
    message = str(refusal.value.message)
    assert str(tmp_path) not in message
    assert "Traceback" not in message
    assert "\n" not in message


def test_a_files_name_cannot_become_html_in_a_message(tmp_path: Path) -> None:
    file = tmp_path / "<b onclick=x>.png"
    file.write_bytes(b"no picture")
    with pytest.raises(Error) as refusal:
        open_picture(str(file), 100)
    assert "&lt;b onclick=x&gt;.png" in str(refusal.value.message)


def test_large_pictures_are_reduced_and_small_ones_left(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    Image.fromarray(picture((300, 100))).save(file)
    assert open_picture(str(file), 150).shape == (150, 50, 3)
    assert (open_picture(str(file), 300) == picture((300, 100))).all()


def test_examples_are_files_that_exist_and_can_be_read() -> None:
    files = examples()
    assert len(files) >= 4
    for file in files:
        assert min(open_picture(file, 640).shape[:2]) > 100


# --- live -------------------------------------------------------------------------------------------------


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
    ],
)
def test_a_block_or_head_that_is_not_there_is_refused(gaze: dict[str, int]) -> None:
    stream = LiveStream(make_studio(), "tiny")
    with pytest.raises(ValueError, match="no such stage"):
        stream.configure(json.dumps({"model": "tiny", "gaze": {"x": 0.5, "y": 0.5, **gaze}}))


def ask(stream: LiveStream, image: np.ndarray, number: int = 7) -> tuple[dict[str, Any], list[np.ndarray]]:
    return read_answer(stream.answer(struct.pack("<I", number) + file_bytes(image)))


def test_a_frame_that_is_a_thread_is_refused_before_it_is_decoded() -> None:
    stream = LiveStream(make_studio(), "tiny")
    with pytest.raises(ImageError, match="100000 pixels, a side beyond the limit of 2048"):
        ask(stream, np.zeros((100_000, 1, 3), np.uint8))


def test_a_frame_comes_back_with_its_number_and_the_labels_of_that_very_frame() -> None:
    stream, model = LiveStream(make_studio(), "tiny"), small_model()
    for number, seed in ((3, 1), (4, 2)):
        image = picture((40, 56), seed)
        header, (labels,) = ask(stream, image, number)
        with torch.no_grad():
            expected = model(normalize(image)[None])[0].argmax(dim=0).numpy()
        assert header["frame"] == number
        assert (labels == expected).mean() > 0.99  # a tie may fall either way


@pytest.mark.parametrize("head", [None, 1])
def test_the_live_attention_is_that_of_the_fixed_point(head: int | None) -> None:
    stream, model, image = LiveStream(make_studio(), "tiny"), small_model(), picture((40, 56))
    gaze = {"x": 0.99, "y": 0.3, "stage": 1, "block": 1, "head": head}
    stream.configure(json.dumps({"model": "tiny", "gaze": gaze}))
    header, (_, heat) = ask(stream, image)
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
    stream = LiveStream(make_studio(), "tiny")
    for message in (b"", b"abc", b"\0\0\0\0no image", struct.pack("<I", 1) + png_header(5000, 5000)):
        with pytest.raises((ValueError, SwinvizError)):
            stream.answer(message)


# --- the explorer's tickets -------------------------------------------------------------------------------


def test_sessions_are_found_by_their_ticket_only_and_the_oldest_are_dropped() -> None:
    explorations, model = Sessions(capacity=2), small_model()
    sessions = [Session(model, picture(seed=seed)) for seed in range(3)]
    tickets = [explorations.open(session) for session in sessions]
    assert len(set(tickets)) == 3
    assert min(map(len, tickets)) >= 20
    assert [explorations.find(ticket) for ticket in tickets] == [None, sessions[1], sessions[2]]
    explorations.close(tickets[1])
    assert explorations.find(tickets[1]) is None


@pytest.fixture
def exploring() -> tuple[TestClient, str, Session]:
    """A client of the explorer's route, the address of an open picture, and its session."""
    explorations, session = Sessions(), Session(small_model(), picture())
    app = Starlette(
        routes=[Route(EXPLORE_PATH, explore_endpoint(explorations, ComputeSlots(1)), methods=["POST"])]
    )
    app.auth = None
    return TestClient(app), EXPLORE_PATH.format(ticket=explorations.open(session)), session


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "manifest"}', 200),
        (b'{"name": "manifest", "args": {}}' + b" " * 2**16, 413),
        (b"", 400),
        (b"null", 400),
        (b"[" * 9999, 400),
        (b'{"name": "__class__"}', 400),
        (b'{"name": "block", "args": {"stage": 99, "block": 0}}', 400),
        (b'{"name": "block", "args": {"stage": "../..", "block": {}}}', 400),
        (b'{"name": "block", "args": {"stage": 1e400, "block": 0}}', 400),
        (b'{"name": "segmentation", "args": {"edits": "' + b"x" * 9999 + b'"}}', 400),
        (b'{"name": "timeline", "args": {"x": -1, "y": 1e9}}', 400),
    ],
)
def test_the_explorer_answers_what_makes_sense_and_refuses_the_rest(
    exploring: tuple[TestClient, str, Session], body: bytes, status: int
) -> None:
    client, address, _ = exploring
    answer = client.post(address, content=body)
    assert answer.status_code == status, answer.text
    assert client.post(address, content=b'{"name": "manifest"}').status_code == 200


def test_another_site_may_not_ask_the_explorer(exploring: tuple[TestClient, str, Session]) -> None:
    client, address, _ = exploring
    answer = client.post(address, content=b'{"name": "manifest"}', headers={"Origin": "https://evil.example"})
    assert answer.status_code == 401


def test_running_out_of_memory_is_said_and_the_next_request_answered(
    exploring: tuple[TestClient, str, Session], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client, address, _ = exploring

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    file = tmp_path / "a.png"
    file.write_bytes(file_bytes(picture()))
    with monkeypatch.context() as patch:
        patch.setattr("swinviz.demo.explorations.handle", full)
        patch.setattr(SwinUPerNet, "segment", full)
        refused = client.post(address, content=b'{"name": "manifest"}')
        assert (refused.status_code, refused.text) == (503, OUT_OF_MEMORY)
        with pytest.raises(Error, match="ran out of memory"):
            make_studio().segment(str(file), "tiny")
    assert client.post(address, content=b'{"name": "manifest"}').status_code == 200
